"""From pictures to what a model reads; and batched augmentation on the device.

Shapes: N images, 3 channels, H x W px.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from clipmini.config import choose

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def preprocess(image: Image.Image, resolution: int) -> Float[Tensor, "3 H W"]:
    """One picture as the released models read it: bicubic resize of the short side, centre crop, RGB, normalise.

    Raises: ValueError if it is not a PIL image, has no pixels, or its file is broken.
    """
    if not isinstance(image, Image.Image):
        raise ValueError(f"expected a PIL image, got {type(image).__name__}: open the file with PIL.Image.open")
    width, height = image.size
    if min(width, height) == 0:
        raise ValueError(f"the image has no pixels: {width} x {height}")
    short, long = min(width, height), max(width, height)
    longer = int(resolution * long / short)
    size = (resolution, longer) if width <= height else (longer, resolution)
    try:
        image = image.resize(size, Image.Resampling.BICUBIC)  # PIL only: tensor resizing gives other embeddings
    except OSError as error:  # a file is read when its pixels are first needed
        raise ValueError(f"the image cannot be read: {error}") from error
    left, top = (round((side - resolution) / 2) for side in image.size)
    image = image.crop((left, top, left + resolution, top + resolution)).convert("RGB")
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return normalize(pixels[None])[0]


def normalize(images: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
    """0..255 to zero mean and unit deviation, by the constants of the released models; one grey channel becomes three.

    Raises: ValueError if the images have another shape, or are not uint8: scaled twice, they would all look black.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 images, 0 to 255, got {images.dtype}")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected images of shape (N, 3, H, W) or (N, 1, H, W), got {tuple(images.shape)}")
    return standardize(images.float() / 255)


def standardize(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
    """0..1 to zero mean and unit deviation; a single grey channel becomes three."""
    mean, std = (torch.tensor(c, device=images.device).view(3, 1, 1) for c in (MEAN, STD))
    return (images - mean) / std


class Rng:
    """Random numbers for one batch, from a generator on the CPU, so that a seed means the same on any device."""

    def __init__(self, generator: torch.Generator, device):
        self.generator, self.device = generator, device

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(n, generator=self.generator)).to(self.device)


def crop(images: Tensor, rng: Rng) -> Tensor:
    """The paper's only augmentation: a random square crop of the resized image."""
    n = len(images)
    zoom = rng.uniform(n, 0.9, 1.0)
    room = 1 - zoom
    return warp(images, zoom=(zoom, zoom), shift=(room * rng.uniform(n, -1, 1), room * rng.uniform(n, -1, 1)))


def mild(images: Tensor, rng: Rng) -> Tensor:
    """A page held a little crooked: slight rotation, zoom and shift."""
    return _move(images, rng, angle=5, zoom=0.12, stretch=0.05, slant=0.1, shift=0.1)


def handwriting(images: Tensor, rng: Rng) -> Tensor:
    """As if written by hand: slanted, stretched, thicker and thinner strokes, blurred. Half the batch stays mild."""
    half = len(images) // 2
    rough = _move(images[half:], rng, angle=12, zoom=0.25, stretch=0.2, slant=0.45, shift=0.15)
    return torch.cat([mild(images[:half], rng), blur(thicken(rough, rng), rng)])


AUGMENTATIONS: dict[str, Callable[[Tensor, Rng], Tensor]] = {
    "none": lambda images, rng: images,
    "crop": crop,
    "mild": mild,
    "handwriting": handwriting,
}


def augment(images: UInt8[Tensor, "N C H W"], name: str, generator: torch.Generator) -> Float[Tensor, "N 3 H W"]:
    """A batch of one or three channels, augmented and normalised where it lies.

    Raises: ValueError, with the choices, for an unknown name.
    """
    change = choose("augmentation", name, AUGMENTATIONS)
    return standardize(change(images.float() / 255, Rng(generator, images.device)))


def warp(images: Tensor, *, zoom, shift, angle=None, slant=None) -> Tensor:
    """An affine map an image; what comes in from outside repeats the border. zoom: part of the side that is seen."""
    n = len(images)
    if n == 0:
        return images  # half of a batch of one; affine_grid refuses it
    angle = torch.zeros(n, device=images.device) if angle is None else angle
    slant = torch.zeros(n, device=images.device) if slant is None else slant
    (zoom_x, zoom_y), (shift_x, shift_y) = zoom, shift
    cos, sin = angle.cos(), angle.sin()
    rows = [zoom_x * cos, zoom_x * (slant * cos - sin), shift_x, zoom_y * sin, zoom_y * (slant * sin + cos), shift_y]
    theta = torch.stack(rows, dim=1).view(n, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def thicken(images: Tensor, rng: Rng) -> Tensor:
    """Dark strokes grow or shrink by a random part of a pixel."""
    n = len(images)
    thicker = -F.max_pool2d(-images, 3, stride=1, padding=1)
    thinner = F.max_pool2d(images, 3, stride=1, padding=1)
    amount = rng.uniform(n, -0.4, 0.8).view(n, 1, 1, 1)
    return images + amount.clamp(min=0) * (thicker - images) + (-amount).clamp(min=0) * (thinner - images)


def blur(images: Tensor, rng: Rng) -> Tensor:
    """A random mix of the image with its local averages, as a coarse scan shows it."""
    n = len(images)
    padded = F.pad(images, [2, 2, 2, 2], mode="replicate")
    soft = F.avg_pool2d(F.avg_pool2d(padded, 3, stride=1), 3, stride=1)
    amount = rng.uniform(n, 0, 1).view(n, 1, 1, 1)
    return images + amount * (soft - images)


def _move(images, rng, *, angle, zoom, stretch, slant, shift):
    n = len(images)
    size, wide = 1 + rng.uniform(n, -zoom, zoom), 1 + rng.uniform(n, -stretch, stretch)
    return warp(
        images,
        zoom=(size * wide, size / wide),
        shift=(rng.uniform(n, -shift, shift), rng.uniform(n, -shift, shift)),
        angle=math.pi / 180 * rng.uniform(n, -angle, angle),
        slant=rng.uniform(n, -slant, slant),
    )
