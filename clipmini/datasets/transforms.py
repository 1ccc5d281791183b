"""From pictures to what a model reads; and batched augmentation on the device.

Shapes: N images, 3 channels, H x W px.
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image
from torch import Tensor

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
    return standardize(to_unit(images))


def standardize(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
    """0..1 to zero mean and unit deviation, in their precision; a single grey channel becomes three.

    Raises: ValueError if the images are not of floating point.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        got = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"expected a tensor of images from 0 to 1, got {got}: normalize takes uint8")
    mean, std = (torch.tensor(c, dtype=images.dtype, device=images.device).view(3, 1, 1) for c in (MEAN, STD))
    return (images - mean) / std


def to_unit(images: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """0..255 to 0..1. Raises: ValueError if the images have another shape, or are not uint8."""
    if not isinstance(images, Tensor):
        got = f"{type(images).__name__}: torch.from_numpy makes a tensor of an array"
        raise ValueError(f"expected a tensor of uint8 images, 0 to 255, got {got}")
    if images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 images, 0 to 255, got {images.dtype}")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected images of shape (N, 3, H, W) or (N, 1, H, W), got {tuple(images.shape)}")
    return images.float() / 255
