"""One row at a time: the same seed, split and row give the same bytes, whatever was drawn before and on however many workers."""

import json
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from clipmini.datasets.scenes import motion
from clipmini.datasets.scenes.draw import draw, expose
from clipmini.datasets.scenes.noise import caption
from clipmini.datasets.scenes.parse import Parse
from clipmini.datasets.scenes.request import Request
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.sample import sample
from clipmini.datasets.scenes.scene import Scene
from clipmini.datasets.scenes.tasks import Task
from clipmini.datasets.scenes.world import World

TEXTS = "captions", "notes"
BATCH = 128  # pictures lit at once: few enough to stay in the processor's cache


class Rows(NamedTuple):
    """images: (N, 3, H, W) uint8. captions: N texts, or N tabbed lists of choices. labels: N. notes: N JSON texts."""

    images: np.ndarray
    captions: list[str]
    labels: list[int]
    notes: list[str]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays alone, for a file."""
        texts = {name: np.frombuffer(bytearray("\n".join(getattr(self, name)).encode()), np.uint8) for name in TEXTS}
        return {"images": self.images, "labels": np.asarray(self.labels, np.int64), **texts}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Rows":
        captions, notes = (arrays[name].tobytes().decode().split("\n") for name in TEXTS)
        return cls(arrays["images"], captions, arrays["labels"].tolist(), notes)


def pair(world: World, split: str, row: int, seed: int = 0) -> tuple[Scene, str, Parse]:
    """A training pair: a scene, its caption and the caption's parse."""
    rng = Rng(seed, "pairs", split, row)
    scene = sample(rng, world, Request(split=split))
    return scene, *caption(rng, scene, world)


def answer(name: str, task: Task, split: str, row: int, seed: int = 0) -> tuple[Scene, int, tuple[str, ...]]:
    """A row of a task: a scene, the right answer, and captions to choose from where every picture has its own."""
    film, frame = divmod(row, task.frames)
    label = task.label(row)
    scene, choices = task.make(Rng(seed, "task", name, split, film), label, split)
    if task.frames > 1:
        scene = motion.frames(scene)[frame]._replace(gain=scene.gain + 5 * (frame % 3) - 5)
    return scene, label, choices


def draw_pairs(world: World, split: str, rows: Iterable[int], resolution: int, seed: int = 0) -> Rows:
    scenes, captions, parses = zip(*(pair(world, split, row, seed) for row in rows), strict=True)
    return Rows(render(scenes, resolution), list(captions), [0] * len(scenes), list(map(note, scenes, parses)))


def draw_answers(name: str, task: Task, split: str, rows: Iterable[int], resolution: int, seed: int = 0) -> Rows:
    scenes, labels, choices = zip(*(answer(name, task, split, row, seed) for row in rows), strict=True)
    return Rows(render(scenes, resolution), ["\t".join(c) for c in choices], list(labels), list(map(note, scenes)))


def render(scenes: tuple[Scene, ...] | list[Scene], resolution: int) -> np.ndarray:
    """(N, 3, resolution, resolution) uint8: drawn, lit and grainy."""
    batches = [scenes[i : i + BATCH] for i in range(0, len(scenes), BATCH)]
    return np.concatenate([expose([draw(scene, resolution) for scene in batch], batch) for batch in batches])


def note(scene: Scene, parse: Parse | None = None) -> str:
    """All that is known of a picture and its caption, in one line; `read_note` reads it."""
    return json.dumps([scene, parse], ensure_ascii=False, separators=(",", ":"))


def read_note(line: str) -> tuple[Scene, Parse | None]:
    """The scene, and the caption's parse if it has one."""
    scene, parse = json.loads(line)
    return Scene.from_list(scene), Parse.from_list(parse) if parse else None
