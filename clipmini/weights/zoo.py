"""Models by name: weights, tokenizer and preprocessing together."""

import json
from contextlib import suppress
from functools import lru_cache, partial
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock

from clipmini.config import check_seed, choose
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
    what to do, if a released model cannot be had.
    """
    path, model, tokenizer = _find(str(name))
    if tokenizer is None:
        raise ValueError(f"{path} holds no vocabulary: save it with weights.save(model, path, tokenizer=tok)")
    return Loaded(model, tokenizer, partial(preprocess, resolution=model.config.vision.resolution))


def _find(name: str) -> tuple[Path, CLIP, Tokenizer | None]:
    """Where a checkpoint is, and what `weights.load` makes of it."""
    if name in released():
        return _released(released()[name])
    path = data_folder() / f"{name}.safetensors" if name in names() else Path(name)
    if not path.is_file():
        choices = ", ".join([*names(), *released()])
        raise ValueError(f"no checkpoint {name!r}; choose from: {choices}, or give a file's path")
    return path, *load_weights(path)


def _released(archive: Remote) -> tuple[Path, CLIP, Tokenizer | None]:
    """A released model in our format, made from its archive the first time, and again if its file is damaged."""
    path = cache_dir() / Path(archive.name).with_suffix(".safetensors")
    with suppress(ValueError):  # tried before the lock, which a cache that is read-only would refuse
        return path, *load_weights(path)
    tokenizer = Tokenizer.openai()  # the smaller download first
    found = fetch(archive)
    try:
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        way_out = "set CLIPMINI_CACHE to a folder that you may write to"
        raise ValueError(f"cannot write {path}: {error.strerror}; {way_out}") from error
    with lock:
        if not is_whole(path):  # else another process had the lock first
            convert_archive(found, path, tokenizer)
    return path, *load_weights(path)


class Archive(NamedTuple):
    """A file of the released format and a vocabulary of its size. real: whether OpenAI made them, or `stand_in` did."""

    path: Path
    tokenizer: Tokenizer
    real: bool


def archive(name: str) -> Archive:
    """A released archive with its vocabulary; where they cannot be had, a stand-in that holds random numbers.

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
    check_seed(seed)
    remote = choose("released model", name, released())
    path = cache_dir() / f"random-{remote.name}"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every device's, too
        model = CLIP.from_preset(name)
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.data.add_(0.1 * torch.randn_like(parameter))
    write_archive(model, path)
    base = SCHEMES["clip"].base
    pairs = islice(product(base[:256], base), RELEASED_MERGES)
    return Archive(path, Tokenizer(list(pairs)), real=False)
