"""How sure a number is: 95% intervals of fractions and of means over runs.

Fractions are in 0..1.
"""

import math
import statistics
from collections.abc import Sequence
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
