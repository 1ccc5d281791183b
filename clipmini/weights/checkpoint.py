"""Checkpoints: a safetensors file that holds weights, configuration and vocabulary together."""

import json
from pathlib import Path

import torch

from clipmini import tensors
from clipmini.config import CLIPConfig
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.weights.configured import check_is_as_configured
from clipmini.weights.uncompiled import state_dict, uncompiled
from clipmini.weights.unfilled import unfilled

FORMAT = "clipmini-1"


def save(model: CLIP, path: str | Path, *, tokenizer: Tokenizer | None = None, dtype: torch.dtype = torch.float32) -> None:
    """Write weights, configuration and vocabulary, in one atomic step; the same model makes the same bytes.

    Args:
        model: compiled or not; tied weights are written twice.
        path: of the file.
        tokenizer: whose vocabulary goes along.
        dtype: of all weights that are not counts.
    Raises: ValueError if a part of the model is not what its configuration says (a file would read back as another model), if
    the vocabulary does not match the weights, or the file cannot be written (what was there before is unchanged).
    """
    model = uncompiled(model)
    check_is_as_configured(model)
    metadata = {"format": FORMAT, "config": json.dumps(model.config.to_dict())}
    if tokenizer is not None:
        check_vocabulary(model, tokenizer)
        merges = json.dumps(tokenizer.merges)
        metadata |= {"scheme": tokenizer.scheme, "merges": merges, "vocabulary": tokenizer.hash}
    weights = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state_dict(model).items()}
    tensors.write(path, weights, metadata)


def load(path: str | Path) -> tuple[CLIP, Tokenizer | None]:
    """The model, in fp32 and evaluation mode, and its tokenizer if the file has one.

    Weights that are stored in fp32 are mapped, not copied: replace the file if you like, but do not write into it.
    Raises: ValueError if the file is missing, truncated, changed, of another format, or its parts do not fit together.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}")
    weights, metadata = tensors.read(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by clipmini: expected format {FORMAT}, got {metadata.get('format')}")
    model = _unfilled(path, _config(path, metadata))
    try:  # the file is mapped into memory, and its tensors become the model's
        model.load_state_dict({key: t.float() if t.is_floating_point() else t for key, t in weights.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit their configuration: {error}") from error
    tokenizer = _tokenizer(path, metadata)
    if tokenizer is not None:
        check_vocabulary(model, tokenizer)
    return model.eval(), tokenizer


def _unfilled(path: Path, config: CLIPConfig) -> CLIP:
    try:
        return unfilled(config)
    except (RuntimeError, MemoryError) as error:  # sizes that are possible one by one, but not together
        raise ValueError(f"the configuration in {path} asks for more memory than there is: {config}") from error


def check_vocabulary(model: CLIP, tokenizer: Tokenizer) -> None:
    """Raise ValueError if the model's embedding table is of another size than the vocabulary."""
    expected = model.config.text.vocab_size
    if tokenizer.vocab_size != expected:
        raise ValueError(f"the model reads {expected} token ids, but this vocabulary has {tokenizer.vocab_size}")


def _config(path: Path, metadata: dict[str, str]) -> CLIPConfig:
    try:
        return CLIPConfig.from_dict(json.loads(metadata.get("config", "null")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} has no configuration that can be read: {error}") from error


def _tokenizer(path: Path, metadata: dict[str, str]) -> Tokenizer | None:
    if "merges" not in metadata:
        return None
    try:
        tokenizer = Tokenizer(json.loads(metadata["merges"]), metadata.get("scheme", "clip"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} has no vocabulary that can be read: {error}") from error
    if tokenizer.hash != metadata.get("vocabulary"):
        raise ValueError(f"the vocabulary in {path} is not the one that its weights were trained with")
    return tokenizer
