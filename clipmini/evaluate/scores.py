"""A trained model's scores on a split, beside chance, the untrained model and the pixel baselines."""

import json
from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor

from clipmini import datasets
from clipmini.config import check_seed
from clipmini.datasets import Pairs
from clipmini.datasets.prompts import fill
from clipmini.evaluate.metrics import Interval, clustered_interval, hits_at_k
from clipmini.evaluate.pixels import crop_to_ink, nearest_neighbour_scores, recombined_scores
from clipmini.evaluate.zero_shot import classify
from clipmini.files import package_data
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer


class Score(NamedTuple):
    """One number: who reached it, by which metric, on how many examples, within which 95% interval."""

    who: str
    metric: str
    value: float
    n: int
    interval: Interval


def scorecard(model: CLIP, tok: Tokenizer, name: str, split: str, seed: int = 0) -> list[Score]:
    """Zero-shot scores of a model on one split, its baselines after it (paper section 3.1).

    Args:
        name, split: of the data set.
        seed: of the untrained model's weights; PyTorch's own random numbers stay where they stand.
    Returns:
        of whoever was scored: R@1 and R@5 among all names for glyphs, else accuracy; fractions in 0..1.
    Raises: ValueError for a seed that is no whole number of at most 64 bits.
    """
    check_seed(seed)
    data = datasets.load(name, split, model.config.vision.resolution)
    rows = {
        "trained": classify(model, tok, data),
        "untrained": classify(fresh(model, seed), tok, data),
        **pixel_baselines(data),
    }
    ks = (1, 5) if data.captions else (1,)
    answers = len(data.classes) or len(data.choices[0])
    chance = [_exact("chance", _metric(k, data), chance_level(data.right, answers, k), len(data)) for k in ks]
    groups = _groups(data)
    scores = [_score(who, _metric(k, data), hits_at_k(s, data.right, k), groups) for who, s in rows.items() for k in ks]
    return scores + chance


def fresh(model: CLIP, seed: int) -> CLIP:
    """A model of the same configuration before any training, on the same device."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every device's, too
        return CLIP(model.config).to(model.logit_scale.device)


def chance_level(positives: Tensor, classes: int, k: int) -> float:
    """How often k different classes drawn blindly hold one of a row's positives (padded with -1), averaged over rows."""
    right = (positives >= 0).sum(dim=1).double()
    missed = torch.ones_like(right)
    for drawn in range(k):
        missed *= (1 - right / (classes - drawn)).clamp(min=0)
    return (1 - missed).mean().item()


def recorded(name: str) -> dict[tuple[str, str, str], list[float]]:
    """Scores of several runs from data/NAME.json: (task, who, metric) -> a value a run."""
    values = defaultdict(list)
    for run in json.loads(package_data(f"{name}.json").read_text())["runs"]:
        for task, rows in run["scores"].items():
            for who, metric, value, _ in rows:
                values[task, who, metric].append(value)
    return dict(values)


def pixel_baselines(data: Pairs) -> dict[str, Tensor]:
    """Scores (N, C) of the nearest training picture; for names also of its words, for handwriting also cropped to the ink.

    None for choices that differ from picture to picture, nor for classes that no glyph is named after.
    """
    if data.name.startswith("scenes/"):
        if data.choices is not None or "train" not in datasets.splits(data.name):
            return {}
        train = datasets.load(data.name, "train", data.images.shape[-1])
        scores = nearest_neighbour_scores(train.images, train.labels, len(train.classes), data.images)
        return {"pixel nearest neighbour": scores}
    if data.name.startswith("drawings/"):
        return nearest_drawing(data)
    train = datasets.load("glyphs", "train", data.images.shape[-1])
    if data.classes == train.classes:
        nearest = nearest_neighbour_scores(train.pixels, train.labels, len(train.classes), data.pixels)
        return {"pixel nearest neighbour": nearest, "its words, recombined": recombined_scores(nearest, data.classes)}
    printed, labels = printed_classes(train, data)
    if len(printed) == 0:  # photographs: no glyph has the name of one of their classes
        return {}
    return {
        "pixel nearest neighbour": nearest_neighbour_scores(printed, labels, len(data.classes), data.images),
        "the same, cropped to the ink": nearest_neighbour_scores(
            crop_to_ink(printed), labels, len(data.classes), crop_to_ink(data.images)
        ),
    }


def nearest_drawing(data: Pairs) -> dict[str, Tensor]:
    """Scores (N, C) of the nearest training drawing, in colour, of the things that a class holds; none if there is none."""
    classes = dict(zip(data.concept.tolist(), data.labels.tolist(), strict=True))
    train = datasets.load("drawings", "train", data.images.shape[-1])
    rows = [row for row, concept in enumerate(train.concept.tolist()) if concept in classes]
    if not rows:
        return {}
    labels = torch.tensor([classes[train.concept[row].item()] for row in rows])
    scores = nearest_neighbour_scores(train.images[rows], labels, len(data.classes), data.images)
    return {"pixel nearest neighbour": scores}


def printed_classes(train: Pairs, data: Pairs) -> tuple[Tensor, Tensor]:
    """The training glyphs whose name is one of the data set's prompts, and which class each is."""
    prompts = {fill(template, name): i for i, name in enumerate(data.classes) for template in data.templates}
    rows = [i for i, caption in enumerate(train.captions) if caption in prompts]
    return train.images[rows], torch.tensor([prompts[train.captions[i]] for i in rows])


def _groups(data: Pairs) -> Tensor:
    """(N,) pictures of one name, or of one film, are not independent."""
    if data.films is not None:
        return data.films
    return data.labels if data.captions else torch.arange(len(data))


def _metric(k: int, data: Pairs) -> str:
    return f"R@{k}" if data.captions else "top-1"


def _exact(who: str, metric: str, value: float, n: int) -> Score:
    return Score(who, metric, value, n, Interval(value, value))


def _score(who: str, metric: str, hits: Tensor, groups: Tensor) -> Score:
    return Score(who, metric, hits.float().mean().item(), len(hits), clustered_interval(hits, groups))
