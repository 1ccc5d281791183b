"""What the tasks of the scenes say is in their pictures is in their pixels: each task is answered by measuring, and agrees."""

import re
from functools import cache, partial

import numpy as np
import pytest
from scipy import ndimage

from clipmini.datasets.scenes import REFERENCE, SHIFTS, TASKS, motion
from clipmini.datasets.scenes.rows import answer, pair
from clipmini.datasets.scenes.words import COLOURS, GLYPHS, KINDS, SHAPES, WORDS, WRITTEN_WORDS
from tests.scene_pixels import (
    Thing,
    background_of,
    enclosing,
    fill_of,
    ground,
    lone_thing,
    matte,
    on_it,
    on_plate,
    outer_corners,
    pixels,
    read,
    things,
)

ALL = TASKS | SHIFTS
ROWS = 40  # of a task: half of them from val, half from test
NUMBERS = WORDS["numbers"]
PHRASE = re.compile(rf"an? ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")


def lone(read_off, scene, *_, side=160) -> str:
    """What is read off the only thing of a picture, on a plain ground."""
    found = lone_thing(plain(scene), side)
    return read_off(found) if found else "not one thing"


def plain(scene):
    """On an even ground, so that a patch of another colour is a thing."""
    return scene._replace(background="plain")


def named(found: Thing) -> str:
    return f"{found.colour} {found.shape}"


def letter(font: str, scene, *_) -> str:
    (found,) = things(plain(scene), 256)
    glyph = read(on_it(found), GLYPHS, font)
    return f"{'digit' if glyph.isdigit() else 'letter'} {glyph}"


def pointing(found: Thing) -> str:
    """Where the head is: the half of an arrow that reaches farther to its sides."""
    y, x = np.nonzero(found.mask)
    z = x - x.mean() + 1j * (y - y.mean())
    axis = np.exp(0.5j * np.angle((z * z).sum()))
    along, across = (z / axis).real, np.abs((z / axis).imag)
    middle = (along.min() + along.max()) / 2
    if across[along > middle].max() < across[along < middle].max():
        axis = -axis
    return ("right", "down", "left", "up")[round(np.angle(axis, deg=True) / 90) % 4]


def count(scene, *_) -> str:
    return counted("object", things(plain(scene)))


def count_of_red(scene, *_) -> str:
    return counted("red object", [t for t in things(plain(scene)) if t.colour == "red"])


def counted(noun: str, found: list[Thing]) -> str:
    """The number in words, as the answers have it."""
    n = len(found)
    return f"{NUMBERS[n] if n < len(NUMBERS) else n} {noun}{'s' * (n > 1)}"


def of_two(key, tell, scene, *_) -> str:
    """What is told of that one of two things which comes first."""
    a, b = things(plain(scene), 224)
    return tell(min(a, b, key=key))


def of_the_heart(scene, *_) -> str:
    (heart,) = [t for t in things(plain(scene), 224) if t.shape == "heart"]
    return heart.colour


def action(scene, *_) -> str:
    """What the long exposure shows beside the thing as it is now: where its trail is, and what it is like."""
    scene, still = plain(scene), plain(scene._replace(action=None))
    cover, now = matte(scene, 224), matte(still, 224)
    if cover.max() < 0.7:
        return "blinking"  # half there
    changed = np.abs(pixels(scene, 224) - pixels(still, 224)).sum(2) > 12
    if (changed & (now > 0.99)).sum() > 0.02 * (now > 0.99).sum():
        return "growing"  # what it was lies within it
    trail = (cover > 0.04) & (now < 0.01)
    if trail.sum() < 0.01 * (now > 0.99).sum():
        return "nothing"
    parts = things(still)
    if len(parts) == 2:
        return _of_two_things(trail, parts)
    shown, solid = cover > 0.04, now > 0.5
    grown = np.abs(np.subtract(_sides(shown), _sides(solid)))
    back = np.roll(solid, (grown[3] - grown[2], grown[1] - grown[0]), (0, 1))
    moved = grown.max() > 12 and np.sort(grown)[2] < 4
    if moved and (back & ~ndimage.binary_dilation(shown, iterations=2)).sum() < 0.08 * solid.sum():
        return ("moving right", "moving left", "moving down", "moving up")[grown.argmax()]  # where it comes from
    return "shrinking" if enclosing(outer_corners(shown))[1] > 1.3 * parts[0].r * len(now) else "turning"


def _sides(mask) -> tuple[int, ...]:
    """Where a patch ends: left, right, top, bottom."""
    y, x = np.nonzero(mask)
    return x.min(), x.max(), y.min(), y.max()


def _of_two_things(trail, parts) -> str:
    """On a circle the trail keeps its distance from the middle; after a hit it lies along the line through both."""
    y, x = (np.nonzero(trail) + np.zeros((2, 1))) / len(trail)
    a, b = parts
    z = x + 1j * y - complex(a.x + b.x, a.y + b.y) / 2
    across = (z / complex(b.x - a.x, b.y - a.y) * abs(complex(b.x - a.x, b.y - a.y))).imag
    return "hitting" if np.abs(across).max() < 1.25 * max(a.r, b.r) else "orbiting"


