"""Pairs and labelled tasks behind one registry: `load(name, split=...)`, `names()` (paper section 2.2).

    pairs           what every data set is
    drawings                                people's drawings of things, with their names for them
    glyphs  digits  scenes                  a new data set is a module like these, named in FAMILIES
    stamps                                  read where a package of the system has put them
    cifar10  cifar100                       downloaded once; cifar is what they share
    cache           what is drawn once
    transforms      from a picture to what a model reads
    augmentation    what is done to the pictures of a batch
    mixed           a tensor that keeps grey pictures in one channel
    batch           what an objective is given
    prompts         class names in sentences
"""

import importlib

from clipmini.config import choose
from clipmini.datasets.pairs import Pairs

FAMILIES = ("drawings", "glyphs", "digits", "scenes", "stamps", "cifar10", "cifar100")  # modules, imported when first asked for
RESOLUTIONS = range(16, 257)  # px a side that pictures are drawn at

__all__ = ["Pairs", "about", "load", "names", "splits"]


def __getattr__(name: str):
    """`datasets.scenes` and its like, on first use."""
    if name in FAMILIES:
        return importlib.import_module(f"clipmini.datasets.{name}")
    raise AttributeError(f"module 'clipmini.datasets' has no attribute {name!r}")


def names() -> list[str]:
    """The data sets that there are: a family, or a task of a family after a slash."""
    return [name for family in FAMILIES for name in _sources(family)]


def splits(name: str) -> tuple[str, ...]:
    """The splits of a data set. Raises ValueError, with the choices, for an unknown name."""
    return _source(name).SPLITS


def about(name: str, split: str) -> str:
    """A line about a split for a listing: how many images, and what is known of them."""
    if hasattr(_source(name), "about"):  # it knows without drawing 200,000 pictures
        return _source(name).about(split)
    data = load(name, split)
    known = f"{len(set(data.captions)):,} captions" if data.captions else f"{len(data.classes)} classes"
    return f"{len(data):7,} images, {known}"


def load(name: str, split: str, resolution: int = 32) -> Pairs:
    """A split of a data set. Only cifar10 and cifar100 are downloaded, once; stamps have to be installed.

    Args: resolution: px a side. Raises: ValueError, with the choices, for an unknown data set or split; with what to do, for
    stamps that are not installed. ConnectionError, with what to do, for a download that fails.
    """
    choose(f"split of {name}", split, dict.fromkeys(splits(name)))
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution must be between 16 and 256 px, got {resolution}")
    return _source(name).load(split, resolution)


def _source(name: str):
    """What has the SPLITS of a data set and loads them."""
    family = name.partition("/")[0]
    if family not in FAMILIES:
        choose("data set", name, dict.fromkeys(FAMILIES))
    return choose("data set", name, _sources(family))


def _sources(family: str) -> dict:
    module = importlib.import_module(f"clipmini.datasets.{family}")
    return {family: module} | getattr(module, "TASK_SPLITS", {})
