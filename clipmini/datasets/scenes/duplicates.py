"""Overlap on purpose: near-duplicates of test pictures, to be mixed into training (paper section 5).

Which picture of which task was copied, how it was changed and whether its new caption gives the answer away is all in
`table()`; a detector of duplicates can be measured against it, and so can what the duplicates do to the scores.
"""

import io
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from clipmini.datasets.scenes.parse import Said
from clipmini.datasets.scenes.rng import Dice
from clipmini.datasets.scenes.rows import Rows, answer, note, render
from clipmini.datasets.scenes.shifts import SHIFTS
from clipmini.datasets.scenes.tasks import TASKS, Task
from clipmini.datasets.scenes.words import WORDS

RATES: dict[str, float] = WORDS["planted"]  # of each task's test pictures, the share that has a copy
OFF_LABEL = ("IMG_{n}.jpg", "untitled drawing no. {n}", "click to enlarge", "image {n} of 9999", "thumbnail", "see also page {n}")


class Plant(NamedTuple):
    """One copy: of which task's test row, how it was changed, and whether its caption names the answer."""

    task: str
    row: int
    change: str
    on_label: bool


@lru_cache(maxsize=1)
def table() -> list[Plant]:
    """Every copy, in the order of the split "planted"."""
    plants = []
    for name, rate in RATES.items():
        dice, n = Dice("planted", name), ALL[name].size
        for row in sorted(dice.shuffled(range(n))[: round(rate * n)]):
            plants.append(Plant(name, row, dice.pick(tuple(CHANGES)), dice.chance(0.5)))
    return plants


def draw_planted(resolution: int) -> Rows:
    """The copies with their captions; labels: the right answers of their tasks."""
    pictures, captions, labels, notes = [], [], [], []
    for name, group in groupby(table(), key=lambda p: p.task):
        plants, task = list(group), ALL[name]
        scenes, answers, _ = zip(*(answer(name, task, "test", p.row) for p in plants), strict=True)
        for plant, scene, label, image in zip(plants, scenes, answers, render(scenes, resolution), strict=True):
            dice = Dice("copy", name, plant.row)
            pictures.append(copy(dice, image, plant.change))
            captions.append(_caption(dice, task, label, plant.on_label))
            labels.append(label)
            notes.append(note(scene, Said("planted", (), failings=() if plant.on_label else ("off label",))))
    return Rows(np.ascontiguousarray(np.stack(pictures)), captions, labels, notes)


def copy(dice: Dice, image: np.ndarray, change: str) -> np.ndarray:
    """A (3, H, W) picture changed as pictures change on their way through the web."""
    picture = Image.fromarray(image.transpose(1, 2, 0))
    return np.asarray(CHANGES[change](dice, picture)).transpose(2, 0, 1)


def _caption(dice: Dice, task: Task, label: int, on_label: bool) -> str:
    if on_label:
        return dice.pick(task.templates).format(task.classes[label])
    return dice.pick(OFF_LABEL).replace("{n}", str(dice.between(1, 9999)))


def _shifted(dice: Dice, picture: Image.Image) -> Image.Image:
    """By one 32nd of its side; what comes in at the edge repeats it."""
    n, (dx, dy) = picture.width // 32, dice.pick(((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1)))
    padded = np.pad(np.asarray(picture), ((n, n), (n, n), (0, 0)), mode="edge")
    top, left = n + n * dy, n + n * dx
    return Image.fromarray(padded[top : top + picture.height, left : left + picture.width])


def _relit(dice: Dice, picture: Image.Image) -> Image.Image:
    """Darker, or lighter."""
    gain = dice.pick((200, 220, 290, 310))
    return picture.point([min(v * gain // 256, 255) for v in range(256)] * 3)


def _cropped(dice: Dice, picture: Image.Image) -> Image.Image:
    """A 16th cut away on every side, and enlarged again."""
    n = picture.width // 16
    return picture.resize(picture.size, Image.Resampling.BILINEAR, (n, n, picture.width - n, picture.height - n))


def _recompressed(dice: Dice, picture: Image.Image) -> Image.Image:
    """Through a JPEG file of low quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=dice.between(30, 60))
    return Image.open(file).convert("RGB")


def _blurred(dice: Dice, picture: Image.Image) -> Image.Image:
    """Smoothed over three by three pixels of 32."""
    return picture.filter(ImageFilter.BoxBlur(picture.width // 32))


CHANGES: dict[str, Callable[[Dice, Image.Image], Image.Image]] = {
    "shifted": _shifted,
    "relit": _relit,
    "cropped": _cropped,
    "recompressed": _recompressed,
    "blurred": _blurred,
}
ALL: dict[str, Task] = TASKS | SHIFTS
COPIES = sum(round(rate * ALL[name].size) for name, rate in RATES.items())
