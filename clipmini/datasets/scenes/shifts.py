"""One task under seven shifts (paper section 3.3): the same answers, other pictures.

The answers are colours and shapes in every combination that training shows; its pictures, `reference`, stand for ImageNet.
"""

import json
from functools import lru_cache

from clipmini.datasets.scenes.dice import Dice
from clipmini.datasets.scenes.sample import Ask, sample
from clipmini.datasets.scenes.tasks import DOMAIN, KIND_NAMES, QUIET, SEEN, Answer, Task
from clipmini.datasets.scenes.words import ACTIONS, COLOURS, HELD_OUT, KINDS, SHAPES
from clipmini.datasets.scenes.world import NONE, ODD, RENDITION, SKETCH, V2, VIDEO, WILD, World, replace
from clipmini.files import package_data

PAIRS = tuple((shape, colour) for shape in SHAPES for colour in COLOURS if (shape, colour) not in HELD_OUT)
CLASSES = tuple(f"{colour} {shape}" for shape, colour in PAIRS)
KIND_OF_CLASS = tuple(KIND_NAMES.index(KINDS[shape]) for shape, _ in PAIRS)  # to pool the answers by kind
FRAMES = 7  # of a film: the anchor and three to either side
ANCHOR = FRAMES // 2
ADVERSARIAL = "scenes-adversarial.json"
FILMED = tuple(name for name in ACTIONS if name not in ("orbiting", "hitting", "blinking"))


def named(world: World):
    """A maker of scenes with one object, whose colour and shape are the answer."""
    world = replace(world, glyph=0, word=0, action=0, failings=NONE)

    def make(dice: Dice, label: int, split: str) -> Answer:
        shape, colour = PAIRS[label]
        return sample(dice, world, Ask(count=1, objects=({"shape": shape, "colour": colour},), split=split)), ()

    return make


def filmed(world: World, by_kind: bool = False):
    """A maker of films with one object; its colour and shape are the answer, or only its kind."""
    world = replace(world, glyph=0, word=0, failings=NONE)

    def make(dice: Dice, label: int, split: str) -> Answer:
        shape, colour = dice.pick([p for p in PAIRS if KIND_NAMES.index(KINDS[p[0]]) == label]) if by_kind else PAIRS[label]
        wanted = {"shape": shape, "colour": colour}
        scene = sample(dice, world, Ask(count=1, objects=(wanted,), action=dice.pick(FILMED), split=split))
        # Three frames a film are what captions tell of; here are more, and each goes less far.
        action = scene.action._replace(frames=FRAMES, pace=min(12, scene.action.pace * scene.action.frames // FRAMES))
        return scene._replace(action=action), ()

    return make


@lru_cache(maxsize=1)
def adversarial() -> dict:
    """What ships: the rows that the reference classifier got wrong, by split, and which generator drew them."""
    return json.loads(package_data(ADVERSARIAL).read_text())


def _shift(question: str, world: World, seen: str = DOMAIN, **more) -> Task:
    return Task(question=question, classes=CLASSES, make=named(world), seen=seen, **more)


SHIFTS: dict[str, Task] = {
    "reference": _shift("Which colour, and which shape? Drawn as in training (ImageNet)", QUIET, SEEN),
    "v2": _shift("... collected anew by another hand (ImageNetV2)", V2),
    "sketch": _shift("... as outlines on paper (ImageNet Sketch)", SKETCH),
    "renditions": _shift("... engraved, in bold lines, in mosaic (ImageNet-R)", RENDITION),
    "odd views": _shift("... turned, too near or too far, in messy rooms (ObjectNet)", ODD),
    "adversarial": _shift(
        "... where a supervised classifier fails (ImageNet-A)", WILD, rows=lambda split: adversarial()[split]
    ),
    "film": Task(
        question="... in seven frames of a film (ImageNet-Vid)", classes=CLASSES, make=filmed(QUIET), seen=SEEN, frames=FRAMES
    ),
    "video": Task(
        question="Which kind of shape, in seven frames of a dim and noisy video? (YouTube-BB)",
        classes=KIND_NAMES, make=filmed(VIDEO, by_kind=True), seen=DOMAIN, frames=FRAMES,
    ),
}
