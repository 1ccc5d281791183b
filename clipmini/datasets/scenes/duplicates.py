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

from clipmini.datasets.prompts import fill
from clipmini.datasets.scenes.parse import Parse
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.rows import Rows, answer, note, render
from clipmini.datasets.scenes.shifts import SHIFTS
from clipmini.datasets.scenes.tasks import TASKS, Task
from clipmini.datasets.scenes.words import WORDS

RATES: dict[str, float] = WORDS["planted"]  # of each task's test pictures, the share that has a copy
OFF_LABEL = ("IMG_{n}.jpg", "untitled drawing no. {n}", "click to enlarge", "image {n} of 9999", "thumbnail", "see also page {n}")


class Duplicate(NamedTuple):
    """One copy: of which task's test row, how it was changed, and whether its caption names the answer."""

    task: str
    row: int
    change: str
    on_label: bool


@lru_cache(maxsize=1)
def table() -> list[Duplicate]:
    """Every copy, in the order of the split "planted"."""
    found = []
    for name, rate in RATES.items():
        rng, n = Rng("planted", name), ALL[name].size
        for row in sorted(rng.shuffled(range(n))[: round(rate * n)]):
            found.append(Duplicate(name, row, rng.pick(tuple(CHANGES)), rng.chance(0.5)))
    return found


def draw_duplicates(resolution: int) -> Rows:
    """The copies with their captions; labels: the right answers of their tasks."""
    pictures, captions, labels, notes = [], [], [], []
    for name, group in groupby(table(), key=lambda p: p.task):
        found, task = list(group), ALL[name]
        scenes, answers, _ = zip(*(answer(name, task, "test", p.row) for p in found), strict=True)
        for duplicate, scene, label, image in zip(found, scenes, answers, render(scenes, resolution), strict=True):
            rng = Rng("copy", name, duplicate.row)
            pictures.append(copy(rng, image, duplicate.change))
            captions.append(_caption(rng, task, label, duplicate.on_label))
            labels.append(label)
            notes.append(note(scene, Parse("planted", (), noise=() if duplicate.on_label else ("off label",))))
    return Rows(np.ascontiguousarray(np.stack(pictures)), captions, labels, notes)


def copy(rng: Rng, image: np.ndarray, change: str) -> np.ndarray:
    """A (3, H, W) picture changed as pictures change on their way through the web."""
    picture = Image.fromarray(image.transpose(1, 2, 0))
    return np.asarray(CHANGES[change](rng, picture)).transpose(2, 0, 1)


def _caption(rng: Rng, task: Task, label: int, on_label: bool) -> str:
    if on_label:
        return fill(rng.pick(task.templates), task.classes[label])
    return rng.pick(OFF_LABEL).replace("{n}", str(rng.between(1, 9999)))


def _shifted(rng: Rng, picture: Image.Image) -> Image.Image:
    """By one 32nd of its side; what comes in at the edge repeats it."""
    n, (dx, dy) = picture.width // 32, rng.pick(((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1)))
    padded = np.pad(np.asarray(picture), ((n, n), (n, n), (0, 0)), mode="edge")
    top, left = n + n * dy, n + n * dx
    return Image.fromarray(padded[top : top + picture.height, left : left + picture.width])


def _relit(rng: Rng, picture: Image.Image) -> Image.Image:
    """Darker, or lighter."""
    gain = rng.pick((200, 220, 290, 310))
    return picture.point([min(v * gain // 256, 255) for v in range(256)] * 3)


def _cropped(rng: Rng, picture: Image.Image) -> Image.Image:
    """A 16th cut away on every side, and enlarged again."""
    n = picture.width // 16
    return picture.resize(picture.size, Image.Resampling.BILINEAR, (n, n, picture.width - n, picture.height - n))


def _recompressed(rng: Rng, picture: Image.Image) -> Image.Image:
    """Through a JPEG file of low quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=rng.between(30, 60))
    return Image.open(file).convert("RGB")


def _blurred(rng: Rng, picture: Image.Image) -> Image.Image:
    """Smoothed over three by three pixels of 32."""
    return picture.filter(ImageFilter.BoxBlur(picture.width // 32))


CHANGES: dict[str, Callable[[Rng, Image.Image], Image.Image]] = {
    "shifted": _shifted,
    "relit": _relit,
    "cropped": _cropped,
    "recompressed": _recompressed,
    "blurred": _blurred,
}
ALL: dict[str, Task] = TASKS | SHIFTS
COPIES = sum(round(rate * ALL[name].size) for name, rate in RATES.items())
