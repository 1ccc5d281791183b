"""Drawing a scene from a world: which objects, where, in what light."""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

from clipmini.config import choose
from clipmini.datasets.scenes import motion
from clipmini.datasets.scenes.dice import Dice
from clipmini.datasets.scenes.scene import BANDS, SIDE, UNIT, Action, Object, Scene, place
from clipmini.datasets.scenes.words import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    CONTRAST,
    GLYPHS,
    MAX_OBJECTS,
    PLACES,
    RGB,
    SHAPES,
    WRITTEN_WORDS,
    check,
    distance,
    grounds_for,
    is_held_out,
)
from clipmini.datasets.scenes.world import LAYOUTS, World, weights

EDGE = 6  # least distance of an object from the picture's edge
GAP = 12  # ... and of two objects that do not overlap
TRIES = 24  # throws for a free spot
CONTAINERS = ("circle", "square", "pentagon", "hexagon")
CARRIERS = ("circle", "ellipse", "square", "pentagon", "hexagon", "six-pointed star", "heart")  # with room for a letter
NEEDED = {"inside": 2, "between": 3} | dict.fromkeys(motion.TWO_SIDED, 2)  # objects that a layout or an action takes
BUCKETS = {"train": range(12), "val": range(12, 14), "test": range(14, 16)}
# With many objects each is smaller, so that all fit.
SIZES_BY_COUNT = (
    (),
    weights(small=3, medium=5, large=4),
    weights(small=3, medium=5, large=1),
    weights(small=3, medium=2),
    weights(small=5, medium=1),
    weights(small=1),
    weights(small=1),
)


class Ask(NamedTuple):
    """What a scene must show; what is left out is drawn from the world.

    objects: for the first objects, attributes by name (shape, colour, size, fill, place, glyph, angle), each with a value
    or a tuple of values to choose from.
    held_out: "never" (as in training), "only" (object 0 is such a combination) or "any".
    """

    count: int | None = None
    objects: tuple[Mapping[str, str], ...] = ()
    layout: str | None = None
    background: str | None = None
    word: str | None = None
    action: str | None = None
    held_out: str = "never"
    split: str | None = None


ANYTHING = Ask()


class DoesNotFit(ValueError):
    """A scene that was asked for has no room for its objects."""


def sample(dice: Dice, world: World, ask: Ask = ANYTHING, tries: int = 400) -> Scene:
    """One scene as asked for.

    Raises: ValueError for an unknown attribute, for more objects than fit, for a combination that is held out.
    """
    for _ in range(tries):
        scene = _attempt(dice, world, ask)
        if scene and (ask.split is None or bucket(scene) in BUCKETS[ask.split]):
            return scene
    n = ask.count or len(ask.objects) or 1
    raise DoesNotFit(f"{n} objects do not fit as asked ({ask}): ask for fewer or smaller ones, or for less of each")


def validate(ask: Ask) -> Ask:
    """The same request, if it can be met. Raises ValueError otherwise; `sample` itself does not look, to be fast."""
    if ask.count is not None and not 1 <= ask.count <= MAX_OBJECTS:
        raise ValueError(f"a scene holds 1 to {MAX_OBJECTS} objects, got {ask.count}")
    if len(ask.objects) > (ask.count or MAX_OBJECTS):
        raise ValueError(f"{len(ask.objects)} objects are described, more than the {ask.count or MAX_OBJECTS} asked for")
    if ask.layout is not None:
        choose("layout", ask.layout, dict.fromkeys(LAYOUTS))
    if ask.action is not None:
        choose("action", ask.action, dict.fromkeys(ACTIONS))
    needed = NEEDED.get(ask.layout) or NEEDED.get(ask.action) or (1 if ask.action else None)
    if needed and (ask.count or needed) != needed or len(ask.objects) > (needed or MAX_OBJECTS):
        raise ValueError(
            f"{ask.layout or ask.action!r} takes {needed} object{'s' * (needed > 1)}, got {ask.count or len(ask.objects)}"
        )
    fixed = {"size", "place"} & {name for wanted in ask.objects for name in wanted}
    if fixed and (ask.layout in NEEDED or ask.action in NEEDED):
        raise ValueError(f"{ask.layout or ask.action!r} decides {' and '.join(sorted(fixed))} itself: leave it out")
    for wanted in ask.objects:
        for attribute, values in wanted.items():
            for value in values if isinstance(values, tuple) else (values,):
                if attribute == "place":
                    choose("place", value, dict.fromkeys(PLACES))
                elif attribute not in ("angle", "glyph"):
                    check(attribute, value)
        held_out = is_held_out(*(wanted.get(a, "") for a in ("shape", "colour", "fill")))
        if held_out and ask.held_out == "never":
            raise ValueError(
                f"a {wanted['shape']} that is {wanted.get('colour') or wanted['fill']} is held out: "
                'training never shows one. Choose another, or ask with held_out="any"'
            )
    if ask.background is not None:
        choose("background", ask.background, dict.fromkeys(BACKGROUNDS))
    if ask.word:
        choose("word", ask.word, dict.fromkeys(WRITTEN_WORDS))
    if ask.split is not None:
        choose("split", ask.split, BUCKETS)
    choose("held_out", ask.held_out, dict.fromkeys(("never", "only", "any")))
    return ask


