"""The outline of every shape, within a circle of radius 1. All mathematics happens here; what follows counts in integers."""

import math
from collections.abc import Callable
from functools import cache

ONE = 1024  # the radius, in the integers that leave this file
CURVE = 28  # points on a round outline

Points = list[tuple[float, float]]


@cache
def outline(shape: str, angle: int) -> tuple[tuple[int, int], ...]:
    """The corners of a shape turned clockwise by whole degrees, in 1/1024 of its radius; y points down."""
    points, turn = OUTLINES[shape](), math.radians(angle)
    reach = max(1.0, max(math.hypot(x, y) for x, y in points))
    c, s = ONE * math.cos(turn) / reach, ONE * math.sin(turn) / reach
    return tuple((round(c * x - s * y), round(s * x + c * y)) for x, y in points)


def _regular(n: int, first: float = -90) -> Points:
    return [_polar(first + 360 * k / n) for k in range(n)]


def _polar(degrees: float, radius: float = 1) -> tuple[float, float]:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _star(n: int, inner: float) -> Points:
    return [_polar(-90 + 180 * k / n, inner if k % 2 else 1) for k in range(2 * n)]


def _ellipse() -> Points:
    return [(x, 0.56 * y) for x, y in _regular(CURVE)]


def _box(width: float, height: float) -> Points:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


def _heart() -> Points:
    """The well-known curve 16 sin^3 t, scaled into the circle."""
    turns = [2 * math.pi * k / CURVE for k in range(CURVE)]
    curve = [
        (16 * math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)))
        for t in turns
    ]
    return [(x / 16.6, (y - 2.3) / 16.6) for x, y in curve]


def _crescent() -> Points:
    """A disc without a second one, moved to the right."""
    outer = [_polar(40 + 280 * k / 18) for k in range(19)]
    tip = outer[0]
    centre = 0.52
    radius = math.hypot(tip[0] - centre, tip[1])
    first = math.degrees(math.atan2(tip[1], tip[0] - centre))
    inner = [(centre + x, y) for x, y in (_polar(360 - first - (360 - 2 * first) * k / 14, radius) for k in range(1, 14))]
    return [(x + 0.12, y) for x, y in outer + inner]


def _cross() -> Points:
    a, b = 0.34, 0.94
    return [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)]


def _arrow() -> Points:
    """Pointing to the right."""
    return [(-0.95, -0.26), (0.05, -0.26), (0.05, -0.72), (0.98, 0), (0.05, 0.72), (0.05, 0.26), (-0.95, 0.26)]


def _drop() -> Points:
    """A disc below, a tip above."""
    belly = [_polar(-30 + 240 * k / 18, 0.66) for k in range(19)]
    return [(x, y + 0.33) for x, y in belly] + [(0, -1)]


def _bolt() -> Points:
    return [(0.5, -0.86), (-0.78, 0.26), (-0.06, 0.26), (-0.5, 0.86), (0.78, -0.36), (0.12, -0.36)]


OUTLINES: dict[str, Callable[[], Points]] = {
    "circle": lambda: _regular(CURVE),
    "ellipse": _ellipse,
    "square": lambda: _regular(4, first=45),
    "rectangle": lambda: _box(0.88, 0.46),
    "diamond": lambda: [(0, -1), (0.6, 0), (0, 1), (-0.6, 0)],
    "triangle": lambda: _regular(3),
    "pentagon": lambda: _regular(5),
    "hexagon": lambda: _regular(6, first=0),
    "five-pointed star": lambda: _star(5, 0.42),
    "six-pointed star": lambda: _star(6, 0.55),
    "heart": _heart,
    "crescent": _crescent,
    "cross": _cross,
    "arrow": _arrow,
    "drop": _drop,
    "bolt": _bolt,
}
