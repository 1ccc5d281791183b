"""Mini-WIT: the training drawings gathered as the paper gathered its own web images (section 2.2).

The paper searched for pairs whose text holds one of 500,000 queries (frequent words of Wikipedia, pairs of words that occur
together more often than chance, names), and kept at most 20,000 pairs a query. Here the web is the raw pool of drawings, and its
captions are where the queries come from.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clipmini.config import check_seed
from clipmini.datasets.drawings import gather, manifest
from clipmini.datasets.pairs import Pairs

SPLITS = ("train",)
FREQUENT = 5  # captions that have a word, or a pair of words, before it is a query
TOGETHER = 3.0  # bits: a pair is a query if it is eight times as frequent as chance would have it
CAP = 60  # pictures a query


@dataclass(frozen=True)
class Gathered:
    """What the queries brought. rows: numbers of the kept texts. found, kept: how many texts each query met, and keeps."""

    rows: list[int]
    found: dict[str, int]
    kept: dict[str, int]


def load(split: str = "train", resolution: int = gather.SHIPPED, cap: int | None = CAP, seed: int = 0) -> Pairs:
    """The raw pool of training drawings, gathered by queries, at most `cap` a query; None: without a cap."""
    lines = [row for row, drawing in enumerate(manifest.drawings()) if drawing.split == "train"]
    texts = [" . ".join(manifest.drawings()[row].captions) for row in lines]
    wanted = queries(manifest.drawings()[row].captions[0] for row in lines)
    kept = collect(wanted, texts, cap, seed).rows
    return gather.pairs([lines[row] for row in kept], split, resolution)


def about(split: str) -> str:
    """A line for a listing."""
    return f"the training drawings, at most {CAP} for each word or pair of words"


def queries(captions: Iterable[str], frequent: int = FREQUENT, together: float = TOGETHER) -> list[str]:
    """Words by frequency, then pairs of neighbouring words by pointwise mutual information.

    Args: captions: whose words they are. frequent: captions that a query stands in, at least. together: bits, at least.
    """
    words, pairs, total = Counter[str](), Counter[tuple[str, str]](), 0
    for caption in captions:
        said = caption.split()
        words.update(set(said))
        pairs.update(set(zip(said, said[1:], strict=False)))
        total += 1
    single = sorted((word for word, count in words.items() if count >= frequent), key=lambda word: (-words[word], word))
    bits = {
        pair: math.log2(count * total / (words[pair[0]] * words[pair[1]])) for pair, count in pairs.items() if count >= frequent
    }
    double = sorted((pair for pair in bits if bits[pair] >= together), key=lambda pair: (-bits[pair], pair))
    return single + [" ".join(pair) for pair in double]


def collect(queries: Sequence[str], texts: Sequence[str], cap: int | None = CAP, seed: int = 0) -> Gathered:
    """The texts that hold a query as whole words, at most `cap` for each, drawn without favour.

    Args: queries: words, or pairs of words. texts: one a picture. cap: of each query; None for no limit. seed: of the draw.
    Raises: ValueError for a cap below 1, or a seed that is none.
    """
    if cap is not None and cap < 1:
        raise ValueError(f"cap must be at least 1, or None for no limit, got {cap}")
    check_seed(seed)
    holders = _index(texts)
    draw = np.random.default_rng(seed % 2**64)
    found, kept, rows = {}, {}, set()
    for query in queries:
        here = holders.get(query, [])
        taken = here if cap is None or len(here) <= cap else draw.choice(here, cap, replace=False).tolist()
        found[query], kept[query] = len(here), len(taken)
        rows.update(taken)
    return Gathered(sorted(rows), found, kept)


def _index(texts: Sequence[str]) -> dict[str, list[int]]:
    """Which texts hold each word, and each pair of neighbouring words."""
    holders: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        said = text.split()
        for query in {*said, *(f"{one} {other}" for one, other in zip(said, said[1:], strict=False))}:
            holders[query].append(row)
    return holders
