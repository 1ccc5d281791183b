"""Drawing a scene from a world: which objects, what they look like, in what light."""

import zlib
from collections.abc import Mapping

from clipmini.datasets.scenes import motion
from clipmini.datasets.scenes.layouts import PLACERS
from clipmini.datasets.scenes.request import ANYTHING, BUCKETS, NEEDED, DoesNotFit, Request
from clipmini.datasets.scenes.rng import Rng
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


def sample(rng: Rng, world: World, request: Request = ANYTHING, tries: int = 400) -> Scene:
    """One scene as asked for.

    Raises: ValueError for an unknown attribute, for more objects than fit, for a combination that is held out.
    """
    for _ in range(tries):
        scene = _attempt(rng, world, request)
        if scene and (request.split is None or bucket(scene) in BUCKETS[request.split]):
            return scene
    n = request.count or len(request.objects) or 1
    raise DoesNotFit(f"{n} objects do not fit as asked ({request}): ask for fewer or smaller ones, or for less of each")


def bucket(scene: Scene) -> int:
    """0 to 15, by what can be pointed at: the attributes of every object, what is written, what happens, the ground.

    Splits differ in it, so any two scenes of two splits differ in at least one of these.
    """
    things = sorted((o.shape, o.colour, o.size, o.fill, place(o), o.glyph) for o in scene.objects)
    action = scene.action.name if scene.action else ""
    return zlib.crc32(repr((things, scene.background, scene.tints[0], scene.word, action)).encode()) % 16


def _attempt(rng: Rng, world: World, request: Request) -> Scene | None:
    """A scene, or None if chance led to one that may not be shown."""
    free = not (request.count or request.layout or request.objects)
    action = request.action or (rng.weighted(world.actions) if free and rng.chance(world.action) else "")
    layout = request.layout or (rng.weighted(world.layouts) if free and not action else "scattered")
    count = _count(rng, world, request, layout, action)
    request = request._replace(objects=tuple([_settled(rng, wanted) for wanted in request.objects]))
    objects = [
        _appearance(rng, world, request, count, layout, i, action)
        for i in range(count)
    ]
    word = request.word if request.word is not None else _word(rng, world, count, layout, action)
    if action in motion.TWO_SIDED:
        objects = motion.place_pair(rng, action, *objects)
    else:
        objects = PLACERS[layout](rng, world, request, objects, word)
    if objects is None:
        return None
    grounds = grounds_for(frozenset(o.colour for o in (objects[1:] if layout == "inside" else objects)))
    tint = rng.pick(grounds)
    scene = Scene(
        objects=tuple(objects),
        background=request.background or rng.weighted(world.backgrounds),
        tints=(tint, rng.pick(grounds)),
        seed=rng.below(1 << 30),
        gain=rng.between(*world.gain),
        noise=rng.between(*world.noise),
        style=rng.weighted(world.styles),
        word=word,
        action=Action(action, rng.between(3, 8), rng.between(20, 28)) if action else None,
    )
    return scene if not action or motion.fits(scene) else None


def _count(rng: Rng, world: World, request: Request, layout: str, action: str) -> int:
    if request.count:
        return request.count
    if action:
        return NEEDED.get(action, 1)
    least = max(len(request.objects), NEEDED.get(layout, 1))
    if layout != "scattered":
        return least
    return max(least, rng.weighted(world.counts))


def _word(rng: Rng, world: World, count: int, layout: str, action: str) -> str:
    room = count <= 2 and layout == "scattered" and not action
    return rng.pick(WRITTEN_WORDS) if room and rng.chance(world.word) else ""


def _settled(rng: Rng, wanted: Mapping) -> dict:
    """A request with one value for each attribute that leaves a choice."""
    return {name: rng.pick(value) if isinstance(value, tuple) else value for name, value in wanted.items()}


def _appearance(rng: Rng, world: World, request: Request, count: int, layout: str, i: int, action: str) -> Object:
    """What object i looks like; where it is comes later."""
    wanted = request.objects[i] if i < len(request.objects) else {}
    outer = layout == "inside" and i == 1
    shapes = CONTAINERS if outer else CARRIERS if wanted.get("glyph") else SHAPES
    fills = CONTAINER_FILLS if outer else world.fills
    shape, colour, fill = _kind(rng, wanted, shapes, fills, "never" if request.held_out == "only" and i else request.held_out)
    if layout == "scattered":
        size = wanted.get("size") or motion.SIZES.get(action) or rng.weighted(SIZES_BY_COUNT[count])
    else:
        size = "large" if outer else "small"
    angle = wanted.get("angle", rng.between(-world.tilt, world.tilt) + (90 * rng.below(4) if shape == "arrow" else 0))
    glyph = wanted.get("glyph", "")
    if "glyph" not in wanted and shape in CARRIERS and fill == "solid" and size == "large" and rng.chance(world.glyph):
        glyph = rng.pick(GLYPHS)
    j = world.jitter
    rgb = tuple([min(max(v + rng.between(-j, j), 0), 255) for v in RGB[colour]])
    return Object(
        shape, colour, size, fill, 0, 0, rng.between(*getattr(world.sizes, size)), angle, rgb, rng.below(64), glyph
    )


def _kind(rng: Rng, wanted: Mapping, shapes: tuple[str, ...], fills: Weights, held_out: str) -> tuple[str, str, str]:
    """Shape, colour and fill; what is asked for stays, the rest is drawn again until the combination may be shown."""
    for _ in range(4000):
        shape = wanted.get("shape") or rng.pick(shapes)
        colour = wanted.get("colour") or rng.pick(COLOURS)
        fill = wanted.get("fill") or rng.weighted(fills)
        if held_out == "any" or is_held_out(shape, colour, fill) == (held_out == "only"):
            return shape, colour, fill
    raise DoesNotFit(f"no object is both {dict(wanted)} and {held_out} held out")
