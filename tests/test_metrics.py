"""Accuracies and intervals, by hand and against SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from clipmini import metrics

SCORES = torch.tensor(
    [
        [0.9, 0.1, 0.5, 0.2],
        [0.1, 0.2, 0.3, 0.4],
        [0.4, 0.3, 0.2, 0.1],
        [0.0, 0.7, 0.6, 0.5],
        [0.2, 0.8, 0.1, 0.4],
    ]
)
LABELS = torch.tensor([0, 0, 1, 2, 3])  # places 0, 3, 1, 1, 1


def test_top_k_by_hand():
    assert [metrics.top_k(SCORES, LABELS, k) for k in (1, 2, 3, 4)] == pytest.approx([0.2, 0.8, 0.8, 1.0])


def test_of_equal_scores_the_label_comes_last():
    tied = torch.ones(5, 4)
    assert [metrics.top_k(tied, LABELS, k) for k in (1, 3, 4)] == [0, 0, 1]
    assert metrics.top_k(torch.tensor([[1.0, 2.0, 2.0]]), torch.tensor([1]), 1) == 0


def test_recall_counts_any_positive():
    positives = torch.tensor([[0, -1], [0, 3], [3, -1], [2, 0], [3, 2]])  # places 0, 0, 3, 1, 1
    assert [metrics.recall_at_k(SCORES, positives, k) for k in (1, 2, 4)] == pytest.approx([0.4, 0.8, 1.0])


def test_padding_may_be_anywhere_and_is_not_the_last_class():
    # -1 would otherwise be the last column, here the winner
    scores = torch.tensor([[0.1, 0.2, 0.9]])
    assert metrics.recall_at_k(scores, torch.tensor([[-1, 0, -1]]), 1) == 0
    assert metrics.recall_at_k(scores, torch.tensor([[-1, 2, -1]]), 1) == 1


def test_a_row_of_padding_only_is_never_found():
    assert metrics.recall_at_k(torch.tensor([[0.1, 0.2, 0.9]]), torch.tensor([[-1, -1, -1]]), 1) == 0
    assert metrics.top_k(torch.tensor([[0.1, 0.2, 0.9]]), torch.tensor([-1]), 1) == 0


def test_tied_positives_do_not_beat_each_other():
    assert metrics.ranks(torch.tensor([[2.0, 2.0, 1.0]]), torch.tensor([[0, 1]])).tolist() == [0]
    assert metrics.ranks(torch.tensor([[2.0, 2.0, 2.0]]), torch.tensor([[0, 1]])).tolist() == [1]


def test_top_k_agrees_with_sorting():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(97, 13, generator=generator)
    labels = torch.randint(13, (97,), generator=generator)
    for k in (1, 3, 13):
        hits = (scores.topk(k).indices == labels[:, None]).any(dim=1)
        assert metrics.top_k(scores, labels, k) == pytest.approx(hits.float().mean().item())


def test_scores_that_are_not_numbers_are_refused():
    broken = SCORES.clone()
    broken[2, 1] = math.nan
    with pytest.raises(ValueError, match="NaN"):
        metrics.top_k(broken, LABELS, 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="k must be between 1 and 4"):
        metrics.top_k(SCORES, LABELS, 5)
    with pytest.raises(ValueError, match="k must be between 1 and 4"):
        metrics.top_k(SCORES, LABELS, 0)
    with pytest.raises(ValueError, match="one row of positives each"):
        metrics.top_k(SCORES, LABELS[:4], 1)
    with pytest.raises(ValueError, match="class 4 of only 4 classes"):
        metrics.top_k(SCORES, torch.tensor([0, 1, 2, 3, 4]), 1)
    with pytest.raises(ValueError, match="no rows"):
        metrics.top_k(SCORES[:0], LABELS[:0], 1)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool, torch.float16])
def test_scores_may_be_counts_or_votes(dtype):
    scores = torch.tensor([[0, 1, 0], [1, 0, 0], [1, 1, 0]]).to(dtype)
    positives = torch.tensor([[1, -1], [1, 2], [-1, 0]])  # found, not found, tied with a wrong one
    assert metrics.hits_at_k(scores, positives, 1).tolist() == [True, False, False]
    assert metrics.top_k(scores, torch.tensor([1, 1, 2], dtype=torch.uint8), 1) == pytest.approx(1 / 3)


def test_arguments_of_another_kind_are_refused():
    for labels in (LABELS.float(), LABELS > 1):
        with pytest.raises(ValueError, match="expected labels as integers, the number of the right class, got torch"):
            metrics.top_k(SCORES, labels, 1)
    for k in (1.5, "1", None):
        with pytest.raises(ValueError, match="k must be between 1 and 4"):
            metrics.top_k(SCORES, LABELS, k)
    with pytest.raises(ValueError, match=r"scores as a tensor, got ndarray: pass torch.as_tensor\(scores\)"):
        metrics.top_k(SCORES.numpy(), LABELS, 1)
    with pytest.raises(ValueError, match="labels as a tensor, got list"):
        metrics.top_k(SCORES, LABELS.tolist(), 1)


def test_mean_per_class_refuses_what_does_not_fit():
    for predictions, labels in ((LABELS[:3], LABELS), (LABELS[:, None], LABELS), (LABELS[:0], LABELS[:0])):
        with pytest.raises(ValueError, match="expected predictions and labels .N,., a class each, at least one"):
            metrics.mean_per_class(predictions, labels)
    with pytest.raises(ValueError, match="expected classes as integers, got torch.float32"):
        metrics.mean_per_class(SCORES[:, 0], LABELS)


def test_mean_per_class_by_hand():
    # class 0: 3 of 4, class 2: 0 of 1; class 1 does not occur
    predictions, labels = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 0, 0, 0, 2])
    assert metrics.mean_per_class(predictions, labels) == pytest.approx(0.375)


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (5, 7), (7, 7), (450, 898)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_wilson_is_scipys(hits, n, confidence):
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert metrics.wilson_interval(hits / n, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_by_hand():
    # 5 of 10 with z = 1.959964: half = 1.959964 / 13.841459 * 10 * sqrt(0.025 + 3.841459 / 400) = 0.263405
    low, high = metrics.wilson_interval(0.5, 10)
    assert (low, high) == pytest.approx((0.236595, 0.763405), abs=1e-5)


def test_hits_are_rows_and_recall_their_mean():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.8, 0.3], [0.1, 0.2, 0.9]])
    hits = metrics.hits_at_k(scores, torch.tensor([[0], [2], [-1]]), 1)
    assert hits.tolist() == [True, False, False]
    assert metrics.recall_at_k(scores, torch.tensor([[0], [2], [-1]]), 1) == pytest.approx(1 / 3)


def test_ranks_of_many_rows_are_those_of_each_row_alone():
    scores, positives = torch.randn(1031, 7), torch.randint(7, (1031, 3))
    together = metrics.ranks(scores, positives)
    alone = [metrics.ranks(scores[i : i + 1], positives[i : i + 1]).item() for i in range(1031)]
    assert together.tolist() == alone


def test_a_cluster_counts_once():
    # 10 groups of 7 equal examples, 4 of them hits: as 10 examples, up to the factor of 10 / 9 in the variance
    groups = torch.arange(70) % 10
    interval = metrics.clustered_interval(groups < 4, groups)
    assert interval == pytest.approx(metrics.wilson_interval(0.4, 9))


def test_examples_on_their_own_give_wilsons_interval():
    hits = torch.arange(400) % 4 == 0
    interval = metrics.clustered_interval(hits, torch.arange(400) + 1000)
    assert interval == pytest.approx(metrics.wilson_interval(0.25, 399))
    assert metrics.clustered_interval(torch.zeros(70, dtype=torch.bool), torch.arange(70) % 10) == pytest.approx(
        metrics.wilson_interval(0, 10)
    )


def test_t_interval_by_hand():
    # mean 2, deviation 1, error 1 / sqrt(3), t = 4.302653 at two degrees of freedom
    half = 4.302653 / math.sqrt(3)
    assert metrics.t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - half, 2 + half), abs=1e-5)


def test_intervals_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one example"):
        metrics.wilson_interval(0.5, 0)
    with pytest.raises(ValueError, match="a fraction in 0..1"):
        metrics.wilson_interval(50.0, 10)
    with pytest.raises(ValueError, match="at least two, got 1"):
        metrics.t_interval([0.5])


def test_intervals_refuse_what_is_no_number():
    for values in ([1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(ValueError, match="needs finite numbers"):
            metrics.t_interval(values)
    with pytest.raises(ValueError, match="of at least one example, got 0.5 of nan"):
        metrics.wilson_interval(0.5, math.nan)
    for confidence in (95, 0, 1, math.nan):
        for interval in (lambda c: metrics.wilson_interval(0.5, 9, c), lambda c: metrics.t_interval([1, 2], c)):
            with pytest.raises(ValueError, match="a confidence between 0 and 1, such as 0.95, got"):
                interval(confidence)


def test_clusters_that_do_not_fit_are_refused():
    for hits, groups in ((torch.zeros(0).bool(), torch.zeros(0)), (torch.tensor([True, False]), torch.tensor([1]))):
        with pytest.raises(ValueError, match="expected a group for each of at least one hit"):
            metrics.clustered_interval(hits, groups)


def test_an_interval_over_runs_takes_any_collection_and_gives_plain_numbers():
    expected = metrics.t_interval([1.0, 2.0, 4.0])
    for values in (np.array([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 4.0]), iter([1, 2, 4])):
        assert metrics.t_interval(values) == expected
    assert {type(end) for end in (*expected, *metrics.wilson_interval(0.5, 9))} == {float}
