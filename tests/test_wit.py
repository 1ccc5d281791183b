"""Gathering by queries: counts and mutual information by hand, and a cap that holds."""

import math

import pytest

import clipmini as cm
from clipmini.datasets import drawings
from clipmini.datasets.drawings import wit

CAPTIONS = ["red apple"] * 3 + ["red car"] * 2 + ["polar bear"] * 2 + ["apple"] * 1


def test_queries_are_words_by_frequency_then_pairs_by_mutual_information():
    """polar bear: log2(2 * 8 / (2 * 2)) = 2; red apple: log2(3 * 8 / (5 * 4)) = 0.26; red car: log2(2 * 8 / (5 * 2)) = 0.68."""
    assert wit.queries(CAPTIONS, frequent=2, together=1) == ["red", "apple", "bear", "car", "polar", "polar bear"]
    assert wit.queries(CAPTIONS, frequent=2, together=0.5)[-2:] == ["polar bear", "red car"]
    assert wit.queries(CAPTIONS, frequent=2, together=math.log2(16 / 10))[-1] == "red car", "the very number is enough"
    assert wit.queries(CAPTIONS, frequent=3, together=0)[:2] == ["red", "apple"]


def test_each_query_gathers_whole_words_up_to_the_cap():
    texts = ["red apple", "pineapple", "a red car", "red . apple", "dog"]
    found = wit.collect(["red", "apple", "red apple", "cat"], texts, cap=None)
    assert found.rows == [0, 2, 3]
    assert found.found == {"red": 3, "apple": 2, "red apple": 1, "cat": 0}
    capped = wit.collect(["red", "apple", "red apple", "cat"], texts, cap=1, seed=3)
    assert capped.kept == {"red": 1, "apple": 1, "red apple": 1, "cat": 0}
    assert capped.found == found.found
    assert 0 in capped.rows and set(capped.rows) <= {0, 2, 3}
    assert wit.collect(["red"], texts, cap=1, seed=3) == wit.collect(["red"], texts, cap=1, seed=3)
    assert {tuple(wit.collect(["red"], texts, cap=1, seed=seed).rows) for seed in range(20)} == {(0,), (2,), (3,)}


@pytest.mark.parametrize("cap", [0, -3])
def test_a_cap_below_one_is_refused(cap):
    with pytest.raises(ValueError, match=f"cap must be at least 1, or None for no limit, got {cap}"):
        wit.collect(["red"], ["red"], cap=cap)


def test_the_cap_is_for_what_a_web_has_too_much_of():
    raw = cm.datasets.load("drawings", split="train")
    capped = cm.datasets.load("drawings/wit", split="train")
    stars, kept = (sum(caption == "gramastar" for caption in data.captions) for data in (raw, capped))
    assert stars > 800 and 0 < kept < stars / 5
    assert 0.3 * len(raw) < len(capped) < 0.9 * len(raw)
    assert set(capped.captions) <= set(raw.captions)
    assert "arrow" in wit.queries(raw.captions)[:20]
    names = {row.concept for row in drawings.rows("new_names")}
    assert names & {row for row in capped.captions} == set()
