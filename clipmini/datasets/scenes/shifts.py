"""One task under seven shifts (paper section 3.3): the same answers, other pictures.

The answers are colours and shapes in every combination that training shows; its pictures, `reference`, stand for ImageNet.
"""

import json
from functools import lru_cache

from clipmini.datasets.scenes.request import Request
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.sample import sample
from clipmini.datasets.scenes.setups import KIND_NAMES, QUIET, Answer
from clipmini.datasets.scenes.tasks import Task, tasks
from clipmini.datasets.scenes.words import ACTIONS, COLOURS, HELD_OUT, KINDS, SHAPES
from clipmini.datasets.scenes.world import NO_CAPTION_NOISE, ODD, RENDITION, SKETCH, V2, VIDEO, WILD, World, replace
from clipmini.files import package_data

PAIRS = tuple((shape, colour) for shape in SHAPES for colour in COLOURS if (shape, colour) not in HELD_OUT)
CLASSES = tuple(f"{colour} {shape}" for shape, colour in PAIRS)
KIND_OF_CLASS = tuple(KIND_NAMES.index(KINDS[shape]) for shape, _ in PAIRS)  # to pool the answers by kind
FRAMES = 7  # of a film: the anchor and three to either side
ANCHOR = FRAMES // 2
ADVERSARIAL = "scenes-adversarial.json"
FILMED = tuple(name for name in ACTIONS if name not in ("orbiting", "hitting", "blinking"))


def named(world: World):
    """A setup of scenes with one object, whose colour and shape are the answer."""
    world = replace(world, glyph=0, word=0, action=0, caption_noise=NO_CAPTION_NOISE)

    def make(rng: Rng, label: int, split: str) -> Answer:
        shape, colour = PAIRS[label]
        return sample(rng, world, Request(count=1, objects=({"shape": shape, "colour": colour},), split=split)), ()

    return make


def filmed(world: World, by_kind: bool = False):
    """A setup of films with one object; its colour and shape are the answer, or only its kind."""
    world = replace(world, glyph=0, word=0, caption_noise=NO_CAPTION_NOISE)

    def make(rng: Rng, label: int, split: str) -> Answer:
        shape, colour = rng.pick([p for p in PAIRS if KIND_NAMES.index(KINDS[p[0]]) == label]) if by_kind else PAIRS[label]
        wanted = {"shape": shape, "colour": colour}
        scene = sample(rng, world, Request(count=1, objects=(wanted,), action=rng.pick(FILMED), split=split))
        slow = scene.action.pace * scene.action.frames // FRAMES // 2  # neighbouring frames differ by a pixel or less
        return scene._replace(action=scene.action._replace(frames=FRAMES, pace=slow)), ()

    return make


@lru_cache(maxsize=1)
def adversarial() -> dict:
    """What ships: the rows that the reference classifier got wrong, by split, and which generator drew them."""
    return json.loads(package_data(ADVERSARIAL).read_text())


def _named(world: World) -> dict:
    return {"classes": CLASSES, "make": named(world)}


# After the paper's sets: ImageNet, then ImageNetV2, Sketch, R, ObjectNet, A, Vid and YouTube-BB.
SHIFTS: dict[str, Task] = tasks(
    reference=_named(QUIET),
    v2=_named(V2),
    sketch=_named(SKETCH),
    renditions=_named(RENDITION),
    odd_views=_named(ODD),
    adversarial=_named(WILD) | {"rows": lambda split: adversarial()[split]},
    film={"classes": CLASSES, "make": filmed(QUIET), "frames": FRAMES},
    video={"classes": KIND_NAMES, "make": filmed(VIDEO, by_kind=True), "frames": FRAMES},
)
