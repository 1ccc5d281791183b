"""The pictures of the page about the data set scenes: small ones from its generator, put on white cards with words below.

`tools/scenes/card.py` calls `draw_all`; nothing here is chosen by hand but the seeds and the rules that pick rows.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from clipmini.datasets import scenes
from clipmini.datasets.scenes import duplicates, motion, rows
from clipmini.datasets.scenes.parse import mistakes, omitted
from clipmini.datasets.scenes.sample import Request, sample
from clipmini.datasets.scenes.scene import SIDE, Object, Scene, beside, place
from clipmini.datasets.scenes.setups import QUIET
from clipmini.datasets.scenes.tasks import NEAR, Task
from clipmini.datasets.scenes.words import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    FILLS,
    HELD_OUT,
    RGB,
    SHAPES,
    SIZES,
    WORDS,
    distance,
    grounds_for,
)
from tools.scenes.board import GAP, INK, MUTED, OTHER, STATIC, TILE, WRONG, Card, Run, font_of, grid

SAMPLE = 10_000  # the first training pairs: where examples are looked for, and captions counted
LANGUAGE = {"it": "Italian", "fr": "French", "de": "German"}

def picture_of(scene: Scene, resolution: int = 64) -> Image.Image:
    """As it lies in the data set: drawn, lit and grainy."""
    return Image.fromarray(rows.render([scene], resolution)[0].transpose(1, 2, 0))


# --- what was said, and what is true


@cache
def pairs() -> list[tuple]:
    """The first training pairs: scene, caption, parse."""
    return [rows.pair(scenes.REFERENCE, "train", row) for row in range(SAMPLE)]


@cache
def six() -> list[tuple[str, Scene, str, list[Run], str]]:
    """The first training pair of each of six kinds: its kind, scene, caption, the caption with marks, and the truth."""
    found: dict[str, tuple] = {}
    for scene, text, parse in pairs():
        plain = not (scene.word or scene.action) and 12 < len(text) < 48
        kind = kind_of(scene, text, parse) if plain else ""
        if kind and kind not in found:
            found[kind] = (scene, text, *truth(kind, scene, text, parse))
        if len(found) == len(KINDS):
            break
    if missing := set(KINDS) - set(found):
        raise ValueError(f"no training pair is a clear example of {missing}: loosen kind_of")
    return [(kind, *found[kind]) for kind in KINDS]


KINDS = ("complete", "omits", "wrong", "foreign", "noise", "unrelated")


def kind_of(scene: Scene, text: str, parse) -> str:
    """Which of the six kinds a pair is a clear example of, or ""."""
    few = len(scene.objects) in (2, 3)
    match parse.noise:
        case () if parse.form == "listed" and few and not omitted(parse, scene) and all(m.colour for m in parse.mentions):
            return "complete"
        case () if parse.form == "grounded" and few and len(omitted(parse, scene)) == 1:
            return "omits"
        case ("wrong colour",) if parse.form in ("simple", "placed") and len(scene.objects) == 1 and plainly_wrong(scene, parse):
            return "wrong"
        case (noise,) if noise.startswith("foreign") and parse.form in ("simple", "placed") and len(scene.objects) == 1:
            return "foreign"
        case ("file name",) if not omitted(parse, scene) and parse.mentions[0].colour and parse.mentions[0].shape:
            return "noise"
        case ("unrelated",) if parse.form == "listed" and len(parse.mentions) == 2 and len(mistakes(parse, scene)) > 2:
            return "unrelated"
    return ""


def plainly_wrong(scene: Scene, parse) -> bool:
    """Whether the colour that is said is far from the one that is shown."""
    return distance(RGB[scene.objects[0].colour], RGB[parse.mentions[0].colour]) > 300


def truth(kind: str, scene: Scene, text: str, parse) -> tuple[list[Run], str]:
    """The caption with the words that fail marked, and a line that says what is the case."""
    o = scene.objects[0]
    if kind == "wrong":
        return marked(text, "colour", parse.mentions[0].colour, WRONG), f"A wrong word: it is {o.colour}."
    if kind == "foreign":
        return foreign(text, o, parse.noise[0][-3:-1])
    if kind == "omits":
        missing = article("{0.colour} {0.shape}".format(scene.objects[omitted(parse, scene)[0]]))
        return [(text, INK)], f"True, but silent about {missing}."
    if kind == "unrelated":
        return [(text, WRONG)], "The caption of another picture."
    line = "True, and every object is named." if kind == "complete" else "A file name. What its words say is true."
    return [(text, INK)], line


def article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def marked(text: str, attribute: str, value: str, tint: str) -> list[Run]:
    """The text in runs, a word for this value in another ink."""
    word = next(w for w in sorted(WORDS[attribute + "s"][value]["words"], key=len, reverse=True) if w in text)
    before, after = text.split(word, 1)
    return [(before, INK), (word, tint), (after, INK)]


def foreign(text: str, o: Object, language: str) -> tuple[list[Run], str]:
    for attribute in ("colour", "shape"):
        value = getattr(o, attribute)
        word = WORDS[attribute + "s"][value][language]
        if f" {word}" in text:
            before, after = text.split(word, 1)
            return [(before, INK), (word, OTHER), (after, INK)], f"True, with {LANGUAGE[language]} for {value}."
    raise ValueError(f"no {language} word in {text!r}")


def draw_said(marks: bool) -> Card:
    """Six pictures with their captions, two in a row; with marks, what fails is marked and the truth stands below."""
    card, column, side = Card(760), 380, 320
    y = 12
    for i, (_, scene, text, runs, line) in enumerate(six()):
        x = 15 + i % 2 * column
        y = card.bottom + 34 if i in (2, 4) else y
        card.picture(x + 15, y, picture_of(scene), side)
        below = card.words(x, y + side + 8, runs if marks else text, 350, 27, bold=True)
        if marks:
            card.words(x, below + 6, line, 350, 25, MUTED)
    return card


# --- what is in a picture


def one(shape: str = "hexagon", colour: str = "blue", size: str = "large", fill: str = "solid", r: int = 190, angle: int = 12,
        background: str = "plain", tints: tuple[str, str] = ("paper", "sand"), **light) -> Scene:
    """A scene with one object in the middle."""
    o = Object(shape, colour, size, fill, SIDE // 2, SIDE // 2, r, angle, RGB[colour], 5)
    return Scene((o,), background, tints, seed=11, **light)


def draw_palette() -> Card:
    """Every shape in every colour; a combination that training never shows is an empty frame."""
    cell, left, top = 54, 176, 118
    card = Card(left + len(COLOURS) * cell + 24)
    for column, colour in enumerate(COLOURS):
        label = Image.new("L", (150, 30))
        ImageDraw.Draw(label).text((0, 2), colour, fill=255, font=font_of(24))
        label = label.rotate(55, expand=True)
        label = label.crop(label.getbbox())
        card.image.paste(INK, (left + column * cell + 14, top - label.height - 6), label)
        tint = next(t for t in ("paper", "slate") if t in grounds_for(frozenset({colour})))
        for row, shape in enumerate(SHAPES):
            x, y = left + column * cell, top + row * cell
            if (shape, colour) in HELD_OUT:
                card.brush.rectangle((x + 8, y + 8, x + cell - 9, y + cell - 9), outline=MUTED, width=2)
                continue
            scene = one(shape, colour, r=225, angle=0, tints=(tint, tint))
            card.picture(x, y, scenes.draw(scene, cell), cell)
    for row, shape in enumerate(SHAPES):
        words = shape.replace("pointed ", "pointed\n").split("\n")
        for k, word in enumerate(words):
            y = top + row * cell + cell // 2 - 14 * len(words) + 28 * k
            card.brush.text((left - 10, y), word, fill=INK, font=font_of(23), anchor="ra")
    return card


def draw_looks() -> Card:
    """Fills; sizes and light; grounds and grain, six in a row."""
    radii, grain = scenes.REFERENCE.sizes, scenes.REFERENCE.noise
    low, high = scenes.REFERENCE.gain
    heart, drop = {"shape": "heart", "colour": "red", "angle": 0}, {"shape": "drop", "colour": "teal", "r": 110}
    shown = [(fill, one(fill=fill)) for fill in FILLS]
    shown += [(size, one(**heart, size=size, r=sum(getattr(radii, size)) // 2)) for size in SIZES]
    for name, gain in (("darkest", low), ("neutral", 256), ("brightest", high)):
        shown.append((name, one(**heart, r=120, gain=gain, background="gradient", tints=("sky", "lilac"))))
    shown += [(name, one(**drop, background=name, tints=("sand", "sage"))) for name in BACKGROUNDS]
    for name, n in zip(("least grain", "most grain"), grain, strict=True):
        shown.append((name, one(**drop, noise=n, tints=("sand", "sand"))))
    card = Card(6 * (TILE + GAP) + 16)
    grid(card, [picture_of(scene) for _, scene in shown], [name for name, _ in shown], 6, 24)
    return card


def draw_pairs() -> Card:
    """Two of each confusable pair, as a model sees them at 32 pixels; nothing else differs between the two."""
    card, column = Card(864), 288
    pairs = [(attribute, pair) for attribute, near in NEAR.items() for pair in near]
    for i, (attribute, pair) in enumerate(pairs):
        x, y = i % 3 * column, 12 + i // 3 * (TILE + 76)
        for k, value in enumerate(pair):
            scene = one(**{"colour": "purple", "r": 92, attribute: value}, noise=8)
            card.picture(x + 12 + k * 134, y, picture_of(scene, 32), TILE)
            card.words(x + 10 + k * 134, y + TILE + 3, value, 132, 22)
    return card


def draw_meanings() -> Card:
    """Where a word is true: the places of a picture, and what is left of, right of, above and below a thing."""
    card, side, n = Card(864), 400, 128
    centres = [SIDE * (2 * k + 1) // (2 * n) for k in range(n)]
    thing, middle = Object("circle", "red", "small", "solid", 0, 0, 0), SIDE // 2
    still = thing._replace(x=middle, y=middle)
    maps = (("in the picture", place), ("seen from the star", lambda o: beside(o, still)))
    for k, (title, name) in enumerate(maps):
        names = np.array([[name(thing._replace(x=x, y=y)) for x in centres] for y in centres])
        left = 16 + k * (side + 32)
        card.words(left, 8, title, side, 26, bold=True)
        card.picture(left, 50, tinted(names), side)
        for value in filter(None, np.unique(names)):
            y, x = (np.argwhere(names == value).mean(axis=0) * side / n).astype(int)
            card.words(left + x - 60, 50 + y - 15 * len(value.split()), value, 120, 25)
    card.brush.text((left + side // 2, 50 + side // 2), "★", fill=INK, font=font_of(44), anchor="mm")
    return card


def tinted(names: np.ndarray) -> Image.Image:
    """A map of names, each in a tint of its own; grey where there is none."""
    picture = np.full((*names.shape, 3), 168, np.uint8)
    tints = [(205, 225, 243), (250, 226, 200), (208, 234, 216), (240, 214, 228), (245, 236, 190)]
    for i, value in enumerate(v for v in np.unique(names) if v):
        picture[names == value] = tints[i % len(tints)]
    return Image.fromarray(picture)


def acting(action: str, frames: int = 6) -> Scene:
    """The first scene of an action that is told in so many frames, solid on a plain ground."""
    for n in range(10_000):
        n_objects = 2 if action in motion.TWO_SIDED else 1
        request = Request(action=action, background="plain", objects=({"fill": "solid"},) * n_objects)
        scene = sample(scenes.Rng("card", action, n), QUIET, request)
        if scene.action.frames == frames:
            return scene
    raise ValueError(f"no {action} in {frames} frames")


def draw_actions() -> Card:
    """A long exposure of each action, named below."""
    card = Card(5 * (TILE + GAP) + 16)
    grid(card, [picture_of(acting(action)) for action in ACTIONS], ACTIONS, 5, 24)
    return card


def draw_film() -> Card:
    """Six frames of a hit, in order of time, and the one picture that they leave."""
    scene = acting("hitting")
    card = Card(4 * (TILE + GAP) + 16)
    stills = [picture_of(still) for still in motion.frames(scene)]
    texts = [f"frame {t + 1}" for t in range(len(stills))] + ["all in one exposure"]
    grid(card, [*stills, picture_of(scene)], texts, 4, 23)
    return card


def draw_eyes() -> Card:
    """Small patterned things, cut out at 128 pixels, and below the same at 32: what a small model is given."""
    card, side = Card(4 * (168 + GAP) + 16), 168
    kinds = (("heart", "dotted"), ("bolt", "outlined"), ("arrow", "hatched"), ("crescent", "striped"))
    small = [one(shape, "navy", "small", fill, sum(scenes.REFERENCE.sizes.small) // 2) for shape, fill in kinds]
    top = 12
    for resolution, names in ((128, []), (32, [f"{fill} {shape}" for shape, fill in kinds])):
        far, near = resolution * 9 // 32, resolution * 23 // 32  # the middle of the picture
        pictures = [picture_of(scene, resolution).crop((far, far, near, near)) for scene in small]
        top = grid(card, pictures, names, 4, 24, top, side)
    return card


# --- tasks, shifts and copies


def shown(name: str, task: Task, split: str = "val") -> list[int]:
    """Rows of a task for its card, their answers spread evenly over all: a rule, so that nobody picks the pretty ones."""
    if task.frames > 1:
        return filmed(name, task, split)
    n = {2: 4, 3: 3}[task.choices] if not task.classes else 12 if 8 < task.answers <= 12 else 8
    if task.rows is not None:
        kept = task.rows(split)
        return [kept[i * len(kept) // n] for i in range(n)]
    aside = 5  # answers that stand beside each other share their shape, and 13 in a row its colours
    turns = len(task.right) or task.answers
    aside = aside if turns > 100 else 0
    return [i * turns + (i * turns // n + i * aside) % turns for i in range(n)]


def filmed(name: str, task: Task, split: str) -> list[int]:
    """The first film in which a thing moves to the right, the first in which it grows, and the first in which it shrinks."""
    first = {}
    for film in range(task.size // task.frames):
        scene, _ = task.make(scenes.Rng(0, "task", name, split, film), task.label(film * task.frames), split)
        first.setdefault(scene.action.name, film)
    return [first[name] for name in ("moving right", "growing", "shrinking")]


def answers_of(name: str, task: Task) -> list[tuple[Scene, int, tuple[str, ...]]]:
    """What a card shows: scenes, right answers and choices; of a film its first frame."""
    return [rows.answer(name, task, "val", row * task.frames) for row in shown(name, task)]


def draw_task(name: str, task: Task) -> Card:
    return (draw_films if task.frames > 1 else draw_classes if task.classes else draw_choices)(name, task)


def draw_classes(name: str, task: Task) -> Card:
    """Eight pictures, or twelve, each with its right answer."""
    card, answers = Card(4 * (TILE + GAP) + 16), answers_of(name, task)
    grid(card, [picture_of(scene) for scene, *_ in answers], [task.classes[label] for _, label, _ in answers], 4)
    return card


def draw_choices(name: str, task: Task) -> Card:
    """Four pictures, or three, each beside the sentences to choose from; the right one is bold."""
    card, top, side = Card(4 * (TILE + GAP) + 16), 12, 176
    # A tick marks the right one as well, for those who do not see the weight of letters.
    for scene, label, choices in answers_of(name, task):
        card.picture(12, top, picture_of(scene), side)
        y = top
        for i, text in enumerate(choices):
            card.words(side + 26, y, "✓" if i == label else "·", 24, 24, bold=True)
            ink = INK if i == label else MUTED
            y = 8 + card.words(side + 54, y, text, card.image.width - side - 62, 24, ink, centre=False, bold=i == label)
        top = max(top + side, y) + 14
    return card


def draw_films(name: str, task: Task) -> Card:
    """Three films, a row each, with the answer above."""
    card, top = Card(task.frames * (TILE + 8) + 16), 8
    for row in shown(name, task):
        frames = [rows.answer(name, task, "val", row * task.frames + t) for t in range(task.frames)]
        top = card.words(12, top, task.classes[frames[0][1]], 600, 30, centre=False) + 4
        for t, (scene, *_) in enumerate(frames):
            card.picture(12 + t * (TILE + 8), top, picture_of(scene))
        top += TILE + 12
    return card


def draw_copies() -> Card:
    """Three pictures and their five kinds of copies."""
    card, pictures, texts = Card(6 * (TILE + GAP) + 16), [], []
    for name in ("shape of the larger", "shape on a photograph", "kind"):
        scene, *_ = rows.answer(name, duplicates.ALL[name], "val", 0)
        image = rows.render([scene], 64)[0]
        copies = [duplicates.copy(scenes.Rng("card", name, change), image, change) for change in duplicates.CHANGES]
        pictures += [Image.fromarray(copy.transpose(1, 2, 0)) for copy in (image, *copies)]
        texts += ["original", *duplicates.CHANGES] if name == "kind" else [""] * (1 + len(duplicates.CHANGES))
    grid(card, pictures, texts, 6, 18)
    return card


def slug(name: str) -> str:
    return name.replace(" ", "-")


def drawable() -> dict[str, Task]:
    """All tasks and shifts whose pictures are known: the adversarial ones are once a classifier has chosen them."""
    return {name: task for name, task in duplicates.ALL.items() if name != "adversarial" or is_chosen()}


def is_chosen() -> bool:
    try:
        return bool(scenes.adversarial())
    except ValueError:
        return False


FIGURES: dict[str, Callable[[], Card]] = {
    "said": lambda: draw_said(False),
    "truth": lambda: draw_said(True),
    "palette": draw_palette,
    "looks": draw_looks,
    "pairs": draw_pairs,
    "meanings": draw_meanings,
    "actions": draw_actions,
    "film": draw_film,
    "eyes": draw_eyes,
    "copies": draw_copies,
}


def draw_all() -> list[Path]:
    """Draw every figure of the page, and remove those of tasks that are no more."""
    STATIC.mkdir(parents=True, exist_ok=True)
    cards = {name: make() for name, make in FIGURES.items()}
    cards |= {f"task-{slug(name)}": draw_task(name, task) for name, task in drawable().items()}
    drawn = [card.save(name) for name, card in cards.items()]
    for path in set(STATIC.glob("*.png")) - set(drawn):
        path.unlink()
    return drawn
