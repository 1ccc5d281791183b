"""How sure a number is: 95% intervals of fractions and of means over runs.

Fractions are in 0..1.
"""

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from scipy.special import ndtri, stdtrit  # scipy.stats would double the time that importing it takes
from torch import Tensor


class Interval(NamedTuple):
    """Lower and upper bound."""

    low: float
    high: float


def clustered_interval(hits: Bool[Tensor, "N"], groups: Int[Tensor, "N"], confidence: float = 0.95) -> Interval:
    """Wilson's interval of the fraction of hits, where examples of one group stand or fall together.

    n is replaced by the number of independent examples that would vary as much; by the number of groups where nothing
    varies. With one example a group that is n, up to a factor of n / (n - 1).

    Args:
        hits: (N,), whether each example is one.
        groups: (N,), integers; examples with the same one are not independent.
        confidence: how often such an interval holds the truth, a fraction.
    Raises:
        ValueError: if there is no example, or not a group for each.
    """
    if hits.shape != groups.shape or hits.numel() == 0:
        raise ValueError(f"expected a group for each of at least one hit, got {tuple(groups.shape)} and {tuple(hits.shape)}")
    hits, (_, group) = hits.double(), groups.unique(return_inverse=True)
    n, count, mean = len(hits), int(group.max()) + 1, hits.mean().item()
    deviations = torch.zeros(count, dtype=hits.dtype).index_add(0, group, hits - mean)
    variance = (deviations**2).sum().item() / n**2 * count / max(1, count - 1)
    effective = mean * (1 - mean) / variance if variance > 0 else count
    return wilson_interval(mean, max(1.0, effective), confidence)


def wilson_interval(fraction: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a fraction seen in n independent examples.

    Args:
        fraction: in 0..1.
        n: examples, at least 1; need not be whole.
        confidence: how often such an interval holds the truth, a fraction.
    """
    if not (n >= 1 and 0 <= fraction <= 1):
        raise ValueError(f"expected a fraction in 0..1 of at least one example, got {fraction} of {n}")
    z = float(ndtri((1 + check_confidence(confidence)) / 2))
    centre = (fraction + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Student's interval of the mean over runs (seeds).

    Args:
        values: one a run, any unit.
        confidence: how often such an interval holds the truth, a fraction.
    Raises:
        ValueError: if there are fewer than two, or one is not finite.
    """
    values = [float(value) for value in values]
    if len(values) < 2:
        raise ValueError(f"an interval over runs needs at least two, got {len(values)}")
    if not all(map(math.isfinite, values)):
        raise ValueError(f"an interval over runs needs finite numbers, got {values}")
    mean, error = sum(values) / len(values), statistics.stdev(values) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, (1 + check_confidence(confidence)) / 2)) * error
    return Interval(mean - half, mean + half)


def check_confidence(confidence: float) -> float:
    """The confidence itself. Raises: ValueError if it is no fraction, such as 95 for 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, such as 0.95, got {confidence}")
    return confidence
