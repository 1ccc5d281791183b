"""Byte-pair encoding on words as sequences of symbols (Sennrich et al. 2016): learn merges, apply merges."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import pairwise

Pair = tuple[str, str]


@lru_cache
def byte_symbols() -> tuple[str, ...]:
    """A printable character for each of the 256 bytes, indexed by byte: printable ones stand for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return tuple(table[b] for b in range(256))


def learn_merges(
    words: Mapping[Sequence[str], int], wanted: int, base: Sequence[str]
) -> list[Pair]:
    """The most frequent pair of neighbours, joined everywhere, again and again.

    Fewer than wanted if none is left.
    A tie goes to the pair whose left symbol is older, then to the one whose right symbol is: base symbols in their
    order, then merged ones as they were made. A merge visits only the words that hold its pair.

    Args:
        words: how often each word, as symbols, occurs.
        wanted: number of merges.
        base: every symbol of the words.
    """
    symbols = list(base)
    ids = {symbol: i for i, symbol in enumerate(symbols)}
    spelled, times = [[ids[s] for s in word] for word in words], list(words.values())
    counts, where = Counter(), defaultdict(set)
    for index, word in enumerate(spelled):
        for pair in pairwise(word):
            counts[pair] += times[index]
            where[pair].add(index)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < wanted:
        count, pair = heappop(heap)
        if count == 0 or count != -counts[pair]:
            continue  # the count has changed since; the heap holds the new one too
        left, right = (symbols[i] for i in pair)
        merges.append((left, right))
        joined = len(symbols)
        symbols.append(left + right)
        change = Counter()
        for index in where.pop(pair):
            for other, sign in _join(spelled[index], pair, joined):
                change[other] += sign * times[index]
                if sign > 0:
                    where[other].add(index)
        for other, difference in change.items():
            counts[other] += difference
            heappush(heap, (-counts[other], other))
    return merges


def _join(word: list[int], pair: tuple[int, int], joined: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Join the pair in one word, in place and from the left; yield what goes (-1) and what comes (+1)."""
    i = 0
    while i < len(word) - 1:
        if (word[i], word[i + 1]) == pair:
            yield pair, -1
            if i > 0:
                yield (word[i - 1], pair[0]), -1
                yield (word[i - 1], joined), +1
            if i + 2 < len(word):
                yield (pair[1], word[i + 2]), -1
                yield (joined, word[i + 2]), +1
            word[i : i + 2] = [joined]
        i += 1


def apply_merges(word: Sequence[str], rank: Mapping[Pair, int]) -> list[str]:
    """Join the pair of lowest rank wherever it stands, from the left; again, until no neighbours have a rank.

    A heap of places and a linked list of symbols: n symbols take n log n steps, whatever the word.
    """
    symbols: list[str | None] = list(word)
    before, after = list(range(-1, len(word) - 1)), list(range(1, len(word) + 1))
    heap = [(rank[pair], place) for place, pair in enumerate(pairwise(word)) if pair in rank]
    heapify(heap)
    while heap:
        now, found = heap[0][0], []
        while heap and heap[0][0] == now:
            place = heappop(heap)[1]
            other = after[place]
            if other == len(symbols) or rank.get((symbols[place], symbols[other])) != now:
                continue  # one of the two was joined to something else
            symbols[place] += symbols[other]
            symbols[other] = None
            after[place] = after[other]
            if after[place] < len(symbols):
                before[after[place]] = place
                found.append(place)
            if before[place] >= 0:
                found.append(before[place])
        for place in found:
            pair = symbols[place], symbols[after[place]]
            if pair in rank:  # never if the place itself was joined to its left
                heappush(heap, (rank[pair], place))
    return [symbol for symbol in symbols if symbol is not None]
