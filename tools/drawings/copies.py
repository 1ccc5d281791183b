"""Which drawings are copies of training pictures: by their outlines, and by their looks.

Looks: a difference hash (dHash, 16 x 16: is a place darker than the next one?) of the drawing cropped to its ink. It is no
distance between pixels: weight, colour and size do not count.
"""

import numpy as np
from PIL import Image

CELLS = 16
NEAR = 28  # of 512 bits may differ


def hashes(pictures: list[np.ndarray]) -> np.ndarray:
    """(N, 512) bits: along rows and along columns."""
    return np.stack([_hash(picture) for picture in pictures])


def nearest(bits: np.ndarray, others: np.ndarray, chunk: int = 1024) -> np.ndarray:
    """(N,) how many bits differ from the closest of the others."""
    signs, theirs = (2 * array.astype(np.float32) - 1 for array in (bits, others))
    parts = [(signs[i : i + chunk] @ theirs.T).max(axis=1) for i in range(0, len(signs), chunk)]
    return ((bits.shape[1] - np.concatenate(parts)) / 2).astype(int)


def nearest_rows(bits: np.ndarray, others: np.ndarray) -> list[int]:
    """Which of the others is closest to each."""
    signs, theirs = (2 * array.astype(np.float32) - 1 for array in (bits, others))
    return (signs @ theirs.T).argmax(axis=1).tolist()


def _hash(picture: np.ndarray) -> np.ndarray:
    grey = picture if picture.ndim == 2 else np.asarray(Image.fromarray(picture).convert("L"))
    rows, columns = (np.flatnonzero((grey < 224).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        grey = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wide, high = ((CELLS + 1, CELLS), (CELLS, CELLS + 1))
    across = np.asarray(Image.fromarray(grey).resize(wide, Image.Resampling.BOX), int)
    down = np.asarray(Image.fromarray(grey).resize(high, Image.Resampling.BOX), int)
    return np.concatenate([(np.diff(across, axis=1) > 4).ravel(), (np.diff(down, axis=0) > 4).ravel()])
