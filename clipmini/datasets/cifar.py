"""What CIFAR-10 and CIFAR-100 share: tiny photographs (Krizhevsky, 2009), downloaded when they are first asked for.

The archives are checked and resumed as all our downloads are; torchvision unpacks them, and checks each part. Class names
and templates are those of the paper (openai/CLIP, data/prompts.md); they are in data/cifar.json.
"""

import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from clipmini.datasets.cache import cached
from clipmini.datasets.pairs import Pairs
from clipmini.datasets.prompts import fill
from clipmini.download import Remote, fetch
from clipmini.files import cache_dir, package_data

SIDE = 32  # px
VERSION = 1  # raised by hand when `unpack` returns something else
HOME = "https://www.cs.toronto.edu/~kriz"
SHA256 = {
    "cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
}
REMOTES = [Remote(file, [f"{HOME}/{file}"], sha256, by_path=False) for file, sha256 in SHA256.items()]
ARCHIVES = dict(zip(("CIFAR10", "CIFAR100"), REMOTES, strict=True))  # by torchvision's names
CHUNK = 1000  # pictures that are resized at a time


@lru_cache(maxsize=1)
def words() -> dict:
    """templates: sentences with one {}; cifar10: its classes; cifar100: its superclasses, each with the classes in it."""
    return json.loads(package_data("cifar.json").read_text(encoding="utf-8"))


def half(name: str, which: str) -> tuple[UInt8[Tensor, "N 3 32 32"], Int[Tensor, "N"]]:
    """Pictures and labels of the official halves, train or test. name: what torchvision calls the data set.

    Raises: ConnectionError, with what to do, if they are not here and cannot be had; ValueError if they cannot be kept.
    """
    parts = cached(_path(name), lambda: unpack(name))
    return torch.from_numpy(parts[f"{which}_images"]), torch.from_numpy(parts[f"{which}_labels"])


def unpack(name: str) -> dict[str, np.ndarray]:
    """The archive's pictures, (N, 3, 32, 32), and labels, (N,), by half; downloaded if need be."""
    from torchvision import datasets  # a second to import

    archive, parts = fetch(ARCHIVES[name]), {}
    with TemporaryDirectory() as folder:
        datasets.utils.extract_archive(str(archive), folder)
        for which in ("train", "test"):
            found = getattr(datasets, name)(folder, train=which == "train")
            parts[f"{which}_images"] = np.ascontiguousarray(found.data.transpose(0, 3, 1, 2))
            parts[f"{which}_labels"] = np.array(found.targets, np.int64)
    return parts


def pairs(name: str, split: str, images: Tensor, labels: Tensor, classes: list[str], resolution: int) -> Pairs:
    """Photographs with their classes' names, in the first of the paper's templates, as captions."""
    templates = tuple(words()["templates"])
    return Pairs(
        name=name,
        split=split,
        images=resized(images, resolution),
        captions=[fill(templates[0], classes[i]) for i in labels.tolist()],
        labels=labels,
        classes=list(classes),
        templates=templates,
    )


def resized(images: UInt8[Tensor, "N 3 h w"], resolution: int) -> UInt8[Tensor, "N 3 H W"]:
    """Bicubic, antialiased; untouched if they have that size."""
    from torchvision.transforms.v2 import InterpolationMode, functional

    if resolution == images.shape[-1]:
        return images
    made = torch.empty(len(images), 3, resolution, resolution, dtype=torch.uint8)
    for rows in torch.arange(len(images)).split(CHUNK):  # floats of all at once would be four times as large
        made[rows] = functional.resize(images[rows], [resolution, resolution], InterpolationMode.BICUBIC, antialias=True)
    return made


def about(name: str, images: int, classes: int) -> str:
    """A line for a listing; nothing is downloaded."""
    here = any(path.is_file() for path in (_path(name), cache_dir() / ARCHIVES[name].name))
    return f"{images:7,} images, {classes} classes{'' if here else ', 170 MB to download once'}"


def _path(name: str) -> Path:
    return cache_dir() / f"{name.lower()}-v{VERSION}.safetensors"