def told(scene, _, choices) -> int:
    """Which one of the captions is true of the pixels; none if more than one is."""
    seen = things(plain(scene), 224)
    seen = seen if len(seen) > 1 else nested(plain(scene))
    true = [i for i, caption in enumerate(choices) if holds(caption, seen)]
    return true[0] if len(true) == 1 else -1


def nested(scene) -> list[Thing]:
    """A thing on top of another one: the two colours of a patch."""
    (both,) = things(scene, 224)
    colours, counts = np.unique(both.picture[both.own], axis=0, return_counts=True)
    parts = []
    for rgb in colours[np.argsort(counts)[-2:]]:
        own = ndimage.binary_opening(np.abs(both.picture - rgb).sum(2) < 12)
        parts.append(Thing.of(ndimage.binary_fill_holes(own & both.mask), own, both.picture))
    return parts


def holds(caption: str, seen: list[Thing]) -> bool:
    """Whether a caption is true: its things are there, in their colours and shapes, and its relation holds."""
    who = [[t for t in seen if (t.colour, t.shape) == phrase] for phrase in PHRASE.findall(caption)]
    if not all(len(found) == 1 for found in who):
        return False
    relation = re.sub("[^a-z]+", " ", PHRASE.sub("", caption)).strip()
    return RELATIONS[relation](*(found[0] for found in who))


def beside(dx: int, dy: int, a: Thing, b: Thing) -> bool:
    """Whether `a` lies in this direction from `b`, rather than across it."""
    x, y = a.x - b.x, a.y - b.y
    return x * dx + y * dy > abs(x * dy) + abs(y * dx)


def inside(a: Thing, b: Thing) -> bool:
    return not (a.mask & ~b.mask).any() and b.mask.sum() > a.mask.sum()


def between(m: Thing, a: Thing, b: Thing) -> bool:
    """Whether `m` is beside both, on opposite sides."""
    return any(beside(dx, dy, m, a) and beside(-dx, -dy, m, b) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)))


RELATIONS = {
    "left of": partial(beside, -1, 0),
    "right of": partial(beside, 1, 0),
    "above": partial(beside, 0, -1),
    "below": partial(beside, 0, 1),
    "larger than": lambda a, b: a.r > 1.2 * b.r,
    "inside": inside,
    "between and": between,
    "and": lambda a, b: True,
}


def role(scene, _, choices) -> int:
    """Who moves on a circle around the other one, or pushes it along."""
    stills = motion.frames(scene)
    first, last = (things(plain(still), 224) for still in (stills[0], stills[-1]))
    true = [i for i, caption in enumerate(choices) if acts(caption, first, last)]
    return true[0] if len(true) == 1 else -1


def acts(caption: str, first: list[Thing], last: list[Thing]) -> bool:
    """Whether a sentence tells what has changed between two frames."""
    agent, patient = PHRASE.findall(caption)
    if "by" in caption:
        agent, patient = patient, agent
    if {agent, patient} != {(t.colour, t.shape) for t in last} or {agent, patient} != {(t.colour, t.shape) for t in first}:
        return False
    was, is_ = ({(t.colour, t.shape): complex(t.x, t.y) for t in still} for still in (first, last))
    (a, b), (p, q) = (was[agent], is_[agent]), (was[patient], is_[patient])
    if "orbit" in caption:
        return abs(b - a) > 0.05 and abs(q - p) < 0.015 and abs(abs(a - p) - abs(b - q)) < 0.06
    way = (p - a) / abs(p - a)  # both go the same way, the agent behind
    return all((step / way).real > max(0.03, 4 * abs((step / way).imag)) for step in (b - a, q - p))


SANS, SERIF = "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf"
SHAPES_OF_ONE = ("shape", "pentagon or hexagon", "five or six points", "ellipse or circle", "crescent or heart")
SHAPES_OF_ONE += ("sketched shape", "rendered shape", "shape on a photograph")
BOTH = ("unseen combination", "reference", "v2", "sketch", "renditions", "odd views", "adversarial", "film")
MEASURE = {
    **dict.fromkeys(SHAPES_OF_ONE, partial(lone, lambda t: t.shape)),
    **dict.fromkeys(("colour", "green or teal", "blue or navy", "colour on a photograph"), partial(lone, lambda t: t.colour)),
    **dict.fromkeys(("fill", "striped or hatched"), partial(lone, fill_of, side=320)),
    **dict.fromkeys(("kind", "video"), partial(lone, lambda t: KINDS[t.shape])),
    **dict.fromkeys(BOTH, partial(lone, named)),
    **dict.fromkeys(("relation", "larger", "containment", "middle", "binding", "unseen binding"), told),
    "unseen fill": partial(lone, lambda t: f"{fill_of(t)} {t.shape}", side=320),
    "size": partial(lone, lambda t: t.size),
    "place": partial(lone, lambda t: WORDS["places"][t.place][0]),
    "pointing": partial(lone, pointing),
    "background": lambda scene, *_: background_of(scene),
    "letter": partial(letter, SANS),
    "letter in another font": partial(letter, SERIF),
    "written word": lambda scene, *_: read(on_plate(scene), WRITTEN_WORDS, SANS, 0),
    "count": count,
    "count of red": count_of_red,
    "action": action,
    "colour of the left": partial(of_two, lambda t: t.x, lambda t: t.colour),
    "shape of the larger": partial(of_two, lambda t: -t.r, lambda t: t.shape),
    "colour of the heart": of_the_heart,
    "role": role,
}
# Everything else must agree always. Of small shapes an engraving cuts corners away, a bold rim fills notches, and an unsteady
# line bends sides: there it is the measurement that may err.
REQUIRED = {"rendered shape": 0.95, "renditions": 0.95, "sketch": 0.95}


