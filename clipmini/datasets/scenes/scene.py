"""What there is: objects, the scene that holds them, and what is true of it.

Lengths are integers: `UNIT` to the 32nd part of the picture's side, so a picture is `SIDE` long and wide at any resolution.
"""

from typing import NamedTuple

from clipmini.datasets.scenes.words import PLACES

UNIT = 16
SIDE = 32 * UNIT
# A centre is in a place if it lies within the place's band; between the bands it is in none.
BANDS = ((0, 160), (208, 304), (352, SIDE))
DIRECTIONS = ("right", "down", "left", "up")  # by quarter turns of an arrow


class Object(NamedTuple):
    """One object. x, y: its centre; r: the radius of the circle around it; angle: degrees, clockwise."""

    shape: str
    colour: str
    size: str
    fill: str
    x: int
    y: int
    r: int
    angle: int = 0
    rgb: tuple[int, int, int] = (0, 0, 0)
    texture: int = 0  # where the pattern of its fill begins
    glyph: str = ""


class Action(NamedTuple):
    """What object 0 does, to object 1 where the verb has two sides. pace: how far it gets from frame to frame."""

    name: str
    frames: int
    pace: int


class Scene(NamedTuple):
    """All that a picture shows. gain: light, 256 is neutral; noise: its largest value; seed: of specks and noise."""

    objects: tuple[Object, ...]
    background: str
    tints: tuple[str, str]
    seed: int
    gain: int = 256
    noise: int = 0
    style: str = "paint"
    word: str = ""
    action: Action | None = None

    @classmethod
    def from_list(cls, values: list) -> "Scene":
        """The scene that `json.dumps(scene)` wrote."""
        objects, background, tints, *rest, action = values
        objects = tuple(Object(*(tuple(v) if isinstance(v, list) else v for v in o)) for o in objects)
        return cls(objects, background, tuple(tints), *rest, Action(*action) if action else None)


def band(v: int) -> int | None:
    """0, 1 or 2: which third a coordinate is in; None between two of them."""
    for i, (low, high) in enumerate(BANDS):
        if low <= v <= high:
            return i
    return None


def place(o: Object) -> str:
    """The name of the place that an object is in, or "" if it lies between two."""
    column, row = band(o.x), band(o.y)
    return "" if column is None or row is None else PLACES[3 * row + column]


def points(o: Object) -> str:
    """Where an arrow points, to within 30 degrees: right, down, left or up; "" for other shapes, and between two."""
    quarters, rest = divmod(o.angle + 30, 90)
    return DIRECTIONS[quarters % 4] if o.shape == "arrow" and rest <= 60 else ""


def beside(a: Object, b: Object) -> str:
    """Where `a` is seen from `b`: left of, right of, above or below; "" where it is diagonal, or too close to tell."""
    dx, dy = a.x - b.x, a.y - b.y
    if max(abs(dx), abs(dy)) < 3 * UNIT:
        return ""
    if 2 * abs(dx) >= 3 * abs(dy):
        return "left of" if dx < 0 else "right of"
    if 2 * abs(dy) >= 3 * abs(dx):
        return "above" if dy < 0 else "below"
    return ""


def inside(a: Object, b: Object) -> bool:
    """Whether `a` lies wholly within `b`."""
    return a is not b and within(a, b.x, b.y, b.r // 2)


def within(a: Object, x: int, y: int, r: int) -> bool:
    """Whether the circle around `a` lies within the circle around (x, y)."""
    room = r - a.r
    return room >= 0 and (a.x - x) ** 2 + (a.y - y) ** 2 <= room**2


def between(a: Object, b: Object, c: Object) -> bool:
    """Whether `a` lies on the way from `b` to `c`: beside both, on opposite sides."""
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    return beside(a, b) != "" and beside(a, b) == opposite.get(beside(a, c))


def related(relation: str, objects: list[Object]) -> bool:
    """Whether a relation of two objects, or three for "between", holds."""
    if relation == "between":
        return between(*objects)
    if relation == "inside":
        return inside(*objects)
    if relation == "larger than":
        return 2 * objects[0].r >= 3 * objects[1].r
    return beside(*objects) == relation
