"""CIFAR-100: 60,000 photographs of 32 x 32 px in a hundred classes, downloaded when they are first asked for.

Twenty classes are kept from training, one of each superclass, drawn by lot: their names are new to a model that was trained
on the rest. Who scores a model that CIFAR did not train may take `test` and `new_names` together.
"""

import torch
from torch import Tensor

from clipmini.datasets import cifar
from clipmini.datasets.pairs import Pairs
from clipmini.datasets.prompts import fill

SIZES = {"train": 40_000, "test": 8_000, "new_names": 2_000}
SPLITS = tuple(SIZES)


def load(split: str, resolution: int = cifar.SIDE) -> Pairs:
    """One split, (N, 3, resolution, resolution), with captions "a photo of a {class}.", labels and templates.

    train, test: the official halves of 80 classes; new_names: the test half of the other 20, as labels among those 20.
    Raises: ConnectionError, with what to do, if it cannot be downloaded.
    """
    images, labels, classes = _rows(split)  # wordings(split) becomes a field of Pairs once there is one
    return cifar.pairs("cifar100", split, images, labels, classes, resolution)


def about(split: str) -> str:
    """A line for a listing; nothing is downloaded."""
    return cifar.about("CIFAR100", SIZES[split], len(_classes(split)))


def wordings(split: str) -> list[tuple[str, str]]:
    """Two captions a picture, in the order of `load`: its class, and its superclass in the singular ("vehicle" for two)."""
    _, labels, classes = _rows(split)
    coarse = {name: group["name"] for group in cifar.words()["cifar100"] for name in group["classes"]}
    template = cifar.words()["templates"][0]
    both = [(fill(template, name), fill(template, coarse[name])) for name in classes]
    return [both[i] for i in labels.tolist()]


def _rows(split: str) -> tuple[Tensor, Tensor, list[str]]:
    """Pictures, labels and classes of a split."""
    images, labels = cifar.half("CIFAR100", "train" if split == "train" else "test")
    every, classes = _all_classes(), _classes(split)
    renumbered = torch.tensor([classes.index(name) if name in classes else -1 for name in every])[labels]
    rows = renumbered >= 0
    return images[rows], renumbered[rows], classes


def _all_classes() -> list[str]:
    """In the order of the official labels, which is alphabetical."""
    return sorted(name for group in cifar.words()["cifar100"] for name in group["classes"])


def _classes(split: str) -> list[str]:
    held_out = {group["held_out"] for group in cifar.words()["cifar100"]}
    return [name for name in _all_classes() if (name in held_out) == (split == "new_names")]
