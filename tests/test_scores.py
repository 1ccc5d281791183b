"""The scorecard: chance by hand, the baselines that it names, the record of runs."""

import math

import pytest
import torch

import clipmini as cm
from clipmini.datasets.prompts import fill
from clipmini.evaluate.scores import chance_level, fresh, printed_classes, recorded


def test_chance_counts_every_right_answer():
    one, two = torch.tensor([[3, -1]]), torch.tensor([[3, 4]])
    assert chance_level(one, 7, 1) == pytest.approx(1 / 7)
    assert chance_level(one, 7, 5) == pytest.approx(5 / 7)
    assert chance_level(two, 7, 5) == pytest.approx(1 - math.comb(5, 5) / math.comb(7, 5))
    assert chance_level(torch.cat([one, two]), 7, 1) == pytest.approx((1 / 7 + 2 / 7) / 2)


def test_the_untrained_model_is_the_seeds_alone(model):
    torch.manual_seed(5)
    expected = cm.CLIP(model.config).state_dict()
    torch.manual_seed(6)
    before = torch.get_rng_state()
    untrained = fresh(model, 5).state_dict()
    assert all(torch.equal(untrained[name], value) for name, value in expected.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_printed_digits_are_found_by_each_of_the_prompts():
    train, digits = cm.datasets.load("glyphs", "train"), cm.datasets.load("digits", "dev")
    images, labels = printed_classes(train, digits)
    prompts = {fill(t, name) for t in digits.templates for name in digits.classes}
    assert len(images) == len(labels) == sum(caption in prompts for caption in train.captions)
    assert labels.unique().tolist() == list(range(10))


def test_a_scorecard_puts_the_baselines_beside_the_model():
    model, tok, _ = cm.load("glyphs-resnet")
    before = torch.get_rng_state()
    card = cm.scorecard(model, tok, "digits", "dev")
    assert torch.equal(torch.get_rng_state(), before)  # the untrained model has drawn nothing from there
    by_name = {score.who: score for score in card}
    assert set(by_name) == {
        "trained", "untrained", "pixel nearest neighbour", "the same, cropped to the ink", "chance"
    }  # fmt: skip
    assert by_name["chance"].value == pytest.approx(0.1)
    assert by_name["trained"].interval.low > by_name["untrained"].interval.high
    assert all(s.interval.low <= s.value <= s.interval.high and s.n == 898 for s in card)


def test_names_are_scored_beside_recombined_words_and_by_cluster():
    model, tok, _ = cm.load("glyphs-resnet")
    card = {(score.who, score.metric): score for score in cm.scorecard(model, tok, "glyphs", "val")}
    assert card["pixel nearest neighbour", "R@5"].value == 0  # it knows no name but those of training
    words, trained = card["its words, recombined", "R@5"], card["trained", "R@5"]
    assert 0 < words.value < trained.value
    n = len(cm.datasets.load("glyphs", "val"))
    assert trained.n == n
    width, alone = (i.high - i.low for i in (trained.interval, cm.metrics.wilson_interval(trained.value, n)))
    assert width > 1.2 * alone


def test_the_record_has_a_value_a_run():
    record = recorded("quickstart_seeds")
    (runs,) = {len(values) for values in record.values()}
    assert runs >= 3
    assert all(0 <= v <= 1 for values in record.values() for v in values)


@pytest.mark.parametrize("seed", [2**70, -(2**64), 1.5, "0"])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be a whole number of at most 64 bits, got"):
        cm.scorecard(*cm.load("glyphs-vit")[:2], "digits", "dev", seed=seed)
