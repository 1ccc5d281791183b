"""Finished pictures as they ship: contact sheets of 64 x 64, lossless WebP, grey and coloured ones apart.

Beside each other, drawings of one set compress to a third of what they take alone.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from clipmini.files import atomic_write

ACROSS = 64  # pictures to a row of a sheet, and rows to a sheet


def count(pictures: int) -> int:
    """How many sheets so many pictures take."""
    return -(-pictures // ACROSS**2)


def write(folder: Path, name: str, pictures: np.ndarray) -> None:
    """Files NAME-00.webp and so on. pictures: (N, S, S) or (N, S, S, 3) uint8."""
    for number, start in enumerate(range(0, len(pictures), ACROSS**2)):
        with atomic_write(folder / f"{name}-{number:02}.webp") as partial:
            partial.write_bytes(_packed(pictures[start : start + ACROSS**2]))


def read(paths: Sequence[Path], count: int, side: int) -> np.ndarray:
    """The pictures of some sheets: (count, side, side, 3) uint8, all channels equal in grey ones."""
    with ThreadPoolExecutor() as pool:  # decoding leaves Python to its other threads
        parts = list(pool.map(lambda path: _unpacked(path, side), paths))
    return np.concatenate(parts)[:count]


def _packed(pictures: np.ndarray) -> bytes:
    rows = -(-len(pictures) // ACROSS)
    paper = np.full((rows * ACROSS, *pictures.shape[1:]), 255, np.uint8)
    paper[: len(pictures)] = pictures
    side, rest = pictures.shape[1], pictures.shape[3:]
    lines = paper.reshape(rows, ACROSS, side, side, *rest).swapaxes(1, 2)
    packed = io.BytesIO()
    Image.fromarray(lines.reshape(rows * side, ACROSS * side, *rest)).save(packed, "WEBP", lossless=True, quality=100, method=6)
    return packed.getvalue()


def _unpacked(path: Path, side: int) -> np.ndarray:
    sheet = np.asarray(Image.open(path))
    rows = len(sheet) // side
    return sheet.reshape(rows, side, ACROSS, side, 3).swapaxes(1, 2).reshape(rows * ACROSS, side, side, 3)
