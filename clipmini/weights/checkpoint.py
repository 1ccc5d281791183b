"""Checkpoints: a safetensors file that holds weights, configuration and vocabulary together."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from clipmini.config import CLIPConfig
from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.weights.unfilled import unfilled

FORMAT = "clipmini-1"


def save(model: CLIP, path: str | Path, *, tokenizer: Tokenizer | None = None, dtype: torch.dtype = torch.float32):
    """Write weights (as dtype), configuration, and the tokenizer's merges and hash, in one atomic step.

    Raises: ValueError if the vocabulary does not match the weights, or the file can not be written (what was there
    before is unchanged).
    """
    metadata = {"format": FORMAT, "config": json.dumps(model.config.to_dict())}
    if tokenizer is not None:
        check_vocabulary(model, tokenizer)
        merges = json.dumps(tokenizer.merges)
        metadata |= {"scheme": tokenizer.scheme, "merges": merges, "vocabulary": tokenizer.hash}
    tensors = {
        key: value.to(dtype if value.is_floating_point() else value.dtype).contiguous().cpu()
        for key, value in model.state_dict().items()
    }
    with atomic_write(path) as partial:
        try:
            save_file(tensors, partial, metadata)
        except SafetensorError as error:  # a full disk arrives as this
            raise OSError(str(error)) from error


def load(path: str | Path) -> tuple[CLIP, Tokenizer | None]:
    """The model, in fp32 and evaluation mode, and its tokenizer if the file has one.

    Weights that are stored in fp32 are mapped, not copied: replace the file if you like, but do not write into it.

    Raises: ValueError if the file is missing, truncated, of another format, or its parts do not fit together.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}); pickles and TorchScript archives are never opened"
        ) from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by clipmini: expected format {FORMAT}, got {metadata.get('format')}")
    model = unfilled(CLIPConfig.from_dict(json.loads(metadata.get("config", "{}"))))
    try:  # the file is mapped into memory, and its tensors become the model's
        model.load_state_dict({key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit their configuration: {error}") from error
    tokenizer = None
    if "merges" in metadata:
        tokenizer = Tokenizer(json.loads(metadata["merges"]), metadata.get("scheme", "clip"))
        if tokenizer.hash != metadata.get("vocabulary"):
            raise ValueError(f"the vocabulary in {path} is not the one that its weights were trained with")
        check_vocabulary(model, tokenizer)
    return model.eval(), tokenizer


def is_whole(path: str | Path) -> bool:
    """Whether there is a safetensors file, as long as its header says; what its weights are worth is not looked at."""
    try:
        with safe_open(path, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def check_vocabulary(model: CLIP, tokenizer: Tokenizer) -> None:
    """Raise ValueError if the model's embedding table is of another size than the vocabulary."""
    expected = model.config.text.vocab_size
    if tokenizer.vocab_size != expected:
        raise ValueError(f"the model reads {expected} token ids, but this vocabulary has {tokenizer.vocab_size}")
