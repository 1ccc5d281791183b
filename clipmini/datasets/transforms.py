"""From pictures to what a model reads; and batched augmentation on the device.

Shapes: N images, 3 channels, H x W px.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image
from torch import Tensor

from clipmini.config import choose

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


MAX_PIXELS = 50_000_000  # of a resized picture: at 224 px that is one thousand times as long as it is wide
WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel


def preprocess(image: Image.Image, resolution: int) -> Float[Tensor, "3 H W"]:
    """One picture as the released models read it: bicubic resize of the short side, centre crop, RGB, normalise.

    As there, an EXIF rotation is ignored, and what has more than 8 bits a pixel is cut off above 255; a warning says so once.
    Raises: ValueError if it is not a PIL image, has no pixels, is too long for its width, or its file is broken.
    """
    if not isinstance(image, Image.Image):
        raise ValueError(f"expected a PIL image, got {type(image).__name__}: PIL.Image.open a file, fromarray an array")
    size = _resized(*image.size, resolution)
    try:
        resized = image.resize(size, Image.Resampling.BICUBIC)  # PIL only: tensor resizing gives other embeddings
    except OSError as error:  # a file is read when its pixels are first needed
        raise ValueError(f"the image cannot be read: {error}") from error
    _warn_of_losses(image)
    left, top = (round((side - resolution) / 2) for side in size)
    cropped = resized.crop((left, top, left + resolution, top + resolution)).convert("RGB")
    pixels = torch.from_numpy(np.array(cropped)).permute(2, 0, 1)
    return normalize(pixels[None])[0]


def _resized(width: int, height: int, resolution: int) -> tuple[int, int]:
    """Width and height once the short side is as long as the resolution."""
    if min(width, height) == 0:
        raise ValueError(f"the image has no pixels: {width} x {height}")
    longer = int(resolution * max(width, height) / min(width, height))
    if resolution * longer > MAX_PIXELS:
        raise ValueError(
            f"an image of {width} x {height} px would be resized to {resolution} x {longer:,}, more than {MAX_PIXELS:,} px: "
            "cut off what is not needed first"
        )
    return (resolution, longer) if width <= height else (longer, resolution)


def _warn_of_losses(image: Image.Image) -> None:
    """Once each: warnings of one line and one text are not repeated."""
    if image.mode in WIDE_MODES:
        warnings.warn(
            "values of a 16-bit or float image are cut off above 255, as in the released preprocessing, and most become one "
            "colour: scale them to 0..255, then convert the image to 'L'",
            stacklevel=1,
        )
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        warnings.warn(
            "the EXIF rotation of an image is ignored, as in the released preprocessing: "
            "PIL.ImageOps.exif_transpose(image) turns it upright",
            stacklevel=1,
        )


def normalize(images: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
    """0..255 to zero mean and unit deviation, by the constants of the released models; one grey channel becomes three.

    Returns: float32, where the images are.
    Raises: ValueError if the images have another shape, or are not uint8: scaled twice, they would all look black.
    """
    return standardize(_unit(images))


def standardize(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
    """0..1 to zero mean and unit deviation, in their precision; a single grey channel becomes three.

    Raises: ValueError if the images are not of floating point.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        got = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"expected a tensor of images from 0 to 1, got {got}: normalize takes uint8")
    mean, std = (torch.tensor(c, dtype=images.dtype, device=images.device).view(3, 1, 1) for c in (MEAN, STD))
    return (images - mean) / std


def _unit(images: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """0..255 to 0..1."""
    if not isinstance(images, Tensor):
        got = f"{type(images).__name__}: torch.from_numpy makes a tensor of an array"
        raise ValueError(f"expected a tensor of uint8 images, 0 to 255, got {got}")
    if images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 images, 0 to 255, got {images.dtype}")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected images of shape (N, 3, H, W) or (N, 1, H, W), got {tuple(images.shape)}")
    return images.float() / 255


class Rng:
    """Random numbers for one batch, from a generator on the CPU, so that a seed means the same on any device."""

    def __init__(self, generator: torch.Generator, device):
        if generator.device.type != "cpu":
            raise ValueError(f"expected a generator on the CPU, so that a seed means the same anywhere, got {generator.device}")
        self.generator, self.device = generator, device

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        return (low + (high - low) * self._rand(n)).to(self.device)

    def coin(self) -> bool:
        return self._rand(1).item() < 0.5

    def _rand(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator, dtype=torch.float32, device="cpu")  # whatever the defaults are


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
    """As if written by hand: slanted, stretched, thicker and thinner strokes, blurred. The first half stays mild.

    The middle picture of an odd number goes to either half by chance, so one picture alone stays mild every other time.
    """
    n = len(images)
    half = (n + 1) // 2 if n % 2 and rng.coin() else n // 2
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

    Args: generator: on the CPU. Returns: float32.
    Raises: ValueError, with the choices, for an unknown name; if the images are not uint8 or the generator is elsewhere.
    """
    change = choose("augmentation", name, AUGMENTATIONS)
    return standardize(change(_unit(images), Rng(generator, images.device)))


def warp(images: Tensor, *, zoom, shift, angle=None, slant=None) -> Tensor:
    """An affine map an image; what comes in from outside repeats the border. zoom: part of the side that is seen."""
    n = len(images)
    if n == 0:
        return images  # of one picture, one half is empty; affine_grid refuses it
    none = torch.zeros_like(zoom[0])
    angle, slant = (none if value is None else value for value in (angle, slant))
    (zoom_x, zoom_y), (shift_x, shift_y) = zoom, shift
    cos, sin = angle.cos(), angle.sin()
    rows = [zoom_x * cos, zoom_x * (slant * cos - sin), shift_x, zoom_y * sin, zoom_y * (slant * sin + cos), shift_y]
    theta = torch.stack(rows, dim=1).view(n, 2, 3).to(images.dtype)
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