def agreement(name: str, shift: int = 0) -> tuple[float, list]:
    """The share of a task's rows whose label is what is measured, and the others. shift: of the labels, for a control."""
    found = measured(name)
    wrong = [(split, row, right, seen) for split, row, right, seen, other in found if seen != (other if shift else right)]
    return 1 - len(wrong) / len(found), wrong


@cache
def measured(name: str) -> list[tuple]:
    """(split, row, the right answer, the measured one, the next answer) of 40 rows; of films, all frames."""
    task, found = ALL[name], []
    for split, row in rows_of(name):
        scene, label, choices = answer(name, task, split, row)
        answers = task.classes or tuple(range(task.choices))
        try:
            seen = MEASURE[name](scene, task, choices)
        except ValueError as error:  # there are more things, or fewer, than the question is about
            seen = f"unreadable: {error}"
        found.append((split, row, answers[label], seen, answers[(label + 1) % len(answers)]))
    return found


def rows_of(name: str) -> list[tuple[str, int]]:
    """Half of the rows from either split; of tasks with many answers every fifth; of films all frames."""
    task, half = ALL[name], ROWS // 2
    if task.rows:
        return [(split, row) for split in ("val", "test") for row in task.rows(split)[: 5 * half : 5]]
    if task.frames > 1:
        films = range(0, 5 * ROWS // task.frames + 5, 5)
        return [(("val", "test")[k % 2], task.frames * film + i) for k, film in enumerate(films) for i in range(task.frames)]
    step = 5 if task.answers > ROWS else 1
    return [("val" if i < half else "test", step * i) for i in range(ROWS)]


def test_every_task_is_measured():
    assert set(MEASURE) == set(ALL)


@pytest.mark.parametrize("name", MEASURE)
def test_labels_agree_with_the_pixels(name):
    share, wrong = agreement(name)
    assert share >= REQUIRED.get(name, 1), f"{name}: {share:.1%} agree; (split, row, label, measured): {wrong[:5]}"


@pytest.mark.parametrize("name", MEASURE)
def test_other_labels_do_not(name):
    """A control: the answer after the right one is hardly ever what is measured."""
    share, _ = agreement(name, shift=1)
    assert share <= 0.05


@pytest.mark.parametrize("name", [name for name, task in ALL.items() if task.frames > 1])
def test_all_frames_of_a_film_show_the_same(name):
    seen = [answer for *_, answer, _ in measured(name)]
    films = [set(seen[i : i + ALL[name].frames]) for i in range(0, len(seen), ALL[name].frames)]
    assert len(films) >= 6 and all(len(film) == 1 for film in films)


@pytest.mark.parametrize("name", ["shape", "count", "v2", "odd views", "shape on a photograph"])
def test_things_can_be_told_from_their_ground(name):
    """On the ground that they are shown on: most of their pixels differ from it by a sixth of the range, summed over colours."""
    for split, row in rows_of(name)[::2]:
        scene, *_ = answer(name, ALL[name], split, row)
        apart = np.abs(pixels(scene) - ground(scene)).sum(2)
        for found in things(scene):
            assert np.mean(apart[found.own] >= 60) > 0.4, (name, split, row)


def test_captions_tell_what_the_pixels_show():
    """Colours, shapes, sizes, places and numbers in captions without noise, of things that do not overlap."""
    checked = counted = 0
    for row in range(300):
        scene, caption, parse = pair(REFERENCE, "train", row)
        scene = plain(scene._replace(word=""))
        if parse.noise or scene.action or any(o.glyph for o in scene.objects):
            continue
        seen = things(scene, 224)
        if len(seen) != len(scene.objects):
            continue
        for mention in parse.mentions:
            n = sum(is_meant(mention, found) for found in seen)
            assert n == mention.count if mention.count > 1 else n > 0, (row, caption, [(named(t), t.size) for t in seen])
            checked, counted = checked + 1, counted + (mention.count > 1)
    assert checked > 150 and counted > 5


def is_meant(mention, found: Thing) -> bool:
    """Whether all that a noun phrase says is measured."""
    return (
        mention.colour in ("", found.colour)
        and mention.shape in ("", found.shape, KINDS[found.shape])
        and mention.size in ("", found.size)
        and (mention.fill in ("", fill_of(found)) or found.size == "small")  # with room for a stripe or two
        and (not mention.points or mention.points == pointing(found))
        and mention.place in ("", found.place)
    )
