"""Accuracies and their intervals: functions of arrays, fractions in 0..1."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from scipy.special import ndtri, stdtrit  # scipy.stats would double the time that importing clipmini takes
from torch import Tensor


class Interval(NamedTuple):
    """Lower and upper bound."""

    low: float
    high: float


def top_k(scores: Float[Tensor, "N C"], labels: Int[Tensor, "N"], k: int = 1) -> float:
    """The fraction of rows whose label is among the k highest scores; of equal scores, the label comes last.

    Raises: ValueError if the shapes do not fit, k is not between 1 and the number of classes, or a score is NaN.
    """
    return recall_at_k(scores, labels[:, None] if labels.ndim == 1 else labels, k)


def recall_at_k(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"], k: int = 1) -> float:
    """The fraction of rows that `hits_at_k` finds."""
    return hits_at_k(scores, positives, k).float().mean().item()


def hits_at_k(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"], k: int = 1) -> Bool[Tensor, "N"]:
    """Whether any of a row's positives (padded with -1) is among its k highest scores.

    A positive that shares its score with others is ranked behind them: a model that scores all alike finds nothing.
    Raises: ValueError if the shapes do not fit, k is not between 1 and the number of columns, or a score is NaN.
    """
    if scores.ndim != 2 or positives.ndim != 2 or len(scores) != len(positives):
        raise ValueError(
            f"expected scores (N, C) and one row of positives each, got {tuple(scores.shape)}, {tuple(positives.shape)}"
        )
    if len(scores) == 0:
        raise ValueError("there are no rows to score")
    if scores.amax().isnan():
        raise ValueError("a score is NaN: nothing ranks higher, so it would count as found")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k must be between 1 and {scores.shape[1]}, the number of classes; got {k}")
    if positives.max() >= scores.shape[1]:
        raise ValueError(f"class {positives.max().item()} of only {scores.shape[1]} classes")
    return ranks(scores, positives) < k


def ranks(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"]) -> Int[Tensor, "N"]:
    """How many wrong classes score at least as high as the best right one: 0 is first place."""
    rows = zip(scores.split(512), positives.split(512), strict=True)  # a table of all comparisons would not fit a cache
    return torch.cat([_ranks(some, their_positives) for some, their_positives in rows])


def _ranks(scores: Tensor, positives: Tensor) -> Tensor:
    padding = positives < 0
    right = scores.gather(1, positives.clamp(min=0)).masked_fill(padding, -math.inf)
    best = right.amax(dim=1, keepdim=True)
    return (scores >= best).sum(dim=1) - ((right >= best) & ~padding).sum(dim=1)


def mean_per_class(predictions: Int[Tensor, "N"], labels: Int[Tensor, "N"]) -> float:
    """Accuracy of each class that occurs, averaged: rare classes count as much as common ones."""
    right = (predictions == labels).float()
    return torch.stack([right[labels == c].mean() for c in labels.unique()]).mean().item()


def clustered_interval(hits: Bool[Tensor, "N"], groups: Int[Tensor, "N"], confidence: float = 0.95) -> Interval:
    """Wilson's interval of the fraction of hits, where examples of one group stand or fall together.

    n is replaced by the number of independent examples that would vary as much; by the number of groups where nothing
    varies. With one example a group that is n, up to a factor of n / (n - 1).
    """
    hits, (_, group) = hits.double(), groups.unique(return_inverse=True)
    n, count, mean = len(hits), int(group.max()) + 1, hits.mean().item()
    deviations = torch.zeros(count, dtype=hits.dtype).index_add(0, group, hits - mean)
    variance = (deviations**2).sum().item() / n**2 * count / max(1, count - 1)
    effective = mean * (1 - mean) / variance if variance > 0 else count
    return wilson_interval(mean, max(1.0, effective), confidence)


def wilson_interval(fraction: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a fraction seen in n independent examples."""
    if n < 1 or not 0 <= fraction <= 1:
        raise ValueError(f"expected a fraction in 0..1 of at least one example, got {fraction} of {n}")
    z = ndtri((1 + confidence) / 2)
    centre = (fraction + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's interval of the mean over runs (seeds). Raises ValueError for fewer than two."""
    if len(values) < 2:
        raise ValueError(f"an interval over runs needs at least two, got {len(values)}")
    mean, error = sum(values) / len(values), statistics.stdev(values) / math.sqrt(len(values))
    half = stdtrit(len(values) - 1, (1 + confidence) / 2) * error
    return Interval(mean - half, mean + half)