def bucket(scene: Scene) -> int:
    """0 to 15, by what can be pointed at: the attributes of every object, what is written, what happens, the ground.

    Splits differ in it, so any two scenes of two splits differ in at least one of these.
    """
    things = sorted((o.shape, o.colour, o.size, o.fill, place(o), o.glyph) for o in scene.objects)
    action = scene.action.name if scene.action else ""
    return zlib.crc32(repr((things, scene.background, scene.tints[0], scene.word, action)).encode()) % 16


def _attempt(dice: Dice, world: World, ask: Ask) -> Scene | None:
    """A scene, or None if the dice led to one that may not be shown."""
    free = not (ask.count or ask.layout or ask.objects)
    action = ask.action or (dice.weighted(world.actions) if free and dice.chance(world.action) else "")
    layout = ask.layout or (dice.weighted(world.layouts) if free and not action else "scattered")
    count = _count(dice, world, ask, layout, action)
    ask = ask._replace(objects=tuple([_settled(dice, wanted) for wanted in ask.objects]))
    objects = [
        _appearance(dice, world, ask, ask.objects[i] if i < len(ask.objects) else {}, count, layout, i, action)
        for i in range(count)
    ]
    word = ask.word if ask.word is not None else _word(dice, world, count, layout, action)
    if action in motion.TWO_SIDED:
        objects = motion.place_pair(dice, action, *objects)
    else:
        objects = PLACERS[layout](dice, world, ask, objects, word)
    if objects is None:
        return None
    grounds = grounds_for(frozenset(o.colour for o in (objects[1:] if layout == "inside" else objects)))
    if not grounds:
        return None
    tint = dice.pick(grounds)
    scene = Scene(
        objects=tuple(objects),
        background=ask.background or dice.weighted(world.backgrounds),
        tints=(tint, dice.pick(grounds)),
        seed=dice.below(1 << 30),
        gain=dice.between(*world.gain),
        noise=dice.between(*world.noise),
        style=dice.weighted(world.styles),
        word=word,
        action=Action(action, dice.between(3, 8), dice.between(20, 28)) if action else None,
    )
    return scene if not action or motion.fits(scene) else None


def _count(dice: Dice, world: World, ask: Ask, layout: str, action: str) -> int:
    if ask.count:
        return ask.count
    if action:
        return NEEDED.get(action, 1)
    least = max(len(ask.objects), NEEDED.get(layout, 1))
    if layout != "scattered":
        return least
    return max(least, dice.weighted(world.counts))


def _word(dice: Dice, world: World, count: int, layout: str, action: str) -> str:
    room = count <= 2 and layout == "scattered" and not action
    return dice.pick(WRITTEN_WORDS) if room and dice.chance(world.word) else ""


def _settled(dice: Dice, wanted: Mapping) -> dict:
    """A request with one value for each attribute that leaves a choice."""
    return {name: dice.pick(value) if isinstance(value, tuple) else value for name, value in wanted.items()}


