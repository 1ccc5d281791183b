"""How the scene of each task is set up, so that the asked answer is right and nothing else gives it away."""

from collections.abc import Callable
from dataclasses import replace

from clipmini.datasets.scenes.request import DoesNotFit, Request
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.sample import CONTAINERS, sample
from clipmini.datasets.scenes.scene import Object, Scene, beside, inside, related
from clipmini.datasets.scenes.words import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    FILLS,
    HELD_OUT,
    HELD_OUT_FILLS,
    KINDS,
    MAX_OBJECTS,
    SHAPES,
    WORDS,
    WRITTEN_WORDS,
    is_held_out,
)
from clipmini.datasets.scenes.world import NO_CAPTION_NOISE, REFERENCE, World

# Whatever is not asked stays out of the way: nothing is written, nothing lies on top of another thing.
QUIET = replace(REFERENCE, overlap=0, glyph=0, word=0, action=0, caption_noise=NO_CAPTION_NOISE)

NUMBERS = WORDS["numbers"]
HELD_OUT_PAIRS = tuple(sorted(HELD_OUT))
COLOURED_SHAPES = tuple((shape, colour) for shape in SHAPES for colour in COLOURS)
FILLED_SHAPES = tuple((shape, fill) for shape in sorted({shape for shape, _ in HELD_OUT_FILLS}) for fill in FILLS)
HEART_COLOURS = tuple(c for c in COLOURS if ("heart", c) not in HELD_OUT)
COUNTS = tuple(f"{NUMBERS[n]} object{'s' * (n > 1)}" for n in range(1, MAX_OBJECTS + 1))
RED_COUNTS = tuple(f"{NUMBERS[n]} red object{'s' * (n > 1)}" for n in range(1, 5))
KIND_NAMES = tuple(dict.fromkeys(KINDS.values()))

Answer = tuple[Scene, tuple[str, ...]]  # a scene, and the captions to choose from if every picture has its own


def lone(attribute: str, values: tuple[str, ...], world: World = QUIET, sizes=("medium", "large"), held_out="never", **rest):
    """A setup of scenes with one object, whose attribute is the answer."""

    def make(rng: Rng, label: int, split: str) -> Answer:
        wanted = {attribute: values[label]}
        if attribute != "size":
            wanted["size"] = sizes
        wanted |= rest
        return sample(rng, world, Request(count=1, objects=(wanted,), held_out=held_out, split=split)), ()

    return make


def background(rng: Rng, label: int, split: str) -> Answer:
    return sample(rng, QUIET, Request(background=BACKGROUNDS[label], layout="scattered", split=split)), ()


def count(rng: Rng, label: int, split: str) -> Answer:
    """All objects are about as small, and how small depends on the picture alone: neither size nor area tells how many."""
    r = rng.between(40, 66)
    world = replace(QUIET, sizes=QUIET.sizes._replace(small=(r - 4, r + 4)))
    return sample(rng, world, Request(count=label + 1, objects=({"size": "small"},) * (label + 1), split=split)), ()


def count_of_colour(rng: Rng, label: int, split: str) -> Answer:
    """Five objects, one to four of them red."""
    others = [c for c in COLOURS if c not in ("red", "brown", "orange")]
    colours = ["red"] * (label + 1) + [rng.pick(others) for _ in range(4 - label)]
    objects = tuple({"size": "small", "colour": c} for c in rng.shuffled(colours))
    return sample(rng, QUIET, Request(count=5, objects=objects, split=split)), ()


def action(rng: Rng, label: int, split: str) -> Answer:
    return sample(rng, QUIET, Request(action=ACTIONS[label], split=split)), ()


def written_word(rng: Rng, label: int, split: str) -> Answer:
    return sample(rng, QUIET, Request(count=1, word=WRITTEN_WORDS[label], split=split)), ()


def turned_arrow(rng: Rng, label: int, split: str) -> Answer:
    wanted = {"shape": "arrow", "size": ("medium", "large"), "angle": 90 * label + rng.between(-20, 20)}
    return sample(rng, QUIET, Request(count=1, objects=(wanted,), split=split)), ()


