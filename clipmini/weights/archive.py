"""The released files: TorchScript archives, opened and written here and nowhere else, and turned into safetensors once."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.weights.checkpoint import save
from clipmini.weights.released import from_openai, to_openai

FP32 = ("embedding", "ln_", "bn", "downsample.1", "logit_scale")  # parts of keys that the released files keep in fp32


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


def write_archive(model: CLIP, path: str | Path) -> None:
    """Write a model as the released files are written: a TorchScript archive, matrices and their biases in fp16.

    Embeddings, normalisations and the scale stay in fp32; the three numbers that the released files hold beside their
    weights are there too. Raises: ValueError if the file can not be written.
    """
    text, vision = model.config.text, model.config.vision
    root = nn.Module()
    for key, value in to_openai(model).items():
        *modules, name = key.split(".")
        holder = root
        for module in modules:
            if not hasattr(holder, module):
                holder.add_module(module, nn.Module())
            holder = getattr(holder, module)
        keep = not value.is_floating_point() or any(part in key for part in FP32)
        holder.register_buffer(name, value if keep else value.half())
    numbers = {"input_resolution": vision.resolution, "context_length": text.context_length, "vocab_size": text.vocab_size}
    for name, number in numbers.items():
        root.register_buffer(name, torch.tensor(number))
    with atomic_write(path) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        torch.jit.script(root).save(str(partial))
