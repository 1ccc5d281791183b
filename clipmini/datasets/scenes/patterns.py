"""Patterns as masks, true where the second colour goes: drawn once a size, then cut to measure. And shading."""

from functools import cache, lru_cache

import numpy as np
from PIL import Image

from clipmini.datasets.scenes.inks import RGB

PERIOD = 52  # of stripes, in 1/512 of the canvas' side: 3.25 px at 32


@cache
def pattern(kind: str, side: int, size: int) -> Image.Image:
    """A square mask of `size` pixels, for a canvas of `side`."""
    period = PERIOD * side // 512
    x, y = np.arange(size)[None, :], np.arange(size)[:, None]
    return Image.fromarray(PATTERNS[kind](x, y, period))


def shaded(size: tuple[int, int], first: RGB, second: RGB, direction: int, still: int = 0) -> Image.Image:
    """A picture that changes evenly from one colour to another: rightwards, downwards, leftwards or upwards.

    still: of its length, the part in 255 that is of the first colour alone.
    """
    n = size[direction % 2]
    line = Image.new("RGB", (n, 1), first)
    line.paste(second, mask=_ramp(n, n * still // 255))
    if direction > 1:
        line = line.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if direction % 2:
        line = line.transpose(Image.Transpose.ROTATE_270)
    return line.resize(size, Image.Resampling.NEAREST)


@lru_cache(maxsize=512)
def _ramp(n: int, start: int) -> Image.Image:
    """A row that rises evenly from 0 to 255, from `start` on."""
    return Image.frombytes("L", (n, 1), bytes(max(255 * (i - start) // max(n - 1 - start, 1), 0) for i in range(n)))


def _bands(v, period, part=2):
    """True in the last of `part` equal parts of each period."""
    return v % period >= period - period // part


def _dots(x, y, period):
    p = period * 9 // 10
    u, v = x % p - p // 2, (y + (x // p % 2) * (p // 2)) % p - p // 2
    return u * u + v * v <= (p * 3 // 10) ** 2


PATTERNS = {
    "striped 0": lambda x, y, p: _bands(x + 0 * y, p),
    "striped 1": lambda x, y, p: _bands(y + 0 * x, p),
    "striped 2": lambda x, y, p: _bands(x + y, p * 14 // 10),
    "striped 3": lambda x, y, p: _bands(x - y, p * 14 // 10),
    "dotted": _dots,
    "hatched": lambda x, y, p: ~(_bands(x + y, p * 2, 4) | _bands(x - y, p * 2, 4)),
    "engraved": lambda x, y, p: _bands(2 * y + x, p, 2),
    "checks": lambda x, y, p: (x // (3 * p // 2) + y // (3 * p // 2)) % 2 == 1,
    "weave": lambda x, y, p: _bands(x + y, p * 2, 2),
}
