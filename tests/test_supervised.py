"""The rival with a closed vocabulary: its loss by hand, what it can be trained on, and an average over things."""

import dataclasses
import math

import pytest
import torch

import clipmini as cm
from clipmini.datasets.batch import Batch
from clipmini.evaluate.metrics import hits_per_class
from clipmini.objectives.supervised import Supervised


def test_the_loss_is_the_cross_entropy_of_a_linear_layer(model):
    objective = Supervised(model.config.embed_dim, 3)
    with torch.no_grad():
        objective.head.weight.zero_()
        objective.head.bias.copy_(torch.tensor([0.0, math.log(2), math.log(3)]))
    side = model.config.vision.resolution
    batch = Batch(pixels=torch.zeros(2, 3, side, side), tokens=torch.zeros(2, 1), concept_ids=torch.tensor([1, 2]))
    loss = objective.loss(model, tuple(objective.encode(model, batch)), batch)
    assert loss.item() == pytest.approx((math.log(6 / 2) + math.log(6 / 3)) / 2)


def test_it_learns_and_its_own_layer_is_trained(vit_config, tok, pairs):
    data = dataclasses.replace(pairs, concept=torch.arange(23) % 3)
    torch.manual_seed(0)
    model, objective = cm.CLIP(vit_config), Supervised(vit_config.embed_dim, 3)
    before = objective.head.weight.clone()
    settings = cm.TrainConfig(steps=60, batch_size=23, warmup=5, lr=5e-3, device="cpu", augment="none")
    logs = list(cm.train(model, tok, data, settings, objective=objective))
    assert logs[-1].loss < 0.5 * logs[0].loss
    assert not torch.equal(objective.head.weight, before)


def test_data_that_do_not_number_their_things_are_refused(vit_config, tok, pairs):
    model, settings = cm.CLIP(vit_config), cm.TrainConfig(steps=1, batch_size=23)
    objective = Supervised(vit_config.embed_dim, 3)
    with pytest.raises(ValueError, match="patterns, split train, does not say which concept each picture shows"):
        cm.train(model, tok, pairs, settings, objective=objective)
    with pytest.raises(ValueError, match="expected concepts 0 to 2, got 0 to 3"):
        cm.train(model, tok, dataclasses.replace(pairs, concept=torch.arange(23) % 4), settings, objective=objective)


def test_hits_are_averaged_over_things_and_not_over_pictures():
    hits = torch.tensor([True, True, True, False, False])
    assert hits_per_class(hits, torch.tensor([4, 4, 4, 7, 4])) == pytest.approx((3 / 4 + 0) / 2)
    assert hits.float().mean().item() == pytest.approx(3 / 5), "control: the plain mean is another number"
    with pytest.raises(ValueError, match=r"expected hits and labels \(N,\), at least one, got \(5,\) and \(4,\)"):
        hits_per_class(hits, torch.arange(4))
