"""The released files: TorchScript archives, opened here and nowhere else, and turned into safetensors once."""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from clipmini.tokenizer import Tokenizer
from clipmini.weights.checkpoint import save
from clipmini.weights.released import from_openai


def read_archive(path: str | Path) -> dict[str, Tensor]:
    """The state_dict of a TorchScript archive, on the CPU, in the precision that it is stored in.

    Opening one can run code that lies in it: only open what you trust, such as a file whose SHA-256 is the released one.
    Raises: ValueError if there is no such file, or it is no whole TorchScript archive.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer versions of torch say that they will no longer write such files
            return dict(torch.jit.load(path, map_location="cpu").state_dict())
    except RuntimeError as error:
        raise ValueError(f"{path} is not a whole TorchScript archive: {str(error).splitlines()[0]}") from error


def convert_archive(archive: str | Path, path: str | Path, tokenizer: Tokenizer | None = None) -> None:
    """Write a released archive as a checkpoint of ours, in fp32. Raises: ValueError for what is no released archive."""
    save(from_openai(read_archive(archive)), path, tokenizer=tokenizer)
