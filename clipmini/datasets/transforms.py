"""From pictures to what a model reads.

Shapes: N images, 3 channels, H x W px.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

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
        raise ValueError(f"the image can not be read: {error}") from error
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
