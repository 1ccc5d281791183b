"""Accuracies: functions of arrays, fractions in 0..1. Their intervals are those of `clipmini.intervals`."""

import math
from numbers import Integral

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from clipmini.intervals import Interval, clustered_interval, t_interval, wilson_interval

__all__ = [
    "Interval", "clustered_interval", "hits_at_k", "hits_per_class", "mean_per_class", "ranks", "recall_at_k", "t_interval",
    "top_k", "wilson_interval",
]


def top_k(scores: Float[Tensor, "N C"], labels: Int[Tensor, "N"], k: int = 1) -> float:
    """The fraction of rows whose label is among the k highest scores; of equal scores, the label comes last.

    Args:
        scores: (N, C), numbers of any kind.
        labels: (N,), the right class of each row, 0 to C - 1; -1 is never found.
        k: 1 to C.
    Raises:
        ValueError: if the kinds or shapes do not fit, k is none of 1 to C, or a score is NaN.
    """
    check_tensors(scores, labels)
    return recall_at_k(scores, labels[:, None] if labels.ndim == 1 else labels, k)


def recall_at_k(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"], k: int = 1) -> float:
    """The fraction of rows that `hits_at_k` finds."""
    return hits_at_k(scores, positives, k).float().mean().item()


def hits_at_k(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"], k: int = 1) -> Bool[Tensor, "N"]:
    """Whether any of a row's positives (padded with -1) is among its k highest scores.

    A positive that shares its score with others is ranked behind them: a model that scores all alike finds nothing.

    Args:
        scores: (N, C), numbers of any kind.
        positives: (N, P), the right classes of each row, 0 to C - 1; negative ones are padding.
        k: 1 to C.
    Raises:
        ValueError: if the kinds or shapes do not fit, k is none of 1 to C, or a score is NaN.
    """
    check_tensors(scores, positives)
    if scores.ndim != 2 or positives.ndim != 2 or len(scores) != len(positives):
        raise ValueError(
            f"expected scores (N, C) and one row of positives each, got {tuple(scores.shape)}, {tuple(positives.shape)}"
        )
    if len(scores) == 0:
        raise ValueError("there are no rows to score")
    if scores.amax().isnan():
        raise ValueError("a score is NaN: nothing ranks higher, so it would count as found")
    if not (isinstance(k, Integral) and 1 <= k <= scores.shape[1]):
        raise ValueError(f"k must be between 1 and {scores.shape[1]}, the number of classes; got {k}")
    if positives.max() >= scores.shape[1]:
        raise ValueError(f"class {positives.max().item()} of only {scores.shape[1]} classes")
    return ranks(scores, positives) < k


def check_tensors(scores: Tensor, labels: Tensor) -> None:
    """Raise ValueError where scores are no tensor, or labels are no tensor of integers: a mask is none."""
    for what, values in (("scores", scores), ("labels", labels)):
        if not isinstance(values, Tensor):
            raise ValueError(f"expected {what} as a tensor, got {type(values).__name__}: pass torch.as_tensor({what})")
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"expected labels as integers, the number of the right class, got {labels.dtype}")


def ranks(scores: Float[Tensor, "N C"], positives: Int[Tensor, "N P"]) -> Int[Tensor, "N"]:
    """How many wrong classes score at least as high as the best right one: 0 is first place."""
    if not scores.is_floating_point():
        scores = scores.double()  # of which there is a lowest: minus infinity
    rows = zip(scores.split(512), positives.split(512), strict=True)  # a table of all comparisons would not fit a cache
    return torch.cat([_ranks(some, their_positives) for some, their_positives in rows])


def _ranks(scores: Tensor, positives: Tensor) -> Tensor:
    padding = positives < 0
    right = scores.gather(1, positives.clamp(min=0).long()).masked_fill(padding, -math.inf)
    best = right.amax(dim=1, keepdim=True)
    return (scores >= best).sum(dim=1) - ((right >= best) & ~padding).sum(dim=1)


def hits_per_class(hits: Bool[Tensor, "N"], labels: Int[Tensor, "N"]) -> float:
    """The fraction of each class's rows that are hits, averaged over the classes that occur: rare ones count as much.

    Raises: ValueError if there are no rows, or the two differ in shape.
    """
    if hits.shape != labels.shape or labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"expected hits and labels (N,), at least one, got {tuple(hits.shape)} and {tuple(labels.shape)}")
    _, classes, counts = labels.unique(return_inverse=True, return_counts=True)
    found = torch.zeros(len(counts), dtype=torch.double).index_add_(0, classes, hits.double())
    return (found / counts).mean().item()


def mean_per_class(predictions: Int[Tensor, "N"], labels: Int[Tensor, "N"]) -> float:
    """Accuracy of each class that occurs, averaged: rare classes count as much as common ones.

    Raises: ValueError if there are no rows, or predictions and labels are not (N,) integers both.
    """
    if predictions.shape != labels.shape or labels.ndim != 1 or len(labels) == 0:
        shapes = f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"expected predictions and labels (N,), a class each, at least one; got {shapes}")
    if predictions.is_floating_point() or labels.is_floating_point():
        raise ValueError(f"expected classes as integers, got {predictions.dtype} and {labels.dtype}")
    right = (predictions == labels).float()
    return torch.stack([right[labels == c].mean() for c in labels.unique()]).mean().item()
