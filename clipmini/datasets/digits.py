"""Digits: scikit-learn's 1,797 handwritten digits, scanned at 8 x 8. Not MNIST, and not comparable with it."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from clipmini.datasets.pairs import Pairs

SPLITS = ("dev", "test")
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEMPLATES = ("digit {}",)
INK = 0.625  # of the image's side: a scan is as tall as a printed digit, with the same white around it


def load(split: str, resolution: int = 32) -> Pairs:
    """One half, (N, 3, resolution, resolution) dark ink on white. dev: look freely; test: once a released checkpoint."""
    scans = load_digits()
    half = np.random.default_rng(0).permutation(len(scans.target))
    half = np.sort(half[: len(half) // 2] if split == "dev" else half[len(half) // 2 :])
    ink = torch.from_numpy(scans.images[half]).float()[:, None] / 16
    side = round(resolution * INK)
    ink = F.interpolate(ink, size=(side, side), mode="bicubic", align_corners=False).clamp(0, 1)
    before = (resolution - side) // 2
    ink = F.pad(ink, [before, resolution - side - before] * 2)
    return Pairs(
        name="digits",
        split=split,
        images=(255 * (1 - ink)).round().to(torch.uint8).expand(-1, 3, -1, -1),
        labels=torch.from_numpy(scans.target[half]).long(),
        classes=list(NAMES),
        templates=TEMPLATES,
    )
