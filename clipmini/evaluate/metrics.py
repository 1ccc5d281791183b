"""Accuracies: functions of arrays, fractions in 0..1. Their intervals are those of `clipmini.intervals`."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from clipmini.intervals import Interval, clustered_interval, t_interval, wilson_interval

__all__ = [
    "Interval", "clustered_interval", "hits_at_k", "mean_per_class", "ranks", "recall_at_k", "t_interval", "top_k",
    "wilson_interval",
]


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
