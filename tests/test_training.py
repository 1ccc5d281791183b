"""The training loop, step by step: what it changes, what it refuses, what it leaves on disk."""

import dataclasses
import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import clipmini as cm
from clipmini import tensors
from clipmini.datasets.batch import Batch
from clipmini.objectives.contrastive import Contrastive, clip_loss
from clipmini.training import runs
from clipmini.training.loader import Loader, Wordings
from clipmini.training.optimizer import make_optimizer
from clipmini.training.precision import mixed_precision, pick_device
from clipmini.training.schedule import learning_rate

CONFIG = cm.TrainConfig(steps=3, batch_size=7, warmup=2, device="cpu", augment="none")
SIX = dataclasses.replace(CONFIG, batch_size=6)  # which can be cut


def run(model, tok, data, config=CONFIG, objective=None, **kwargs):
    return list(cm.train(model, tok, data, config, objective, **kwargs))


def copy(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def fresh(config, seed=0):
    torch.manual_seed(seed)
    return cm.CLIP(config)


def test_gains_biases_and_the_temperature_do_not_decay(model):
    decayed, undecayed = make_optimizer([model], CONFIG).param_groups
    assert (decayed["weight_decay"], undecayed["weight_decay"]) == (0.2, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    spared = {names[id(p)] for p in undecayed["params"]}
    assert {"logit_scale", "text.ln_final.weight", "text.transformer.resblocks.0.attn.in_proj_bias"} <= spared
    ends = (".bias", "in_proj_bias", "logit_scale", "class_embedding")
    norms = (".ln_", ".bn", "downsample.1")
    expected = {n for n in names.values() if n.endswith(ends) or any(part in f".{n}" for part in norms)}
    assert spared == expected
    assert len(decayed["params"]) + len(undecayed["params"]) == len(names)


def test_frozen_parameters_are_left_out(model):
    model.visual.requires_grad_(False)
    groups = make_optimizer([model], CONFIG).param_groups
    trained = {id(p) for group in groups for p in group["params"]}
    assert not trained & {id(p) for p in model.visual.parameters()}


def test_optimizer_is_the_papers(model):
    group = make_optimizer([model], cm.TrainConfig()).param_groups[0]
    assert (group["betas"], group["eps"]) == ((0.9, 0.98), 1e-6)


def test_learning_rate_by_hand():
    config = cm.TrainConfig(steps=12, warmup=4, lr=0.8)
    expected = [0.2, 0.4, 0.6, 0.8, 0.8]  # four steps up; the cosine starts at its top
    assert [learning_rate(step, config) for step in range(5)] == pytest.approx(expected)
    assert learning_rate(8, config) == pytest.approx(0.4)  # half-way down
    assert learning_rate(10, config) == pytest.approx(0.8 * 0.5 * (1 - math.sqrt(0.5)))
    assert learning_rate(12, config) == pytest.approx(0)  # after the last step
    assert learning_rate(0, cm.TrainConfig(steps=1, warmup=0, lr=0.8)) == 0.8


def test_an_epoch_shows_no_pair_twice(tok, pairs):
    loader = Loader(pairs, tok, 13, CONFIG, torch.device("cpu"))
    batches = [loader.batch(step) for step in range(7)]
    assert [len(batch) for batch in batches] == [7] * 7
    for epoch in (batches[0:3], batches[3:6]):
        assert len(torch.cat([batch.pixels for batch in epoch]).flatten(1).unique(dim=0)) == 21
    assert not torch.equal(batches[0].pixels, batches[3].pixels)


def test_logs_tell_what_happened(vit_config, tok, pairs):
    logs = run(fresh(vit_config), tok, pairs)
    assert [log.step for log in logs] == [0, 1, 2]
    assert [log.lr for log in logs] == pytest.approx([learning_rate(step, CONFIG) for step in range(3)])
    assert logs[0].loss == pytest.approx(math.log(7), abs=1.5)
    assert 10 < logs[0].logit_scale < 20 and logs[0].images_per_second > 0


def test_one_step_is_adams(vit_config, tok, pairs):
    model = fresh(vit_config)
    before = copy(model)
    config = dataclasses.replace(CONFIG, steps=1, warmup=0, lr=1e-3, weight_decay=0.1, eps=1e-12)
    run(model, tok, pairs, config)
    # Adam's first step is lr times the gradient's sign; decoupled decay takes lr * 0.1 of each weight, not of a gain.
    for name, gain in (("visual.conv1.weight", False), ("text.ln_final.weight", True)):
        change = model.state_dict()[name] - before[name] * (1 if gain else 1 - 1e-4)
        torch.testing.assert_close(change.abs(), torch.full_like(change, 1e-3), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize(("start", "limit"), [(90.0, 100.0), (1.5, 2.0)])
def test_the_scale_is_clamped_after_the_step(vit_config, tok, pairs, start, limit):
    model = fresh(vit_config)
    model.logit_scale.data.fill_(math.log(start))

    class Push(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            return -model.logit_scale

    config = dataclasses.replace(CONFIG, lr=10.0, warmup=0, max_scale=limit)
    logs = run(model, tok, pairs, config, objective=Push())
    assert [log.logit_scale for log in logs] == pytest.approx([limit] * 3)
    assert model.logit_scale.item() == pytest.approx(math.log(limit))


def test_the_scale_stays_above_one(vit_config, tok, pairs):
    class Pull(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            return model.logit_scale.exp()

    logs = run(fresh(vit_config), tok, pairs, dataclasses.replace(CONFIG, lr=10.0, warmup=0), objective=Pull())
    assert logs[-1].logit_scale == 1


@pytest.mark.parametrize("augment", ["none", "crop", "mild", "handwriting"])
def test_one_seed_gives_identical_runs(config, tok, pairs, augment):
    settings = dataclasses.replace(CONFIG, augment=augment)
    one, two, other = fresh(config), fresh(config), fresh(config)
    losses = [[log.loss for log in run(m, tok, pairs, settings)] for m in (one, two)]
    run(other, tok, pairs, dataclasses.replace(settings, seed=1))
    assert losses[0] == losses[1] and same(copy(one), copy(two))
    assert not same(copy(one), copy(other))


def test_learning_really_happens(config, tok, pairs):
    settings = cm.TrainConfig(steps=60, batch_size=23, warmup=5, lr=5e-3, device="cpu", augment="none")
    logs = run(fresh(config), tok, pairs, settings)
    assert logs[-1].loss < math.log(23) / 3


def test_control_shuffled_gradients_learn_nothing(vit_config, tok, pairs):
    class Torn(nn.Module):
        """The paper's objective on pairs torn apart anew each step."""

        def forward(self, model, images, tokens, caption_ids):
            order = torch.randperm(len(images))
            return Contrastive()(model, images, tokens[order], caption_ids[order])

    torch.manual_seed(0)
    settings = cm.TrainConfig(steps=60, batch_size=23, warmup=5, lr=5e-3, device="cpu", augment="none")
    logs = run(fresh(vit_config), tok, pairs, settings, objective=Torn())
    assert logs[-1].loss > math.log(23) * 0.8


def test_equal_captions_share_an_id(pairs):
    texts = ["red", "blue", "red", "circle", "blue"]
    wordings = Wordings(dataclasses.replace(pairs.subset(range(5)), captions=texts))
    assert wordings.texts == ["red", "blue", "circle"]
    generator = torch.Generator()
    before = generator.get_state()
    assert wordings.draw(torch.arange(5), generator).tolist() == [0, 1, 0, 2, 1]
    assert torch.equal(generator.get_state(), before), "nothing is drawn where there is no choice"


def test_a_picture_is_seen_with_each_of_its_wordings_and_half_the_time_with_its_caption(pairs):
    data = dataclasses.replace(pairs.subset([0, 1]), captions=["a", "b"], wordings=[("a", "b", "c"), ("b",)])
    wordings = Wordings(data)
    assert wordings.texts == ["a", "b", "c"]
    drawn = wordings.draw(torch.tensor([0, 1]).repeat(4000), torch.Generator().manual_seed(0)).view(4000, 2)
    assert (drawn[:, 1] == 1).all()
    share = drawn[:, 0].bincount(minlength=3) / 4000
    torch.testing.assert_close(share, torch.tensor([0.5, 0.25, 0.25]), atol=0.03, rtol=0)


def test_a_run_with_wordings_resumes_to_the_same_bits(tmp_path, vit_config, tok, pairs):
    names = [(caption, "red", "blue") for caption in pairs.captions]
    data = dataclasses.replace(pairs, wordings=[tuple(dict.fromkeys(texts)) for texts in names])
    settings = cm.TrainConfig(steps=6, batch_size=23, warmup=1, device="cpu", checkpoint_every=3)
    whole = run(fresh(vit_config), tok, data, settings)
    for log in cm.train(fresh(vit_config), tok, data, settings, run_dir=tmp_path):
        if log.step == 3:
            break
    rest = list(cm.train(fresh(vit_config), tok, data, settings, run_dir=tmp_path, resume=True))
    assert [log.loss for log in rest] == [log.loss for log in whole[rest[0].step :]]


def test_an_empty_text_is_refused_with_its_row(vit_config, tok, pairs):
    captions = [*pairs.captions[:5], " ", *pairs.captions[6:]]
    with pytest.raises(ValueError, match="patterns, split train: row 5 has an empty text"):
        cm.train(fresh(vit_config), tok, dataclasses.replace(pairs, captions=captions), CONFIG)
    worded = [(caption, "") if i == 7 else (caption,) for i, caption in enumerate(pairs.captions)]
    with pytest.raises(ValueError, match="row 7 has an empty text"):
        cm.train(fresh(vit_config), tok, dataclasses.replace(pairs, wordings=worded), CONFIG)


def test_equal_concepts_are_matches_of_each_other(vit_config, tok, pairs):
    concept = torch.arange(len(pairs)) // 2
    data, settings = dataclasses.replace(pairs, concept=concept), cm.TrainConfig(batch_size=23)
    batch = Loader(data, tok, 13, settings, torch.device("cpu")).batch(0)
    model = fresh(vit_config).eval()
    image, text = (F.normalize(rows) for rows in Contrastive().encode(model, batch))
    expected = clip_loss(image, text, model.logit_scale.exp(), targets=batch.concept_ids)
    torch.testing.assert_close(Contrastive("concepts").loss(model, (image, text), batch), expected)
    assert not torch.isclose(Contrastive("captions").loss(model, (image, text), batch), expected)
    assert torch.equal(batch[5:7].concept_ids, batch.concept_ids[5:7])
    with pytest.raises(ValueError, match="does not say which concept each picture shows: choose from: identity, captions"):
        cm.train(model, tok, pairs, cm.TrainConfig(steps=1, batch_size=23), objective=Contrastive("concepts"))


def test_the_objective_sees_images_with_their_own_captions(vit_config, tok, pairs):
    seen = []

    class Look(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            seen.append((images, tokens, caption_ids))
            return model.logit_scale * 0

    run(fresh(vit_config), tok, pairs, objective=Look())
    all_images, all_tokens = cm.transforms.normalize(pairs.images), tok(pairs.captions, 13)
    for images, tokens, ids in seen:
        for image, text, i in zip(images, tokens, ids, strict=True):
            (row,) = (all_images == image).flatten(1).all(dim=1).nonzero()[0]
            assert torch.equal(text, all_tokens[row])
            assert list(dict.fromkeys(pairs.captions))[i] == pairs.captions[row]


def test_training_is_in_training_mode(resnet_config, tok, pairs):
    model = fresh(resnet_config).eval()
    statistics = model.visual.bn1.running_mean.clone()
    modes = [model.training for _ in cm.train(model, tok, pairs, CONFIG)]
    assert modes == [True] * 3
    assert not torch.equal(model.visual.bn1.running_mean, statistics)


def test_embedding_in_the_middle_changes_nothing(resnet_config, tok, pairs):
    one, two = fresh(resnet_config), fresh(resnet_config)
    for _ in cm.train(one, tok, pairs, CONFIG):
        cm.embed(one, tok, pairs)
        assert one.training
    run(two, tok, pairs)
    assert same(copy(one), copy(two))


def test_an_objectives_own_parameters_are_trained(vit_config, tok, pairs):
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3, 3))

        def forward(self, model, images, tokens, caption_ids):
            return Contrastive()(model, images, tokens, caption_ids) + self.scale.square().sum()

    head, model = Head(), fresh(vit_config)
    before = copy(model)
    run(model, tok, pairs, objective=head)
    assert (head.scale < 1).all()
    assert not same(copy(model), before)


class Broken(nn.Module):
    """The paper's objective, until the third step."""

    def __init__(self, value):
        super().__init__()
        self.value, self.calls = value, 0

    def forward(self, model, images, tokens, caption_ids):
        self.calls += 1
        loss = Contrastive()(model, images, tokens, caption_ids)
        return loss if self.calls < 3 else loss * self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_refused_before_the_step(config, tok, pairs, value):
    model, parameters = fresh(config), None
    with pytest.raises(FloatingPointError, match="at step 2, the loss is .*; no parameter of any group holds NaN"):
        for _ in cm.train(model, tok, pairs, CONFIG, objective=Broken(value)):
            parameters = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert same(parameters, dict(model.named_parameters()))


def test_nan_weights_are_refused_at_once(vit_config, tok, pairs):
    model = fresh(vit_config)
    model.visual.conv1.weight.data[0, 0, 0, 0] = math.nan
    known = "at step 0, row 0 of the image features holds NaN.*model.visual.conv1.weight, of the group with weight decay 0.2,"
    with pytest.raises(FloatingPointError, match=known):
        run(model, tok, pairs)
    assert model.text.ln_final.weight.isfinite().all()


class Steep(nn.Module):
    """A loss that is a number, with a slope that is none."""

    def forward(self, model, images, tokens, caption_ids):
        return Contrastive()(model, images, tokens, caption_ids) + (0 * model.logit_scale).sqrt()


def test_a_gradient_that_is_no_number_is_refused_before_the_step(config, tok, pairs):
    model = fresh(config)
    before = copy(model)
    known = "at step 0, the gradient's length is nan; the gradient of model.logit_scale, of the group with weight decay 0,"
    with pytest.raises(FloatingPointError, match=known):
        run(model, tok, pairs, dataclasses.replace(CONFIG, batch_norm="frozen"), objective=Steep())
    assert same(copy(model), before)


class Greedy(Contrastive):
    """Wants a petabyte."""

    def loss(self, model, rows, batch):
        return torch.empty(2**50)


@pytest.mark.parametrize("settings, advice", [
    ({}, "set chunk_size to 3 .now the whole batch.: the gradient stays the same"),
    ({"chunk_size": 3}, "set chunk_size to 1 .now 3."),
    ({"chunk_size": 1}, "set recompute"),
    ({"chunk_size": 1, "recompute": True}, "choose a smaller batch_size or model"),
    ({"chunk_size": 1, "compile": True}, "choose a smaller batch_size or model"),
])
def test_a_lack_of_memory_names_the_setting_that_saves_some(vit_config, tok, pairs, settings, advice):
    with pytest.raises(MemoryError, match=f"at step 0, there is not enough memory for 6 pairs; {advice}"):
        run(fresh(vit_config), tok, pairs, dataclasses.replace(SIX, **settings), objective=Greedy())


class Whole(nn.Module):
    """An objective in one piece that wants a petabyte."""

    def forward(self, model, images, tokens, caption_ids):
        return torch.empty(2**50)


def test_what_cannot_be_had_is_not_advised(vit_config, resnet_config, tok, pairs):
    with pytest.raises(MemoryError, match="for 6 pairs; set recompute"):
        run(fresh(vit_config), tok, pairs, SIX, objective=Whole())
    with pytest.raises(MemoryError, match="set chunk_size to 3 .now the whole batch.: batch norm will see the chunk"):
        run(fresh(resnet_config), tok, pairs, SIX, objective=Greedy())


def test_an_objective_without_parts_is_no_missing_one(vit_config, tok, pairs):
    class Mine(nn.ModuleDict):
        def forward(self, model, images, tokens, caption_ids):
            return model.logit_scale * 0

    assert [log.loss for log in run(fresh(vit_config), tok, pairs, objective=Mine())] == [0, 0, 0]


def test_other_failures_are_left_as_they_are(vit_config, tok, pairs):
    class Wrong(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            return torch.ones(2) @ torch.ones(3)

    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        run(fresh(vit_config), tok, pairs, objective=Wrong())


def test_what_does_not_fit_is_refused_at_the_call(vit_config, tok, pairs):
    model = fresh(vit_config)
    with pytest.raises(ValueError, match="a batch of 24 needs as many pairs; patterns has 23"):
        cm.train(model, tok, pairs, dataclasses.replace(CONFIG, batch_size=24))
    with pytest.raises(ValueError, match="patterns has no captions"):
        cm.train(model, tok, pairs.without_captions(), CONFIG)
    with pytest.raises(ValueError, match="unknown augmentation 'strong'; choose from: none, crop"):
        cm.train(model, tok, pairs, dataclasses.replace(CONFIG, augment="strong"))
    with pytest.raises(ValueError, match="the model reads 519 token ids"):
        cm.train(model, cm.Tokenizer.train(["ab"], 515), pairs, CONFIG)
    with pytest.raises(ValueError, match="expected fp32 weights"):
        cm.train(fresh(vit_config).half(), tok, pairs, CONFIG)


def test_configurations_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="batch_size must be at least 2, got 1"):
        cm.TrainConfig(batch_size=1)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        cm.TrainConfig(steps=0)
    with pytest.raises(ValueError, match="warmup must not be negative"):
        cm.TrainConfig(warmup=-1)
    with pytest.raises(ValueError, match="lr must be positive"):
        cm.TrainConfig(lr=0)
    with pytest.raises(ValueError, match="lr must be positive"):
        cm.TrainConfig(lr=math.nan)
    with pytest.raises(ValueError, match="unknown precision 'fp8'; choose from: auto, fp32, bf16, fp16"):
        cm.TrainConfig(precision="fp8")
    with pytest.raises(ValueError, match="checkpoint_every must be at least 1, got 0"):
        cm.TrainConfig(checkpoint_every=0)
    with pytest.raises(ValueError, match="must not be negative, got -1.0 and 0"):
        cm.TrainConfig(checkpoint_minutes=-1.0)
    with pytest.raises(ValueError, match="must not be negative, got 0.0 and -3"):
        cm.TrainConfig(chunk_size=-3)
    for chunk_size in (5, 24):
        with pytest.raises(ValueError, match=f"into equal chunks of {chunk_size}; choose from: 1, 2, 3, 4, 6, 12$"):
            cm.TrainConfig(batch_size=12, chunk_size=chunk_size)
    with pytest.raises(ValueError, match="unknown batch_norm 'synchronised'; choose from: batch, frozen"):
        cm.TrainConfig(batch_norm="synchronised")
    for change in ({"eps": 0}, {"eps": math.nan}, {"weight_decay": -1}, {"beta1": 1.0}, {"beta2": math.nan}):
        with pytest.raises(ValueError, match="eps must be positive, weight_decay not negative, beta1 and beta2 at least 0"):
            cm.TrainConfig(**change)
    for change in ({"steps": 2.5}, {"batch_size": 7.0}, {"seed": 1.5}, {"seed": None}):
        with pytest.raises(ValueError, match="must be a whole number, got"):
            cm.TrainConfig(**change)
    with pytest.raises(ValueError, match="eps must be a number, got '1'"):
        cm.TrainConfig(eps="1")
    with pytest.raises(ValueError, match="lr must be positive and finite"):
        cm.TrainConfig(lr=math.inf)
    with pytest.raises(ValueError, match="seed must be a whole number of at most 64 bits, got 1180591620717411303424"):
        cm.TrainConfig(seed=2**70)
    with pytest.raises(ValueError, match="compile and recompute do not go together"):
        cm.TrainConfig(compile=True, recompute=True)


def test_devices_and_precisions():
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="no device 'tpu' here; choose from: auto"):
        pick_device("tpu")
    with pytest.raises(ValueError, match="fp16 needs a CUDA device"):
        mixed_precision("fp16", torch.device("cpu"))
    autocast, scaler = mixed_precision("auto", torch.device("cpu"))
    with autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not scaler.is_enabled()


def test_what_the_machine_lacks_is_refused_at_the_call(config, tok, pairs):
    model = fresh(config)
    for change, message in (({"device": "tpu"}, "no device 'tpu'"), ({"precision": "fp16"}, "fp16 needs a CUDA device")):
        with pytest.raises(ValueError, match=message):
            cm.train(model, tok, pairs, dataclasses.replace(CONFIG, **change))


def test_bf16_on_the_cpu_keeps_fp32_weights(config, tok, pairs):
    model = fresh(config)
    logs = run(model, tok, pairs, dataclasses.replace(CONFIG, precision="bf16"))
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(math.isfinite(log.loss) for log in logs)


def test_an_objective_in_one_piece_trains_whole_batches_only(vit_config, tok, pairs):
    class Half(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            return Contrastive()(model, images, tokens, caption_ids) / 2

    one, two = fresh(vit_config), fresh(vit_config)
    losses, halves = ([log.loss for log in run(m, tok, pairs, objective=o)] for m, o in ((one, None), (two, Half())))
    assert halves[0] == losses[0] / 2
    with pytest.raises(ValueError, match="chunk_size needs an objective .*; Half does all at once"):
        cm.train(one, tok, pairs, dataclasses.replace(SIX, chunk_size=3), Half())


def test_which_pairs_match_is_the_objectives_choice(vit_config, tok, pairs):
    with pytest.raises(ValueError, match="unknown kind of matches 'words'; choose from: identity, captions"):
        Contrastive("words")
    settings = dataclasses.replace(CONFIG, batch_size=23, steps=1)
    by = {how: run(fresh(vit_config), tok, pairs, settings, Contrastive(how))[0].loss for how in ("captions", "identity")}
    assert by["captions"] == pytest.approx(by["identity"], abs=1e-6)  # equal captions have equal features: chapter 3
    ids = torch.tensor([0, 0, 1])
    features = torch.tensor([[1.0, 0], [0, 1], [1, 1]]), torch.tensor([[1.0, 0], [0, 1], [-1, 1]])
    batch = Batch(pixels=torch.zeros(3, 1, 1, 1), tokens=torch.zeros(3, 1).long(), caption_ids=ids)
    model = fresh(vit_config)
    one, two = (Contrastive(how).loss(model, features, batch).item() for how in ("captions", "identity"))
    assert one > two + 0.1


@pytest.mark.parametrize("saving", [{"chunk_size": 3}, {"recompute": True}, {"chunk_size": 2, "recompute": True}],
                         ids=lambda saving: " ".join(saving))
def test_what_saves_memory_trains_alike(config, tok, pairs, saving):
    plain, thrifty = fresh(config), fresh(config)
    settings = dataclasses.replace(SIX, batch_norm="frozen", eps=1e-3)  # Adam divides; next to nothing must stay nothing
    logs = run(plain, tok, pairs, settings)
    others = run(thrifty, tok, pairs, dataclasses.replace(settings, **saving))
    for log, other in zip(logs, others, strict=True):
        assert other.loss == pytest.approx(log.loss, rel=1e-5)
        assert other.gradient_norm == pytest.approx(log.gradient_norm, rel=1e-4)
    for name, value in copy(plain).items():
        torch.testing.assert_close(thrifty.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_looking_at_the_model_between_chunked_steps_changes_nothing(config, tok, pairs):
    settings = dataclasses.replace(SIX, chunk_size=3, augment="crop", batch_norm="frozen")
    one, two = fresh(config), fresh(config)
    for _ in cm.train(one, tok, pairs, settings):
        assert len(cm.embed(one, tok, pairs).image) == len(pairs)
    run(two, tok, pairs, settings)
    assert same(copy(one), copy(two))


@pytest.mark.parametrize("saving", [{}, {"chunk_size": 3}], ids=str)
def test_compiled_towers_train_alike(config, tok, pairs, saving, monkeypatch):
    compiled, real = [], torch.compile

    def traced(function, *args, **kwargs):
        compiled.append(function.__self__)
        return real(function, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", traced)
    settings = dataclasses.replace(SIX, batch_norm="frozen", **saving)
    one, two = fresh(config), fresh(config)
    logs = run(one, tok, pairs, settings)
    others = run(two, tok, pairs, dataclasses.replace(settings, compile=True))
    assert compiled == [two.visual, two.text]
    assert [log.loss for log in others] == pytest.approx([log.loss for log in logs], rel=1e-4)
    assert two.state_dict().keys() == one.state_dict().keys()


def test_frozen_statistics_stay(resnet_config, tok, pairs):
    model = fresh(resnet_config)
    before = {name: value.clone() for name, value in model.named_buffers()}
    gain = model.visual.bn1.weight.clone()
    run(model, tok, pairs, dataclasses.replace(CONFIG, batch_norm="frozen"))
    assert same(before, dict(model.named_buffers())) and not torch.equal(gain, model.visual.bn1.weight)


def test_the_gradients_length_is_logged(vit_config, tok, pairs):
    class Known(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            return 3 * model.logit_scale + 4 * model.visual.class_embedding[0]

    assert run(fresh(vit_config), tok, pairs, objective=Known())[0].gradient_norm == pytest.approx(5)


def test_a_run_leaves_its_configuration_log_and_checkpoint(vit_config, tok, pairs, tmp_path):
    model, folder = fresh(vit_config), tmp_path / "deep" / "run"
    logs = run(model, tok, pairs, run_dir=folder)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert lines == [dataclasses.asdict(log) for log in logs]
    stored = json.loads((folder / "config.json").read_text())
    assert cm.CLIPConfig.from_dict(stored["model"]) == vit_config
    assert cm.TrainConfig(**stored["train"]) == CONFIG
    loaded, tokenizer = cm.weights.load(folder / "checkpoint.safetensors")
    assert same(copy(loaded), copy(model)) and tokenizer.hash == tok.hash


def test_checkpoints_come_as_often_as_asked(vit_config, tok, pairs, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(runs, "save", lambda model, path, tokenizer: saved.append(path.name))
    run(fresh(vit_config), tok, pairs, dataclasses.replace(CONFIG, steps=5, checkpoint_every=2), run_dir=tmp_path)
    assert len(saved) == 3  # after steps 2 and 4, and at the end


def test_the_log_is_on_disk_while_the_run_goes_on(vit_config, tok, pairs, tmp_path):
    for done, _ in enumerate(cm.train(fresh(vit_config), tok, pairs, CONFIG, run_dir=tmp_path), start=1):
        assert len((tmp_path / "log.jsonl").read_text().splitlines()) == done


def test_a_folder_that_holds_a_run_is_refused(vit_config, tok, pairs, tmp_path):
    run(fresh(vit_config), tok, pairs, run_dir=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="already holds a run"):
        run(fresh(vit_config), tok, pairs, run_dir=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written_to(vit_config, tok, pairs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write to"):
        run(fresh(vit_config), tok, pairs, run_dir=tmp_path / "file" / "run")


def test_a_full_disk_keeps_the_last_checkpoint(vit_config, tok, pairs, tmp_path, monkeypatch):
    model, path = fresh(vit_config), tmp_path / "checkpoint.safetensors"
    steps = cm.train(model, tok, pairs, dataclasses.replace(CONFIG, checkpoint_every=1), run_dir=tmp_path)
    next(steps)
    whole, first = path.read_bytes(), copy(model)

    def full(tensors, partial, metadata):
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensors, "save_file", full)
    with pytest.raises(ValueError, match="could not save.*No space left"):
        next(steps)
    assert path.read_bytes() == whole
    assert same(copy(cm.weights.load(path)[0]), first)


def test_stopping_early_closes_the_log(vit_config, tok, pairs, tmp_path):
    steps = cm.train(fresh(vit_config), tok, pairs, CONFIG, run_dir=tmp_path)
    next(steps)
    steps.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
