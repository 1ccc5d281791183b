"""The checkpoints that ship: small, whole, and scored as their cards say."""

import re

import pytest

import clipmini as cm
from clipmini import zoo
from clipmini.files import data_folder

NAMES = ["glyphs-resnet", "glyphs-vit"]


def test_both_families_ship_in_two_megabytes():
    assert sorted(zoo.names()) == NAMES
    assert sum((data_folder() / f"{name}.safetensors").stat().st_size for name in NAMES) <= 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_the_recipe_and_the_file_are(name):
    card = (data_folder() / f"{name}.md").read_text()
    model, tok, _ = cm.load(name)
    assert str(cm.RECIPES[name]) in card
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in card
    assert f"{(data_folder() / f'{name}.safetensors').stat().st_size:,} bytes" in card
    assert tok.vocab_size <= model.config.text.vocab_size


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("data", "split"), [("digits", "dev"), ("glyphs", "val")])
def test_a_card_has_the_scores_that_its_weights_have(name, data, split):
    card = (data_folder() / f"{name}.md").read_text()
    model, tok, _ = cm.load(name)
    for score in cm.scorecard(model, tok, data, split):
        row = rf"\| {data}:{split} \| {re.escape(score.metric)} \| {re.escape(score.who)} \| ([\d.]+)% "
        (written,) = re.findall(row, card)
        assert float(written) == pytest.approx(100 * score.value, abs=0.3), score.who


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_knows_more_than_chance(name):
    model, tok, _ = cm.load(name)
    by_name = {score.who: score for score in cm.scorecard(model, tok, "digits", "dev")}
    assert by_name["trained"].interval.low > 2 * by_name["chance"].value
