"""Labelled tasks on drawings that strangers made: animals, vehicles, moons by phase, filled or outlined.

Classes, prompts and the drawings of each class are in a data file, which `python -m tools.drawings.tasks` makes.
"""

import json
from dataclasses import dataclass

import torch

from clipmini.datasets.drawings import gather, manifest
from clipmini.datasets.pairs import Pairs
from clipmini.files import package_data

FILE = "drawings/tasks.json"
ENOUGH = 100  # pictures: a task with fewer is shown without a verdict


@dataclass(frozen=True)
class Task:
    """A question with the same answers for every picture. classes: of each answer the drawings, as COLLECTION:KEY."""

    name: str
    templates: tuple[str, ...]
    classes: dict[str, tuple[str, ...]]
    SPLITS = ("strangers",)

    def load(self, split: str, resolution: int = gather.SHIPPED) -> Pairs:
        """The drawings of all classes, in the order of the file; the notes say which drawing of the manifest each is."""
        lines = {drawing.place: row for row, drawing in enumerate(manifest.drawings())}
        here = [(lines[drawing], label) for label, drawings in enumerate(self.classes.values()) for drawing in drawings]
        known = {"classes": list(self.classes), "templates": self.templates, "labels": torch.tensor([label for _, label in here])}
        pairs = gather.pairs([row for row, _ in here], split, resolution, name=f"drawings/{self.name}", **known)
        return pairs.without_captions()

    def about(self, split: str) -> str:
        count = sum(map(len, self.classes.values()))
        few = "" if count >= ENOUGH else ", too few for a verdict"
        return f"{count:7,} images, {len(self.classes)} classes{few}"


def _read() -> dict[str, Task]:
    tasks = json.loads(package_data(FILE).read_text(encoding="utf8"))
    return {
        f"drawings/{name}": Task(name, tuple(task["templates"]), {what: tuple(of) for what, of in task["classes"].items()})
        for name, task in tasks.items()
    }


TASKS = _read()
