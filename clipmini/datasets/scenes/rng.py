"""Random choices that are the same on every machine."""

import random
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from itertools import accumulate


class Rng:
    """A stream of random choices named by a key, such as (split, row): no row depends on another one.

    Only `random()` is used: of Python's generator, its sequence alone is promised to stay.
    """

    def __init__(self, *key):
        self.random = random.Random("/".join(map(str, key))).random

    def below(self, n: int) -> int:
        """An integer in 0..n-1."""
        return int(self.random() * n)

    def between(self, low: int, high: int) -> int:
        """An integer in low..high, both included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def pick(self, choices: Sequence):
        return choices[int(self.random() * len(choices))]

    def weighted(self, weights: tuple[tuple, ...]):
        """A value of the (value, weight) pairs, as often as its weight says relative to the others."""
        keys, cumulative = _cumulative(weights)
        return keys[bisect(cumulative, self.random() * cumulative[-1])]

    def shuffled(self, items: Sequence) -> list:
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            items[i], items[j] = items[j], items[i]
        return items


@cache
def _cumulative(weights: tuple) -> tuple[list, list[float]]:
    return [key for key, _ in weights], list(accumulate(weight for _, weight in weights))
