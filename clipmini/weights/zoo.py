"""Models by name: weights, tokenizer and preprocessing together."""

import json
from functools import lru_cache, partial
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock

from clipmini.config import choose
from clipmini.datasets.transforms import preprocess
from clipmini.download import Remote, fetch
from clipmini.files import cache_dir, data_folder, package_data
from clipmini.models.clip import CLIP
from clipmini.tokenizer.tokenizer import RELEASED_MERGES, SCHEMES, Tokenizer
from clipmini.weights import convert_archive, is_whole, write_archive
from clipmini.weights import load as load_weights


class Loaded(NamedTuple):
    """What `load` returns; unpacks as three. preprocess: PIL image -> (3, H, W)."""

    model: CLIP
    tokenizer: Tokenizer
    preprocess: partial


def names() -> list[str]:
    """The checkpoints that ship."""
    return sorted(path.stem for path in data_folder().glob("*.safetensors"))


@lru_cache(maxsize=1)
def released() -> dict[str, Remote]:
    """The nine archives that OpenAI released, by their models' names."""
    known = json.loads(package_data("released.json").read_text())
    return {
        name: Remote(file["file"], [source.format(**file) for source in known["sources"]], file["sha256"])
        for name, file in known["models"].items()
    }


def load(name: str | Path) -> Loaded:
    """A shipped checkpoint by name, a released model by name, or any checkpoint of ours by its path.

    A released model is downloaded into the cache the first time, and converted there to safetensors in fp32.
    Raises: ValueError, with the choices, if there is no such checkpoint, or it has no vocabulary; ConnectionError, saying
    what to do, if a released model can not be had.
    """
    path = _path(str(name))
    if not path.is_file():
        choices = ", ".join([*names(), *released()])
        raise ValueError(f"no checkpoint {str(name)!r}; choose from: {choices}, or give a file's path")
    model, tokenizer = load_weights(path)
    if tokenizer is None:
        raise ValueError(f"{path} holds no vocabulary: save it with weights.save(model, path, tokenizer=tok)")
    return Loaded(model, tokenizer, partial(preprocess, resolution=model.config.vision.resolution))


def _path(name: str) -> Path:
    if name in names():
        return data_folder() / f"{name}.safetensors"
    return _converted(released()[name]) if name in released() else Path(name)


def _converted(archive: Remote) -> Path:
    """The path of a released model in our format, made from its archive the first time."""
    path = cache_dir() / Path(archive.name).with_suffix(".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not is_whole(path):
            tokenizer = Tokenizer.openai()  # the smaller download first
            convert_archive(fetch(archive), path, tokenizer)
    return path


class Archive(NamedTuple):
    """A file of the released format and a vocabulary of its size. real: whether OpenAI made them, or `stand_in` did."""

    path: Path
    tokenizer: Tokenizer
    real: bool


def archive(name: str) -> Archive:
    """A released archive with its vocabulary; where they can not be had, a stand-in that holds random numbers.

    Raises: ValueError, with the choices, for an unknown name.
    """
    remote = choose("released model", name, released())
    try:
        tokenizer = Tokenizer.openai()  # the smaller download first
        return Archive(fetch(remote), tokenizer, real=True)
    except ConnectionError:
        return stand_in(name)


def stand_in(name: str, seed: int = 0) -> Archive:
    """A released file's format, keys, shapes and precisions, filled with fresh weights; made anew at each call.

    Biases and gains get noise as well: at zero and one they would hide a mistake. In place of the released vocabulary
    there are as many ids, each merge joining two bytes.
    """
    remote = choose("released model", name, released())
    path = cache_dir() / f"random-{remote.name}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP.from_preset(name)
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.data.add_(0.1 * torch.randn_like(parameter))
    write_archive(model, path)
    base = SCHEMES["clip"].base
    pairs = islice(product(base[:256], base), RELEASED_MERGES)
    return Archive(path, Tokenizer(list(pairs)), real=False)
