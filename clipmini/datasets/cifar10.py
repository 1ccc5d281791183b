"""CIFAR-10: 60,000 photographs of 32 x 32 px in ten classes, downloaded when they are first asked for."""

from clipmini.datasets import cifar
from clipmini.datasets.pairs import Pairs

SIZES = {"train": 50_000, "test": 10_000}
SPLITS = tuple(SIZES)


def load(split: str, resolution: int = cifar.SIDE) -> Pairs:
    """An official half, (N, 3, resolution, resolution), with captions "a photo of a {class}.", labels and templates.

    Raises: ConnectionError, with what to do, if it cannot be downloaded.
    """
    images, labels = cifar.half("CIFAR10", split)
    return cifar.pairs("cifar10", split, images, labels, cifar.words()["cifar10"], resolution)


def about(split: str) -> str:
    """A line for a listing; nothing is downloaded."""
    return cifar.about("CIFAR10", SIZES[split], 10)