def colour_of_the_left(rng: Rng, label: int, split: str) -> Answer:
    """Two objects of different colours, one to the left of the other; the left one is asked for."""
    return _until(rng, split, lambda: (_other(rng, "colour", COLOURS, label)), lambda a, b: beside(a, b) == "left of"), ()


def shape_of_the_larger(rng: Rng, label: int, split: str) -> Answer:
    """Two objects of different shapes; the larger one is asked for."""
    larger = rng.pick(({"size": "large"}, {"size": "medium"}))
    smaller = {"size": "small" if larger["size"] == "medium" else rng.pick(("small", "medium"))}
    pair = _other(rng, "shape", SHAPES, label)
    return _until(rng, split, lambda: (pair[0] | larger, pair[1] | smaller), lambda a, b: related("larger than", [a, b])), ()


def colour_of_the_heart(rng: Rng, label: int, split: str) -> Answer:
    """A heart among two other shapes, all of different colours; the heart is asked for."""
    heart = {"shape": "heart", "colour": HEART_COLOURS[label]}
    while True:
        others = _strangers(rng, 2)
        if not {"heart", heart["colour"]} & {value for other in others for value in other.values()}:
            break
    objects = tuple(one | {"size": "medium"} for one in (heart, *others))
    return sample(rng, QUIET, Request(count=3, objects=objects, split=split)), ()


def relation(rng: Rng, label: int, split: str) -> Answer:
    """Who is left of, right of, above or below whom?"""
    scene = _until(rng, split, lambda: _strangers(rng, 2), lambda a, b: beside(a, b) != "")
    a, b = scene.objects
    return scene, _swapped(label, lambda x, y: f"{_a(x)} {beside(a, b)} {_a(y)}", a, b)


def larger(rng: Rng, label: int, split: str) -> Answer:
    """Which is larger?"""
    sizes = rng.pick((("large", "small"), ("large", "medium"), ("medium", "small")))
    scene = _until(rng, split, lambda: _strangers(rng, 2, sizes), lambda a, b: related("larger than", [a, b]))
    return scene, _swapped(label, lambda x, y: f"{_a(x)} larger than {_a(y)}", *scene.objects)


def containment(rng: Rng, label: int, split: str) -> Answer:
    """Which lies within the other? Both could: only shapes that can hold another one are shown."""

    def objects():
        return tuple(o | {"fill": "solid"} for o in _strangers(rng, 2, shapes=CONTAINERS))

    scene = _until(rng, split, objects, inside, layout="inside")
    return scene, _swapped(label, lambda x, y: f"{_a(x)} inside {_a(y)}", *scene.objects)


def middle(rng: Rng, label: int, split: str) -> Answer:
    """Which of three is between the other two?"""
    scene = sample(rng, QUIET, Request(count=3, objects=_strangers(rng, 3), layout="between", split=split))
    captions = []
    for i in range(3):  # the ends in any order: an order that all captions share would give the answer away
        a, b = rng.shuffled([o for j, o in enumerate(scene.objects) if j != i])
        captions.append(f"{_a(scene.objects[i])} between {_a(a)} and {_a(b)}")
    return scene, _put(label, captions[0], rng.shuffled(captions[1:]))


def role(rng: Rng, label: int, split: str) -> Answer:
    """Who acts, and on whom? Half of the sentences are passive."""
    verb, passive = rng.pick((("hits", "is hit by"), ("orbits", "is orbited by")))
    name = "hitting" if verb == "hits" else "orbiting"
    scene = sample(rng, QUIET, Request(action=name, objects=_strangers(rng, 2), split=split))
    if rng.chance(0.5):
        return scene, _swapped(label, lambda x, y: f"{_a(x)} {verb} {_a(y)}", *scene.objects)
    return scene, _swapped(label, lambda x, y: f"{_a(y)} {passive} {_a(x)}", *scene.objects)


def binding(rng: Rng, label: int, split: str) -> Answer:
    """Which colour belongs to which shape? Neither answer names a combination that training does not show."""
    while True:
        a, b = _strangers(rng, 2)
        if not any(is_held_out(x["shape"], y["colour"], "") for x, y in ((a, b), (b, a))):
            break
    return _bound(rng, label, split, (a, b), "never")


