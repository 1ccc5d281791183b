"""No test picture has a near-duplicate in training, but for those that are planted, and those are found."""

from itertools import groupby

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clipmini.datasets.prompts import fill
from clipmini.datasets.scenes import duplicates, rows
from clipmini.datasets.scenes.duplicates import ALL, CHANGES, RATES
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.world import REFERENCE

ALIKE = 12.0  # grey levels: the most that any 4 x 4 block of two near-duplicates differs by


def versions(images: torch.Tensor) -> list[torch.Tensor]:
    """(N, 3, 32, 32) as it is, moved by one pixel in any direction, cropped and enlarged, and smoothed."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    moved = [padded[..., 1 + y : 33 + y, 1 + x : 33 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)]
    cropped = F.interpolate(images[..., 2:-2, 2:-2], size=(32, 32), mode="bilinear")
    return [*moved, cropped, F.avg_pool2d(padded, 3, 1)]


def apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(N,) how far the least alike blocks of two pictures are apart, in the best version of the first and in any light."""
    distances = []
    for version in versions(a):
        gain = ((version * b).sum((1, 2, 3)) / (version**2).sum((1, 2, 3))).clamp(0.7, 1.3)[:, None, None, None]
        blocks = F.avg_pool2d(((gain * version).clamp(max=255) - b).abs(), 4)
        distances.append(blocks.flatten(1).amax(dim=1))
    return torch.stack(distances).amin(dim=0)


def coarse(images: torch.Tensor) -> torch.Tensor:
    """(N, 192) unit rows: 8 x 8 colours without their mean."""
    x = F.avg_pool2d(images, 4).flatten(1)
    return F.normalize(x - x.mean(dim=1, keepdim=True), dim=1)


def nearest(images: np.ndarray, among: np.ndarray, candidates: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) the distance of each picture to the nearest of the others that look alike from afar, and which one it is."""
    a, b = torch.from_numpy(images).float(), torch.from_numpy(among).float()
    near = (coarse(a) @ coarse(b).T).topk(candidates, dim=1).indices
    distances = torch.stack([apart(a, b[column]) for column in near.T], dim=1)
    return distances.amin(dim=1), near.gather(1, distances.argmin(dim=1, keepdim=True))[:, 0]


@pytest.fixture(scope="module")
def train():
    return rows.draw_pairs(REFERENCE, "train", range(15_000), 32).images


@pytest.fixture(scope="module")
def sources():
    """The test pictures that were copied, in the order of the table."""
    parts = []
    for name, group in groupby(duplicates.table(), key=lambda duplicate: duplicate.task):
        parts.append(rows.render([rows.answer(name, ALL[name], "test", duplicate.row)[0] for duplicate in group], 32))
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def copies():
    return duplicates.draw_duplicates(32)


def test_no_test_picture_has_a_near_duplicate_in_training(train, sources):
    test = rows.draw_pairs(REFERENCE, "test", range(400), 32).images
    assert (nearest(test, train)[0] > ALIKE).all()
    assert (nearest(sources[::3], train)[0] > ALIKE).all()


def test_planted_near_duplicates_are_found(train, sources, copies):
    """A JPEG file smears colours over blocks, and much light is lost above 255: those two are not always found."""
    some = slice(None, None, 3)
    distance, which = nearest(sources[some], np.concatenate([train, copies.images]))
    own = torch.arange(len(train), len(train) + len(sources))[some]
    found = (distance < ALIKE) & (which == own)
    least = {"shifted": 0.98, "blurred": 0.98, "cropped": 0.9, "relit": 0.85, "recompressed": 0}
    for change, share in least.items():
        rows_of = torch.tensor([duplicate.change == change for duplicate in duplicates.table()[some]])
        assert found[rows_of].float().mean() >= share, change
    assert found.float().mean() > 0.7


def test_copies_are_planted_at_the_rates_that_are_set():
    table = duplicates.table()
    assert set(RATES) <= set(ALL) and not set(RATES) & {name for name, task in ALL.items() if not task.classes}
    for name, rate in RATES.items():
        of_task = [duplicate.row for duplicate in table if duplicate.task == name]
        assert len(of_task) == len(set(of_task)) == round(rate * ALL[name].size)
        assert all(0 <= row < ALL[name].size for row in of_task)
    assert len(table) == duplicates.COPIES and {duplicate.change for duplicate in table} == set(CHANGES)
    assert 0.45 < np.mean([duplicate.on_label for duplicate in table]) < 0.55
    assert sum(rate == 0 for rate in RATES.values()) >= 9  # as in the paper, where nine sets of 35 had none


def test_a_caption_names_the_answer_only_if_the_table_says_so(copies):
    for duplicate, text, label, line in zip(duplicates.table(), copies.captions, copies.labels, copies.notes, strict=True):
        task = ALL[duplicate.task]
        prompts = {fill(template, task.classes[label]) for template in task.templates}
        assert (text in prompts) == duplicate.on_label
        if not duplicate.on_label:
            assert not any(name in text for name in task.classes if len(name) > 1), text
        scene, parse = rows.read_note(line)
        assert parse.noise == (() if duplicate.on_label else ("off label",))
        assert scene == rows.answer(duplicate.task, task, "test", duplicate.row)[0]


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_changed_but_alike(change, sources):
    copied = np.stack([duplicates.copy(Rng("c", i), image, change) for i, image in enumerate(sources[:40])])
    assert copied.shape == sources[:40].shape and copied.dtype == np.uint8
    assert (copied != sources[:40]).reshape(40, -1).any(axis=1).all()
    other = apart(torch.from_numpy(sources[:40]).float(), torch.from_numpy(np.roll(copied, 1, axis=0)).float())
    own = apart(torch.from_numpy(sources[:40]).float(), torch.from_numpy(copied).float())
    assert (own < other).float().mean() > 0.95
