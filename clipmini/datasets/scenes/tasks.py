"""Labelled tasks: a question about a picture, its answers, and whether training has seen the like.

Questions, prompt templates and what was seen are in the data file; `setups.py` sets the scenes up.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from clipmini.datasets.scenes import setups
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import DIRECTIONS
from clipmini.datasets.scenes.words import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    FILLS,
    GLYPHS,
    HELD_OUT,
    HELD_OUT_FILLS,
    PLACES,
    SHAPES,
    SIZES,
    WORDS,
    WRITTEN_WORDS,
)
from clipmini.datasets.scenes.world import PHOTOGRAPH, RENDITION, SERIF, SKETCH

SEEN, COMBINATION, DOMAIN = "words seen", "combination unseen", "domain unseen"
NEAR = {name: tuple(map(tuple, pairs)) for name, pairs in WORDS["confusable"].items()}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A question with the same answers for every picture, or, if classes is empty, with captions of its own for each.

    make: (rng, label, split) -> a scene whose right answer is that label. right: the classes that are ever right, if not
    all: the others are there to be mistaken for them. choices: captions a picture, without classes.
    seen: "words seen", "combination unseen" or "domain unseen". near: pairs of classes that are easily confused.
    frames: more than 1 if that many rows in a row are the frames of one film. rows: which rows of the endless
    sequence are kept, of a split; None: the first ones.
    """

    question: str
    seen: str
    make: Callable[[Rng, int, str], setups.Answer]
    classes: tuple[str, ...] = ()
    right: tuple[int, ...] = ()
    choices: int = 2
    templates: tuple[str, ...] = ()
    near: tuple[tuple[str, str], ...] = ()
    frames: int = 1
    rows: Callable[[str], list[int]] | None = None

    @property
    def answers(self) -> int:
        """How many answers there are to choose from."""
        return len(self.classes) or self.choices

    @property
    def size(self) -> int:
        """Rows of a split: about 2,000, so that every right answer is right equally often."""
        cycle = (len(self.right) or self.answers) * self.frames
        return cycle * max(2000 // cycle, 1)

    def label(self, row: int) -> int:
        """The right answer of a row: each in its turn, a film at a time."""
        turn = row // self.frames
        return self.right[turn % len(self.right)] if self.right else turn % self.answers


def tasks(**makes: dict) -> dict[str, Task]:
    """Tasks by name (_ for a space), with what the data file says of them."""
    made = {}
    for key, rest in makes.items():
        name = key.replace("_", " ")
        words = WORDS["tasks"][name]
        made[name] = Task(**words | {"templates": tuple(words.get("templates", ()))} | rest)
    return made


def lone(attribute: str, values: tuple[str, ...], world=setups.QUIET, **rest) -> dict:
    """A task about the one object in the picture, the values being its answers."""
    near = tuple(pair for pair in NEAR.get(attribute, ()) if len(values) > 2)
    return {"classes": values, "make": setups.lone(attribute, values, world, **rest), "near": near}


def styled(world) -> setups.World:
    """The quiet world in another style."""
    return replace(setups.QUIET, styles=world.styles)


def written(world) -> dict:
    """A task about the letter or digit on the one object, which is large enough to be written on."""
    make = setups.lone("glyph", tuple(GLYPHS), world, sizes=("large",), fill=("solid",))
    return {"classes": tuple(f"{'digit' if glyph.isdigit() else 'letter'} {glyph}" for glyph in GLYPHS), "make": make}


def among(pairs: tuple[tuple[str, str], ...], held_out: frozenset, make) -> dict:
    """A task whose right answers are held out, among all pairs: shape alone, or colour alone, does not find them."""
    classes = tuple(f"{value} {shape}" for shape, value in pairs)
    return {"classes": classes, "right": tuple(i for i, pair in enumerate(pairs) if pair in held_out), "make": make}


TASKS: dict[str, Task] = tasks(
    shape=lone("shape", SHAPES),
    colour=lone("colour", COLOURS),
    fill=lone("fill", FILLS),
    size=lone("size", SIZES),
    place=lone("place", PLACES, sizes=("medium",)) | {"classes": tuple(WORDS["places"][p][0] for p in PLACES)},
    background={"classes": BACKGROUNDS, "make": setups.background},
    kind={"classes": setups.KIND_NAMES, "make": setups.kind},
    pointing={"classes": DIRECTIONS, "make": setups.turned_arrow},
    letter=written(setups.QUIET),
    written_word={"classes": WRITTEN_WORDS, "make": setups.written_word},
    count={"classes": setups.COUNTS, "make": setups.count},
    count_of_red={"classes": setups.RED_COUNTS, "make": setups.count_of_colour},
    action={"classes": ACTIONS, "make": setups.action},
    pentagon_or_hexagon=lone("shape", NEAR["shape"][0]),
    five_or_six_points=lone("shape", NEAR["shape"][1]),
    ellipse_or_circle=lone("shape", NEAR["shape"][2]),
    crescent_or_heart=lone("shape", NEAR["shape"][3]),
    green_or_teal=lone("colour", NEAR["colour"][0]),
    blue_or_navy=lone("colour", NEAR["colour"][1]),
    striped_or_hatched=lone("fill", NEAR["fill"][0]),
    colour_of_the_left={"classes": COLOURS, "make": setups.colour_of_the_left, "near": NEAR["colour"]},
    shape_of_the_larger={"classes": SHAPES, "make": setups.shape_of_the_larger, "near": NEAR["shape"]},
    colour_of_the_heart={"classes": setups.HEART_COLOURS, "make": setups.colour_of_the_heart},
    relation={"make": setups.relation},
    larger={"make": setups.larger},
    containment={"make": setups.containment},
    middle={"make": setups.middle, "choices": 3},
    role={"make": setups.role},
    binding={"make": setups.binding},
    unseen_combination=among(setups.COLOURED_SHAPES, HELD_OUT, setups.combination),
    unseen_fill=among(setups.FILLED_SHAPES, HELD_OUT_FILLS, setups.fill_combination),
    unseen_binding={"make": setups.held_out_binding},
    sketched_shape=lone("shape", SHAPES, styled(SKETCH)),
    rendered_shape=lone("shape", SHAPES, styled(RENDITION)),
    shape_on_a_photograph=lone("shape", SHAPES, styled(PHOTOGRAPH)),
    colour_on_a_photograph=lone("colour", COLOURS, styled(PHOTOGRAPH)),
    letter_in_another_font=written(styled(SERIF)),
)
