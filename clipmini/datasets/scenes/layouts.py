"""Layouts: where the objects of a scene go."""

from clipmini.datasets.scenes.request import DoesNotFit, Request
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import BANDS, SIDE, UNIT, Object
from clipmini.datasets.scenes.words import CONTRASTS, PLACES, distance
from clipmini.datasets.scenes.world import World

EDGE = 6  # least distance of an object from the picture's edge
GAP = 12  # ... and of two objects that do not overlap
TRIES = 24  # tries for a free spot


def _scattered(rng: Rng, world: World, request: Request, objects: list[Object], word: str) -> list[Object] | None:
    """Anywhere with room. A lone object, and one whose place is asked for, is in a place that has a name."""
    overlap = len(objects) < 5 and rng.chance(world.overlap)
    bottom = SIDE - (9 * UNIT if word else 0)
    placed: list[Object] = []
    for i, o in enumerate(objects):
        wanted = request.objects[i].get("place") if i < len(request.objects) else None
        for _ in range(TRIES):
            if len(objects) == 1 or wanted:
                x, y = _in_place(rng, o, wanted)
            else:
                x, y = rng.between(o.r + EDGE, SIDE - o.r - EDGE), rng.between(o.r + EDGE, SIDE - o.r - EDGE)
            if y + o.r <= bottom and _is_free(x, y, o.r, placed, overlap):
                break
        else:
            return None
        placed.append(o._replace(x=x, y=y))
    return placed


def _in_place(rng: Rng, o: Object, name: str | None) -> tuple[int, int]:
    low, high = o.r + EDGE, SIDE - o.r - EDGE
    if low > high:  # larger than the picture: it is cut off on all sides
        return SIDE // 2, SIDE // 2
    reachable = [(max(a, low), min(b, high)) for a, b in BANDS if max(a, low) <= min(b, high)]
    if name:
        row, column = divmod(PLACES.index(name), 3)
        bands = [(max(BANDS[k][0], low), min(BANDS[k][1], high)) for k in (column, row)]
        if any(a > b for a, b in bands):
            raise DoesNotFit(f"a {o.size} object with a radius of {o.r} does not fit {name}: ask for a smaller one")
    else:
        bands = [rng.pick(reachable), rng.pick(reachable)]
    return rng.between(*bands[0]), rng.between(*bands[1])


def _is_free(x: int, y: int, r: int, placed: list[Object], overlap: bool) -> bool:
    for p in placed:
        room = 3 * (r + p.r) // 4 if overlap else r + p.r + GAP
        if (x - p.x) ** 2 + (y - p.y) ** 2 < room * room:
            return False
    return True


def _inside(rng: Rng, world: World, request: Request, objects: list[Object], word: str) -> list[Object] | None:
    """Object 0 lies within object 1, which is drawn first."""
    inner, outer = objects
    if distance(inner.rgb, outer.rgb) < CONTRASTS[-1]:
        return None
    x, y = (rng.between(outer.r + EDGE, SIDE - outer.r - EDGE) for _ in "xy")
    slack = max(outer.r // 2 - inner.r, 0) * 2 // 3
    inner = inner._replace(x=x + rng.between(-slack, slack), y=y + rng.between(-slack, slack), glyph="")
    return [inner, outer._replace(x=x, y=y, glyph="")]


def _between(rng: Rng, world: World, request: Request, objects: list[Object], word: str) -> list[Object] | None:
    """Object 0 lies on the way from object 1 to object 2."""
    middle, a, b = objects
    reach = middle.r + max(a.r, b.r) + GAP
    far, near = reach + a.r + EDGE, SIDE - reach - a.r - EDGE
    if far > near:
        return None
    along, across = rng.between(far, near), rng.between(80, SIDE - 80)
    wobble = [across + rng.between(-24, 24) for _ in objects]
    side = rng.pick((-1, 1))
    spots = [(along, wobble[0]), (along - side * reach, wobble[1]), (along + side * reach, wobble[2])]
    if rng.chance(0.5):
        spots = [(y, x) for x, y in spots]
    return [o._replace(x=x, y=y) for o, (x, y) in zip(objects, spots, strict=True)]


PLACERS = {"scattered": _scattered, "inside": _inside, "between": _between}
