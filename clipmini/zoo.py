"""Models by name: weights, tokenizer and preprocessing together."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from clipmini.clip import CLIP
from clipmini.files import data_folder
from clipmini.tokenizer import Tokenizer
from clipmini.transforms import preprocess
from clipmini.weights import load as load_weights


class Loaded(NamedTuple):
    """What `load` returns; unpacks as three. preprocess: PIL image -> (3, H, W)."""

    model: CLIP
    tokenizer: Tokenizer
    preprocess: partial


def names() -> list[str]:
    """The checkpoints that ship."""
    return sorted(path.stem for path in data_folder().glob("*.safetensors"))


def load(name: str | Path) -> Loaded:
    """A shipped checkpoint by name, or any checkpoint by its path.

    Raises: ValueError, with the choices, if there is no such checkpoint, or it has no vocabulary.
    """
    path = data_folder() / f"{name}.safetensors" if str(name) in names() else Path(name)
    if not path.is_file():
        raise ValueError(f"no checkpoint {str(name)!r}; choose from: {', '.join(names())}, or give a file's path")
    model, tokenizer = load_weights(path)
    if tokenizer is None:
        raise ValueError(f"{path} holds no vocabulary: save it with weights.save(model, path, tokenizer=tok)")
    return Loaded(model, tokenizer, partial(preprocess, resolution=model.config.vision.resolution))