def _appearance(dice, world, ask, wanted, count, layout, i, action) -> Object:
    """What an object looks like; where it is comes later."""
    outer = layout == "inside" and i == 1
    shapes = CONTAINERS if outer else CARRIERS if wanted.get("glyph") else SHAPES
    fills = weights(solid=2, outlined=1, gradient=1) if outer else world.fills
    shape, colour, fill = _kind(dice, wanted, shapes, fills, "never" if ask.held_out == "only" and i else ask.held_out)
    if layout == "scattered":
        size = wanted.get("size") or motion.SIZES.get(action) or dice.weighted(SIZES_BY_COUNT[count])
    else:
        size = "large" if outer else "small"
    angle = wanted.get("angle", dice.between(-world.tilt, world.tilt) + (90 * dice.below(4) if shape == "arrow" else 0))
    glyph = wanted.get("glyph", "")
    if "glyph" not in wanted and shape in CARRIERS and fill == "solid" and size != "small" and dice.chance(world.glyph):
        glyph = dice.pick(GLYPHS)
    j = world.jitter
    rgb = tuple([min(max(v + dice.between(-j, j), 0), 255) for v in RGB[colour]])
    return Object(
        shape, colour, size, fill, 0, 0, dice.between(*getattr(world.sizes, size)), angle, rgb, dice.below(64), glyph
    )


def _kind(dice: Dice, wanted: Mapping, shapes: tuple[str, ...], fills, held_out: str) -> tuple[str, str, str]:
    """Shape, colour and fill; what is asked for stays, the rest is thrown again until the combination may be shown."""
    for _ in range(4000):
        shape = wanted.get("shape") or dice.pick(shapes)
        colour = wanted.get("colour") or dice.pick(COLOURS)
        fill = wanted.get("fill") or dice.weighted(fills)
        if held_out == "any" or is_held_out(shape, colour, fill) == (held_out == "only"):
            return shape, colour, fill
    raise DoesNotFit(f"no object is both {dict(wanted)} and {held_out} held out")


def _scattered(dice: Dice, world: World, ask: Ask, objects: list[Object], word: str) -> list[Object] | None:
    """Anywhere with room. A lone object, and one whose place is asked for, is in a place that has a name."""
    overlap = len(objects) < 5 and dice.chance(world.overlap)
    bottom = SIDE - (9 * UNIT if word else 0)
    placed: list[Object] = []
    for i, o in enumerate(objects):
        wanted = ask.objects[i].get("place") if i < len(ask.objects) else None
        for _ in range(TRIES):
            if len(objects) == 1 or wanted:
                x, y = _in_place(dice, o, wanted)
            else:
                x, y = dice.between(o.r + EDGE, SIDE - o.r - EDGE), dice.between(o.r + EDGE, SIDE - o.r - EDGE)
            if y + o.r <= bottom and _is_free(x, y, o.r, placed, overlap):
                break
        else:
            return None
        placed.append(o._replace(x=x, y=y))
    return placed


def _in_place(dice: Dice, o: Object, name: str | None) -> tuple[int, int]:
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
        bands = [dice.pick(reachable), dice.pick(reachable)]
    return dice.between(*bands[0]), dice.between(*bands[1])


def _is_free(x: int, y: int, r: int, placed: list[Object], overlap: bool) -> bool:
    for p in placed:
        room = 3 * (r + p.r) // 4 if overlap else r + p.r + GAP
        if (x - p.x) ** 2 + (y - p.y) ** 2 < room * room:
            return False
    return True


def _inside(dice: Dice, world: World, ask: Ask, objects: list[Object], word: str) -> list[Object] | None:
    """Object 0 lies within object 1, which is drawn first."""
    inner, outer = objects
    if distance(inner.rgb, outer.rgb) < CONTRAST:
        return None
    x, y = (dice.between(outer.r + EDGE, SIDE - outer.r - EDGE) for _ in "xy")
    slack = max(outer.r // 2 - inner.r, 0) * 2 // 3
    inner = inner._replace(x=x + dice.between(-slack, slack), y=y + dice.between(-slack, slack), glyph="")
    return [inner, outer._replace(x=x, y=y, glyph="")]


def _between(dice: Dice, world: World, ask: Ask, objects: list[Object], word: str) -> list[Object] | None:
    """Object 0 lies on the way from object 1 to object 2."""
    middle, a, b = objects
    reach = middle.r + max(a.r, b.r) + GAP
    far, near = reach + a.r + EDGE, SIDE - reach - a.r - EDGE
    if far > near:
        return None
    along, across = dice.between(far, near), dice.between(80, SIDE - 80)
    wobble = [across + dice.between(-24, 24) for _ in objects]
    side = dice.pick((-1, 1))
    spots = [(along, wobble[0]), (along - side * reach, wobble[1]), (along + side * reach, wobble[2])]
    if dice.chance(0.5):
        spots = [(y, x) for x, y in spots]
    return [o._replace(x=x, y=y) for o, (x, y) in zip(objects, spots, strict=True)]


PLACERS = {"scattered": _scattered, "inside": _inside, "between": _between}
