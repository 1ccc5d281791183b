"""The released files: TorchScript archives, read and written here and nowhere else, and turned into safetensors once."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmini.config import HEAD_WIDTH, CLIPConfig
from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.weights.checkpoint import save
from clipmini.weights.released import from_openai, infer_config, to_openai
from clipmini.weights.torchscript import read_tensors
from clipmini.weights.uncompiled import uncompiled

FP32 = ("embedding", "ln_", "bn", "downsample.1", "logit_scale")  # parts of keys that the released files keep in fp32


def read_archive(path: str | Path) -> dict[str, Tensor]:
    """The state_dict of a TorchScript archive, on the CPU, in the precision that it is stored in; its code is not run.

    Raises: ValueError if there is no such file, it is no whole TorchScript archive, or it holds more than tensors.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    return read_tensors(path)


def convert_archive(archive: str | Path, path: str | Path, tokenizer: Tokenizer | None = None) -> None:
    """Write a released archive as a checkpoint of ours, in fp32. Raises: ValueError for what is no released archive."""
    save(from_openai(read_archive(archive)), path, tokenizer=tokenizer)


def write_archive(model: CLIP, path: str | Path) -> None:
    """Write a model as the released files are written: a TorchScript archive, matrices and their biases in fp16.

    Embeddings, normalisations and the scale stay in fp32; the three numbers that the released files hold beside their
    weights are there too.
    Raises: ValueError if the file cannot be written, or would be read back as another model: it has no place for heads.
    """
    config, weights = uncompiled(model).config, to_openai(model)
    if infer_config(weights) != config:
        raise ValueError(
            f"a released file does not say how many heads a model has, it is read with width / {HEAD_WIDTH} of them: "
            f"expected {_heads(infer_config(weights))}, got {_heads(config)}; weights.save keeps them"
        )
    root = nn.Module()
    for key, value in weights.items():
        *modules, name = key.split(".")
        holder = root
        for module in modules:
            if not hasattr(holder, module):
                holder.add_module(module, nn.Module())
            holder = getattr(holder, module)
        keep = not value.is_floating_point() or any(part in key for part in FP32)
        holder.register_buffer(name, value if keep else value.half())
    text, vision = config.text, config.vision
    numbers = {"input_resolution": vision.resolution, "context_length": text.context_length, "vocab_size": text.vocab_size}
    for name, number in numbers.items():
        root.register_buffer(name, torch.tensor(number))
    with atomic_write(path) as partial, open(partial, "wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch say that they will no longer write such files
        torch.jit.save(torch.jit.script(root), file)


def _heads(config: CLIPConfig) -> str:
    return f"{config.vision.heads} in the image tower and {config.text.heads} in the text tower"
