"""Scenes: rendered worlds of shapes with captions from a grammar, and tasks whose answers are known.

Everything follows from a seed and a world. In the order in which they are best read:
    words  rng  scene                what may be, what happens by chance, what is
    world  request  sample  layouts  how often each thing is, what is asked for, and a scene that is both
    outlines  patterns  inks  grounds  motion  draw     from a scene to pixels
    parse  grammar  noise            what a caption says, how it says it, how it fails
    setups  tasks  shifts  duplicates                   what is asked of models, and what training has seen of it
    rows  build  version         one row, many rows on all cores and on disk, and the name of all this
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from clipmini.config import choose
from clipmini.datasets.pairs import Pairs
from clipmini.datasets.scenes import duplicates
from clipmini.datasets.scenes.build import in_parallel, kept
from clipmini.datasets.scenes.draw import draw
from clipmini.datasets.scenes.duplicates import ALL
from clipmini.datasets.scenes.noise import caption
from clipmini.datasets.scenes.request import BUCKETS, DoesNotFit, Request, validate
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.rows import Rows, draw_answers, draw_pairs, read_note
from clipmini.datasets.scenes.sample import sample
from clipmini.datasets.scenes.scene import Scene
from clipmini.datasets.scenes.shifts import SHIFTS, adversarial
from clipmini.datasets.scenes.tasks import COMBINATION, TASKS
from clipmini.datasets.scenes.version import VERSION
from clipmini.datasets.scenes.world import NO_CAPTION_NOISE, REFERENCE, V2, WORLDS, World

SIZES = {"train": 200_000, "val": 5_000, "test": 5_000, "v2": 5_000, "planted": duplicates.COPIES}
SPLITS = tuple(SIZES)
TRAIN_TIMES = 5  # as many labelled training pictures of a task as test pictures

__all__ = [
    "NO_CAPTION_NOISE", "REFERENCE", "SHIFTS", "TASKS", "V2", "VERSION", "WORLDS", "DoesNotFit", "Request", "Rng", "Scene",
    "TaskSplits", "World", "about", "adversarial", "caption", "compose", "draw", "duplicates", "generate", "load",
    "read_note",
]


def load(split: str, resolution: int = 32) -> Pairs:
    """Scenes with captions: (N, 3, resolution, resolution), and `notes` that `read_note` turns into a scene and a parse.

    train, val, test: one world, shared out so that any two scenes of two splits differ in what can be pointed at, the tint
    of the ground included. v2: a second world, meant to match, drawn afresh.
    planted: near-duplicates of the tasks' test pictures, to be mixed into training; `duplicates.table()` tells of what.
    """

    def make() -> Rows:
        if split == "planted":
            return duplicates.draw_duplicates(resolution)
        world, bucket, seed = (V2, "test", 2) if split == "v2" else (REFERENCE, split, 0)
        draw_rows = partial(draw_pairs, world, bucket, resolution=resolution, seed=seed)
        return in_parallel(draw_rows, SIZES[split], resolution)

    return _pairs(split, kept(split, resolution, make))


def about(split: str) -> str:
    """A line for a listing; nothing is drawn."""
    return f"{SIZES[split]:7,} images with captions"


@dataclass(frozen=True)
class TaskSplits:
    """A labelled task, or a shift, as a data set: labels, and classes or choices. Test is read once a released checkpoint."""

    name: str

    @property
    def SPLITS(self) -> tuple[str, ...]:
        """train: labelled pictures for probes; none of what training must not see, nor where a classifier chose."""
        task = ALL[self.name]
        return ("val", "test") if task.rows or task.seen == COMBINATION else ("train", "val", "test")

    def about(self, split: str) -> str:
        """A line for a listing; nothing is drawn."""
        task = ALL[self.name]
        return f"{len(self._rows(split)):7,} images, {task.answers} {'classes' if task.classes else 'choices'}, {task.seen}"

    def _rows(self, split: str) -> Sequence[int]:
        task = ALL[self.name]
        if task.rows is not None:
            return task.rows(split)
        return range(task.size * (TRAIN_TIMES if split == "train" else 1))

    def load(self, split: str, resolution: int = 32) -> Pairs:
        """train: for probes; val: look freely; test: once a released checkpoint."""
        task, rows = ALL[self.name], self._rows(split)

        def make() -> Rows:
            return draw_answers(self.name, task, split, rows, resolution)

        drawn = kept(f"task-{self.name}-{split}", resolution, make)
        return Pairs(
            name=f"scenes/{self.name}",
            split=split,
            images=torch.from_numpy(drawn.images),
            labels=torch.tensor(drawn.labels),
            classes=list(task.classes),
            templates=task.templates,
            choices=None if task.classes else [tuple(line.split("\t")) for line in drawn.captions],
            films=torch.arange(len(rows)) // task.frames if task.frames > 1 else None,
            notes=drawn.notes,
        )


def compose(seed: int = 0, world: World = REFERENCE, **request) -> Scene:
    """One scene to your order: compose(objects=({"shape": "heart", "colour": "red"},), background="plain").

    Args: request: fields of `Request`; what is left out is drawn from the world. Returns: a scene, for `draw` and `caption`.
    Raises: ValueError for an unknown attribute, a held-out combination, more objects than fit.
    """
    for name in request:
        choose("request", name, dict.fromkeys(Request._fields))
    return sample(Rng(seed, "compose"), world, validate(Request(**request)))


def generate(world: World, n: int, *, split: str = "train", seed: int = 0, resolution: int = 32) -> Pairs:
    """The first n pairs of a world of your own, on all cores; nothing is kept on disk.

    Raises: ValueError for less than one pair, or a split that is not train, val or test.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    choose("split", split, BUCKETS)
    draw_rows = partial(draw_pairs, world, split, resolution=resolution, seed=seed)
    return _pairs(split, in_parallel(draw_rows, n, resolution))


def _pairs(split: str, rows: Rows) -> Pairs:
    return Pairs(
        name="scenes", split=split, images=torch.from_numpy(rows.images), captions=rows.captions, notes=rows.notes
    )


TASK_SPLITS = {f"scenes/{name}": TaskSplits(name) for name in ALL}
