"""Merges: learned as by a trainer that counts anew each time, applied as by one that reads the whole word each time."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

import clipmini as cm
from clipmini.tokenizer.bpe import apply_merges, byte_symbols, learn_merges

WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=12), st.integers(1, 3), min_size=1, max_size=8)


def join(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        width = 2 if tuple(symbols[i : i + 2]) == pair else 1
        out.append("".join(symbols[i : i + width]))
        i += width
    return tuple(out)


def naive_learn(words, wanted, base):
    """Count all pairs anew before every merge."""
    words = [(tuple(symbols), n) for symbols, n in words.items()]
    age, merges = {symbol: i for i, symbol in enumerate(base)}, []
    while len(merges) < wanted:
        counts = Counter()
        for symbols, n in words:
            for pair in pairwise(symbols):
                counts[pair] += n
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], age[pair[0]], age[pair[1]]))
        merges.append(best)
        age["".join(best)] = len(age)
        words = [(join(symbols, best), n) for symbols, n in words]
    return merges


def naive_apply(symbols, rank):
    """Look at all neighbours anew before every pass."""
    symbols = tuple(symbols)
    while known := [pair for pair in pairwise(symbols) if pair in rank]:
        symbols = join(symbols, min(known, key=rank.get))
    return list(symbols)


def test_symbols_of_bytes_are_distinct_and_printable():
    assert len(set(byte_symbols())) == 256
    assert all(symbol.isprintable() and not symbol.isspace() for symbol in byte_symbols())
    assert byte_symbols()[ord("a")] == "a" and byte_symbols()[ord(" ")] == "Ġ" and byte_symbols()[0] == "Ā"


def test_merges_by_hand():
    # "aab" twice and "ab": a+b three times, a+a twice; then a+ab twice
    assert learn_merges({("a", "a", "b"): 2, ("a", "b"): 1}, 9, "ab") == [("a", "b"), ("a", "ab")]


def test_ties_go_to_the_older_symbols():
    words = {("b", "a"): 1, ("a", "c"): 1, ("a", "b"): 1}
    assert learn_merges(words, 9, "abc") == [("a", "b"), ("a", "c"), ("b", "a")]
    assert learn_merges(words, 9, "cba") == [("b", "a"), ("a", "c"), ("a", "b")]


def test_overlapping_pairs_are_joined_from_the_left():
    assert learn_merges({("a", "a", "a"): 1}, 1, "a") == [("a", "a")]
    assert apply_merges("aaaaa", {("a", "a"): 0}) == ["aa", "aa", "a"]


def test_runs_of_one_letter():
    words = {tuple("baaa"): 2, tuple("aaaa"): 3, tuple("caaac"): 5}
    assert learn_merges(words, 30, "abc") == naive_learn(words, 30, "abc")


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_merges_are_the_naive_trainers(words):
    words = {tuple(word): n for word, n in words.items()}
    assert learn_merges(words, 60, "cab") == naive_learn(words, 60, "cab")


def test_merges_are_the_naive_trainers_on_names():
    names = set(cm.datasets.load("glyphs", split="val").captions)
    words = {tuple(word): n for word, n in Counter(word for name in names for word in name.split()).items()}
    base = sorted({symbol for word in words for symbol in word})
    assert learn_merges(words, 150, base) == naive_learn(words, 150, base)


@settings(max_examples=300, deadline=None)
@given(WORDS, st.text("abc", max_size=40))
def test_words_are_merged_as_by_whole_passes(words, text):
    rank = {pair: i for i, pair in enumerate(learn_merges({tuple(word): n for word, n in words.items()}, 60, "abc"))}
    assert apply_merges(text, rank) == naive_apply(text, rank)


@settings(max_examples=300, deadline=None)
@given(st.permutations([("a", "b"), ("b", "a"), ("a", "a"), ("ab", "a"), ("a", "ba"), ("aa", "b"), ("aba", "a")]), st.text("ab"))
def test_also_by_merges_that_no_trainer_made(pairs, text):
    """Where a later merge makes what an earlier one joins, a pass is still finished before the next begins."""
    rank = {pair: i for i, pair in enumerate(pairs)}
    assert apply_merges(text, rank) == naive_apply(text, rank)


@settings(max_examples=1_000, deadline=None)
@given(WORDS)
def test_words_of_the_corpus_are_merged_as_in_training(words):
    """Each word of the corpus ends in the same symbols whether it is followed through training or encoded afterwards."""
    words = {tuple(word): n for word, n in words.items()}
    merges = learn_merges(words, 60, "abc")
    assert len({left + right for left, right in merges}) == len(merges)  # no symbol is made twice
    for word in words:
        followed = word
        for pair in merges:
            followed = join(followed, pair)
        assert apply_merges(word, {pair: i for i, pair in enumerate(merges)}) == list(followed)
