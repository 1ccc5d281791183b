"""Digits: scikit-learn's 1,797 handwritten digits, scanned at 8 x 8. Not MNIST, and not comparable with it."""

import numpy as np
import torch
import torch.nn.functional as F

from clipmini.datasets.glyphs import BASELINE
from clipmini.datasets.pairs import Pairs

SPLITS = ("dev", "test")
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLAIN_STYLES = ("", "mathematical bold ", "mathematical sans-serif ", "mathematical monospace ")
TEMPLATES = tuple(f"{style}digit {{}}" for style in PLAIN_STYLES)  # how Unicode names a digit in a plain style
HEIGHT = 0.53  # of the image's side: as tall as a printed digit, and on the same line
DARKEN = 1.4  # a pen on a coarse scan is grey; print is black


def load(split: str, resolution: int = 32) -> Pairs:
    """One half, (N, 3, resolution, resolution) dark ink on white. dev: look freely; test: once a released checkpoint."""
    from sklearn.datasets import load_digits  # takes a second to import: only who asks for digits waits

    scans = load_digits()
    half = np.random.default_rng(0).permutation(len(scans.target))
    half = np.sort(half[: len(half) // 2] if split == "dev" else half[len(half) // 2 :])
    ink = torch.from_numpy(scans.images[half]).float()[:, None] / 16
    side = round(resolution * HEIGHT)
    ink = (DARKEN * F.interpolate(ink, size=(side, side), mode="bicubic", align_corners=False)).clamp(0, 1)
    left, top = (resolution - side) // 2, round(resolution * BASELINE) - side
    ink = F.pad(ink, [left, resolution - side - left, top, resolution - side - top])
    return Pairs(
        name="digits",
        split=split,
        images=(255 * (1 - ink)).round().to(torch.uint8).expand(-1, 3, -1, -1),
        labels=torch.from_numpy(scans.target[half]).long(),
        classes=list(NAMES),
        templates=TEMPLATES,
    )
