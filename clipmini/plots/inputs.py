"""What the figures accept: arrays and pictures of any kind, counts that fit."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike


def as_array(data: ArrayLike) -> np.ndarray:
    """A NumPy array of anything array-like, tensors with a gradient or on a device included."""
    return np.asarray(data.detach().cpu() if hasattr(data, "detach") else data)


def as_picture(image: ArrayLike) -> np.ndarray:
    """Any accepted shape -> (H, W, 3), so that grey is never stretched to fill the scale."""
    image = as_array(image)
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] != 3:
        image = image.transpose(1, 2, 0)
    if image.ndim == 2 or image.shape[2:] == (1,):
        image = np.broadcast_to(image.reshape(*image.shape[:2], 1), (*image.shape[:2], 3))
    if image.size == 0 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be (3, H, W), (H, W, 3) or (H, W); got shape {image.shape}")
    return image


def centre_square(image: ArrayLike) -> np.ndarray:
    """The centre square of a picture: about what the model sees of it."""
    image = as_picture(image)
    side = min(image.shape[:2])
    top, left = (np.array(image.shape[:2]) - side) // 2
    return image[top:top + side, left:left + side]


def check_count(what: str, items: Sequence | None, count: int, why: str) -> None:
    """Refuse a sequence of another length than the data's, and a text, which Python would take letter by letter."""
    check_list(what, items)
    if items is not None and len(items) != count:
        raise ValueError(f"{what} must be {count}, {why}; got {len(items)}")


def check_list(what: str, items: Collection | None) -> None:
    """Refuse one text where several belong."""
    if isinstance(items, str):
        raise ValueError(f"{what} must be a list; got one text, {items!r:.80}: put it in brackets")
