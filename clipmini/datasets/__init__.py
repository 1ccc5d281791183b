"""Pairs and labelled tasks behind one registry: `load(name, split=...)`, `names()`."""

from clipmini.config import choose
from clipmini.datasets import digits, glyphs, scenes
from clipmini.datasets.pairs import Pairs

REGISTRY = {"glyphs": glyphs, "digits": digits, "scenes": scenes}
REGISTRY |= {f"scenes/{task}": scenes.TaskSplits(task) for task in scenes.ALL}

__all__ = ["Pairs", "about", "load", "names", "splits"]


def names() -> list[str]:
    """The data sets that there are."""
    return list(REGISTRY)


def splits(name: str) -> tuple[str, ...]:
    """The splits of a data set. Raises ValueError, with the choices, for an unknown name."""
    return choose("data set", name, REGISTRY).SPLITS


def about(name: str, split: str) -> str:
    """A line about a split for a listing: how many images, and what is known of them."""
    source = choose("data set", name, REGISTRY)
    if hasattr(source, "about"):  # it knows without drawing 200,000 pictures
        return source.about(split)
    data = load(name, split)
    known = f"{len(set(data.captions)):,} captions" if data.captions else f"{len(data.classes)} classes"
    return f"{len(data):7,} images, {known}"


def load(name: str, split: str, resolution: int = 32) -> Pairs:
    """A split of a data set, from what comes with the install: nothing is downloaded.

    Args: resolution: px a side. Raises: ValueError, with the choices, for an unknown data set or split.
    """
    choose(f"split of {name}", split, dict.fromkeys(splits(name)))
    if not 16 <= resolution <= 256:
        raise ValueError(f"resolution must be between 16 and 256 px, got {resolution}")
    return REGISTRY[name].load(split, resolution)