def held_out_binding(rng: Rng, label: int, split: str) -> Answer:
    """The same; one of the answers, right in half of the pictures, names combinations that training never shows."""
    while True:
        shape, colour = rng.pick(HELD_OUT_PAIRS)
        a, b = {"shape": shape, "colour": colour}, {"shape": rng.pick(SHAPES), "colour": rng.pick(COLOURS)}
        swapped = ({"shape": shape, "colour": b["colour"]}, {"shape": b["shape"], "colour": colour})
        if shape != b["shape"] and colour != b["colour"] and not any(is_held_out(*o.values(), "") for o in (b, *swapped)):
            break
    objects = (a, b) if rng.chance(0.5) else swapped
    return _bound(rng, label, split, objects, "any")


def combination(rng: Rng, label: int, split: str) -> Answer:
    shape, colour = COLOURED_SHAPES[label]
    wanted = {"shape": shape, "colour": colour, "fill": "solid", "size": ("medium", "large")}
    return sample(rng, QUIET, Request(count=1, objects=(wanted,), held_out="only", split=split)), ()


def fill_combination(rng: Rng, label: int, split: str) -> Answer:
    shape, fill = FILLED_SHAPES[label]
    colour = tuple(c for c in COLOURS if (shape, c) not in HELD_OUT)
    wanted = {"shape": shape, "colour": colour, "fill": fill, "size": ("medium", "large")}
    return sample(rng, QUIET, Request(count=1, objects=(wanted,), held_out="only", split=split)), ()


def kind(rng: Rng, label: int, split: str) -> Answer:
    shape = tuple(s for s in SHAPES if KINDS[s] == KIND_NAMES[label])
    wanted = {"shape": shape, "size": ("medium", "large")}
    return sample(rng, QUIET, Request(count=1, objects=(wanted,), split=split)), ()


def _bound(rng: Rng, label: int, split: str, objects, held_out: str) -> Answer:
    scene = sample(rng, QUIET, Request(count=2, objects=objects, held_out=held_out, split=split))
    a, b = rng.shuffled(scene.objects)
    right = f"{_a(a)} and {_a(b)}"
    wrong = f"{_a(a._replace(colour=b.colour))} and {_a(b._replace(colour=a.colour))}"
    return scene, _put(label, right, [wrong])


def _until(rng: Rng, split: str, objects: Callable, holds: Callable[[Object, Object], bool], **request) -> Scene:
    """A scene of two objects in which something holds, the objects drawn anew each time."""
    while True:
        try:
            scene = sample(rng, QUIET, Request(count=2, objects=objects(), split=split, **request), tries=20)
        except DoesNotFit:
            continue
        if holds(*scene.objects):
            return scene


def _strangers(rng: Rng, n: int, sizes: tuple[str, ...] = (), shapes: tuple[str, ...] = SHAPES) -> tuple[dict[str, str], ...]:
    """Objects of different shapes and different colours, none of them held out."""
    while True:
        kinds = list(zip(rng.shuffled(shapes)[:n], rng.shuffled(COLOURS)[:n], strict=True))
        if not any(is_held_out(shape, colour, "") for shape, colour in kinds):
            break
    extra = [{"size": size} for size in sizes] or [{}] * n
    return tuple({"shape": s, "colour": c} | more for (s, c), more in zip(kinds, extra, strict=True))


def _other(rng: Rng, attribute: str, values: tuple[str, ...], label: int) -> tuple[dict[str, str], dict[str, str]]:
    return {attribute: values[label]}, {attribute: rng.pick([v for v in values if v != values[label]])}


def _swapped(label: int, sentence: Callable[[Object, Object], str], a: Object, b: Object) -> tuple[str, ...]:
    return _put(label, sentence(a, b), [sentence(b, a)])


def _put(label: int, right: str, wrong: list[str]) -> tuple[str, ...]:
    return (*wrong[:label], right, *wrong[label:])


def _a(o: Object) -> str:
    words = f"{o.colour} {o.shape}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
