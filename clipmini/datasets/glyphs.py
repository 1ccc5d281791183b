"""Glyphs: the fonts that matplotlib installs, against the names that the Unicode standard gives their characters.

A manifest that ships decides which glyph has which name and is in which split: names follow Python's Unicode version,
so they are not asked for again at run time. Pixels follow the installed FreeType, so they are drawn on this machine,
once, and kept in the cache.
"""

import csv
import gzip
import hashlib
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, features
from torch import Tensor
from tqdm.auto import tqdm

from clipmini.datasets.cache import cached
from clipmini.datasets.pairs import Pairs
from clipmini.files import cache_dir, package_data

SPLITS = ("train", "val", "new_names", "new_font")
VERSION = 1  # raised by hand when `draw` draws other pixels; the tests hold the bytes of each
MANIFEST = "glyphs.csv.gz"
TEMPLATES = ("{}",)
EM, BASELINE = 0.72, 0.72  # of the image's side: the font size, and how far down letters stand


def load(split: str, resolution: int = 32) -> Pairs:
    """One split: (N, 3, resolution, resolution) black ink on white, with names as captions and labels.

    train; val and new_names: names that train never shows; new_font: STIX, a family that train never shows.
    """
    keep = torch.tensor([i for i, row in enumerate(manifest()) if row[3] == split])
    images, (labels, classes) = draw_all(resolution)[keep], labelled()
    positives = all_positives(resolution)[keep]
    return Pairs(
        name="glyphs",
        split=split,
        images=images.expand(-1, 3, -1, -1),
        captions=[classes[i] for i in labels[keep].tolist()],
        labels=labels[keep],
        classes=list(classes),
        templates=TEMPLATES,
        positives=positives[:, (positives >= 0).any(dim=0)],
    )


@lru_cache(maxsize=1)
def manifest() -> list[tuple[str, int, str, str]]:
    """(font file, code point, name, split) of every glyph."""
    with gzip.open(package_data(MANIFEST), "rt") as file:
        return [(font, int(code, 16), name, split) for font, code, name, split in csv.reader(file)]


@lru_cache(maxsize=1)
def labelled() -> tuple[Tensor, list[str]]:
    """(N,) which name each glyph has, and all names in alphabetical order."""
    names = [name for _, _, name, _ in manifest()]
    classes = sorted(set(names))
    index = {name: i for i, name in enumerate(classes)}
    return torch.tensor([index[name] for name in names]), classes


@lru_cache(maxsize=2)
def all_positives(resolution: int) -> Tensor:
    """(N, P) every name that is right for each glyph at this size."""
    return names_of_equal_pixels(draw_all(resolution), labelled()[0])


@lru_cache(maxsize=2)
def draw_all(resolution: int) -> Tensor:
    """(N, 1, resolution, resolution) uint8, a row a manifest line; drawn once, then read from the cache."""
    path = cache_dir() / f"glyphs-{resolution}-v{VERSION}-{_libraries()}.safetensors"

    def make() -> dict[str, np.ndarray]:
        rows = tqdm(manifest(), desc="drawing glyphs, once", leave=False)
        return {"images": np.stack([draw(font, code, resolution) for font, code, *_ in rows])}

    return torch.from_numpy(cached(path, make)["images"])[:, None]


def draw(font: str, code_point: int, resolution: int) -> np.ndarray:
    """One glyph, (resolution, resolution) uint8: ink centred, letters on one baseline, shrunk only if it does not fit."""
    character, size = chr(code_point), resolution * EM
    left, top, right, bottom = _font(font, size).getbbox(character, anchor="ls")
    room = resolution - 2
    shrink = min(1.0, room / max(right - left, bottom - top, 1))
    if shrink < 1:
        size *= shrink
        left, top, right, bottom = _font(font, size).getbbox(character, anchor="ls")
    x = (resolution - (right - left)) // 2 - left
    y = min(max(round(resolution * BASELINE), 1 - top), resolution - 1 - bottom)
    canvas = Image.new("L", (resolution, resolution), 255)
    ImageDraw.Draw(canvas).text((x, y), character, fill=0, font=_font(font, size), anchor="ls")
    return np.asarray(canvas)


def names_of_equal_pixels(images: Tensor, labels: Tensor) -> Tensor:
    """(N, P) the labels of every image with the same pixels, padded with -1: Latin A and Greek Alpha are both right."""
    names: dict[bytes, dict[int, None]] = defaultdict(dict)  # of each picture, in order and without repeats
    pictures = [image.tobytes() for image in images.numpy()]
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        names[picture][label] = None
    rows = [list(names[picture]) for picture in pictures]
    width = max(map(len, rows))
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])


@lru_cache(maxsize=512)
def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)  # the complex one fails on some


def _libraries() -> str:
    """Twelve digits of all else that has a say in the pixels: the manifest, FreeType, matplotlib's fonts."""
    parts = (package_data(MANIFEST).read_bytes(), features.version("freetype2"), matplotlib.__version__)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
