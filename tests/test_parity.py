"""Whole models against open_clip, an independent implementation: outputs and the gradient of every parameter."""

import dataclasses

import open_clip
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import clipmini as cm

HEAD_WIDTH = {"vit": 11, "resnet": 32}
TOLERANCE = 2e-5


@pytest.fixture(params=["vit", "resnet"])
def family(request):
    return request.param


@pytest.fixture
def four_stages(vit_config, family):
    """open_clip builds ResNets of four stages only: 64 px make 2 x 2 positions."""
    if family == "vit":
        return vit_config
    vision = cm.ResNetConfig(resolution=64, layers=(1, 2, 1, 1), width=4, heads=4)
    return dataclasses.replace(vit_config, vision=vision)


@pytest.fixture
def ours(four_stages, randomise):
    torch.manual_seed(0)
    return randomise(cm.CLIP(four_stages))


@pytest.fixture
def make_theirs(ours, family):
    """open_clip's model with our weights; keyword arguments change its text tower."""

    def make(quick_gelu=True, **text):
        vision = ours.config.vision
        theirs = open_clip.model.CLIP(
            embed_dim=ours.config.embed_dim,
            vision_cfg={
                "image_size": vision.resolution,
                "layers": vision.layers,
                "width": vision.width,
                "head_width": HEAD_WIDTH[family],
                **({"patch_size": vision.patch} if family == "vit" else {}),
            },
            text_cfg={k: v for k, v in dataclasses.asdict(ours.config.text).items()} | text,
            quick_gelu=quick_gelu,
        )
        theirs.load_state_dict({key.removeprefix("text."): value.clone() for key, value in ours.state_dict().items()})
        return theirs

    return make


@pytest.fixture
def examples(ours, tok):
    side = ours.config.vision.resolution
    images = torch.randn(7, 3, side, side, generator=torch.Generator().manual_seed(5))
    texts = ["red", "blue circle", "red square", "a", "square red blue", "circle", "blue"]
    return images, tok(texts, 13)


def logits(model, images, tokens):
    if isinstance(model, cm.CLIP):
        return model(images, tokens)[0]
    return model.get_logits(images, tokens)[0]


def gradients(model, images, tokens):
    """Of a loss that weighs every logit differently; names as open_clip has them."""
    out = logits(model, images, tokens)
    weights = torch.linspace(-1, 2, out.numel()).view_as(out).sin()
    model.zero_grad()
    (out * weights).sum().backward()
    return {name.removeprefix("text."): p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_logits_are_open_clips(ours, make_theirs, examples, mode, relative_error):
    theirs = make_theirs()
    ours.train(mode == "train"), theirs.train(mode == "train")
    assert relative_error(logits(ours, *examples), logits(theirs, *examples)) < TOLERANCE


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_every_gradient_is_open_clips(ours, make_theirs, examples, mode, relative_error):
    theirs = make_theirs().double().train(mode == "train")
    ours.double().train(mode == "train")
    images, tokens = examples
    mine, yours = gradients(ours, images.double(), tokens), gradients(theirs, images.double(), tokens)
    assert mine.keys() == yours.keys()
    # A shift of all keys changes no softmax: the gradient of a key's bias is rounding error around 0, on both sides.
    for name in mine:
        if name.endswith("k_proj.bias"):
            assert mine[name].abs().max() < 1e-9 and yours.pop(name).abs().max() < 1e-9
    errors = {name: relative_error(mine[name], yours[name]) for name in yours}
    assert {name: error for name, error in errors.items() if error > TOLERANCE} == {}


def test_running_statistics_are_open_clips(ours, make_theirs, examples, family, relative_error):
    theirs = make_theirs()
    logits(ours.train(), *examples), logits(theirs.train(), *examples)
    buffers = {key: value.float() for key, value in ours.visual.named_buffers()}
    assert bool(buffers) == (family == "resnet")
    for key, value in theirs.visual.named_buffers():
        assert relative_error(buffers[key], value.float()) < TOLERANCE, key


def test_control_gelu_is_another_function(ours, make_theirs, examples, relative_error):
    assert relative_error(logits(ours.eval(), *examples), logits(make_theirs(False).eval(), *examples)) > 20 * TOLERANCE


def test_control_no_mask_is_another_function(ours, make_theirs, examples, relative_error):
    theirs = make_theirs(no_causal_mask=True).eval()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 20 * TOLERANCE


@pytest.mark.parametrize("heads", [1, 5])
def test_control_other_heads_are_another_function(ours, make_theirs, examples, relative_error, heads):
    theirs = make_theirs(heads=heads).eval()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 20 * TOLERANCE


def test_control_a_wrong_bias_is_seen(ours, make_theirs, examples, relative_error):
    theirs = make_theirs().eval()
    nn.init.zeros_(theirs.transformer.resblocks[1].attn.in_proj_bias)
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 20 * TOLERANCE


def test_loss_is_open_clips(ours, make_theirs, examples, relative_error):
    images, tokens = examples
    theirs, ours = make_theirs().eval(), ours.eval()
    image, text, scale = theirs.encode_image(images), theirs.encode_text(tokens), theirs.logit_scale.exp()
    expected = open_clip.ClipLoss()(F.normalize(image, dim=-1), F.normalize(text, dim=-1), scale)
    loss = cm.clip_loss(ours.encode_image(images), ours.encode_text(tokens), ours.logit_scale.exp())
    assert relative_error(loss, expected) < TOLERANCE
