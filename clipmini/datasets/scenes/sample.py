"""Drawing a scene from a world: which objects, what they look like, in what light."""

import zlib
from collections.abc import Mapping

from clipmini.datasets.scenes import motion
from clipmini.datasets.scenes.layouts import PLACERS
from clipmini.datasets.scenes.request import ANYTHING, BUCKETS, NEEDED, Ask, DoesNotFit
from clipmini.datasets.scenes.rng import Dice
from clipmini.datasets.scenes.scene import Action, Object, Scene, place
from clipmini.datasets.scenes.words import COLOURS, GLYPHS, RGB, SHAPES, WRITTEN_WORDS, grounds_for, is_held_out
from clipmini.datasets.scenes.world import Weights, World, weights

CONTAINERS = ("circle", "square", "pentagon", "hexagon")
CONTAINER_FILLS = weights(solid=2, outlined=1, gradient=1)
CARRIERS = ("circle", "ellipse", "square", "pentagon", "hexagon", "six-pointed star", "heart")  # with room for a letter
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
        _appearance(dice, world, ask, count, layout, i, action)
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


def _appearance(dice: Dice, world: World, ask: Ask, count: int, layout: str, i: int, action: str) -> Object:
    """What object i looks like; where it is comes later."""
    wanted = ask.objects[i] if i < len(ask.objects) else {}
    outer = layout == "inside" and i == 1
    shapes = CONTAINERS if outer else CARRIERS if wanted.get("glyph") else SHAPES
    fills = CONTAINER_FILLS if outer else world.fills
    shape, colour, fill = _kind(dice, wanted, shapes, fills, "never" if ask.held_out == "only" and i else ask.held_out)
    if layout == "scattered":
        size = wanted.get("size") or motion.SIZES.get(action) or dice.weighted(SIZES_BY_COUNT[count])
    else:
        size = "large" if outer else "small"
    angle = wanted.get("angle", dice.between(-world.tilt, world.tilt) + (90 * dice.below(4) if shape == "arrow" else 0))
    glyph = wanted.get("glyph", "")
    if "glyph" not in wanted and shape in CARRIERS and fill == "solid" and size == "large" and dice.chance(world.glyph):
        glyph = dice.pick(GLYPHS)
    j = world.jitter
    rgb = tuple([min(max(v + dice.between(-j, j), 0), 255) for v in RGB[colour]])
    return Object(
        shape, colour, size, fill, 0, 0, dice.between(*getattr(world.sizes, size)), angle, rgb, dice.below(64), glyph
    )


def _kind(dice: Dice, wanted: Mapping, shapes: tuple[str, ...], fills: Weights, held_out: str) -> tuple[str, str, str]:
    """Shape, colour and fill; what is asked for stays, the rest is thrown again until the combination may be shown."""
    for _ in range(4000):
        shape = wanted.get("shape") or dice.pick(shapes)
        colour = wanted.get("colour") or dice.pick(COLOURS)
        fill = wanted.get("fill") or dice.weighted(fills)
        if held_out == "any" or is_held_out(shape, colour, fill) == (held_out == "only"):
            return shape, colour, fill
    raise DoesNotFit(f"no object is both {dict(wanted)} and {held_out} held out")
