"""Whole models against open_clip, an independent implementation: outputs and the gradient of every parameter."""

import dataclasses

import open_clip
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import clipmini as cm
from clipmini.models.inspect import attention_maps, pooling_map
from tests.peers import LOGITS, logits, too_far

HEAD_WIDTH = {"vit": 11, "resnet": 32}


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
def ours(four_stages, randomise, sharpen):
    torch.manual_seed(0)
    return sharpen(randomise(cm.CLIP(four_stages)))


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


def test_attention_is_far_from_even(ours, examples, family):
    """Of the positions that it may choose from, the best has most of the weight, in every block and the pool."""
    images, tokens = examples
    maps = [m[:, :, -1] for m in attention_maps(ours.text, tokens)]
    maps += [pooling_map(ours.visual, images)] if family == "resnet" else attention_maps(ours.visual, images)
    assert all(m.amax(dim=-1).mean() > 0.45 for m in maps)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_logits_are_open_clips(ours, make_theirs, examples, mode, relative_error):
    theirs = make_theirs()
    ours.train(mode == "train"), theirs.train(mode == "train")
    assert relative_error(logits(ours, *examples), logits(theirs, *examples)) < LOGITS


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_every_gradient_is_open_clips(ours, make_theirs, examples, mode, relative_error):
    theirs = make_theirs().train(mode == "train")
    assert too_far(ours.train(mode == "train"), theirs, examples, relative_error) == {}


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_in_double_precision_nothing_differs(ours, make_theirs, examples, mode, relative_error):
    """Such as the small number in a normalisation, which fp32 cannot tell from rounding."""
    theirs = make_theirs().double().train(mode == "train")
    images, tokens = examples
    assert too_far(ours.double().train(mode == "train"), theirs, (images.double(), tokens), relative_error, 1e-10) == {}


def test_running_statistics_are_open_clips(ours, make_theirs, examples, family, relative_error):
    theirs = make_theirs()
    logits(ours.train(), *examples), logits(theirs.train(), *examples)
    buffers = {key: value.float() for key, value in ours.visual.named_buffers()}
    assert bool(buffers) == (family == "resnet")
    for key, value in theirs.visual.named_buffers():
        assert relative_error(buffers[key], value.float()) < LOGITS, key


def test_control_gelu_is_another_function(ours, make_theirs, examples, relative_error):
    assert relative_error(logits(ours.eval(), *examples), logits(make_theirs(False).eval(), *examples)) > 100 * LOGITS


def test_control_no_mask_is_another_function(ours, make_theirs, examples, relative_error):
    theirs = make_theirs(no_causal_mask=True).eval()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 100 * LOGITS


@pytest.mark.parametrize("heads", [1, 5])
def test_control_other_heads_are_another_function(ours, make_theirs, examples, relative_error, heads):
    theirs = make_theirs(heads=heads).eval()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 100 * LOGITS


@pytest.mark.parametrize("family", ["vit"], indirect=True)
def test_control_no_ln_pre_is_another_function(ours, make_theirs, examples, relative_error):
    theirs = make_theirs().eval()
    theirs.visual.ln_pre = nn.Identity()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 100 * LOGITS


@pytest.mark.parametrize("family", ["vit"], indirect=True)
def test_control_swapped_projections_are_another_function(ours, make_theirs, examples, relative_error):
    """Only where both towers are equally wide do the shapes not tell."""
    ours.text = type(ours.text)(dataclasses.replace(ours.config.text, width=22, heads=2), 19)
    ours.config = dataclasses.replace(ours.config, text=dataclasses.replace(ours.config.text, width=22, heads=2))
    theirs = make_theirs().eval()
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) < LOGITS
    theirs.visual.proj, theirs.text_projection = theirs.text_projection, theirs.visual.proj
    assert relative_error(logits(ours, *examples), logits(theirs, *examples)) > 100 * LOGITS


def test_control_a_wrong_bias_is_seen(ours, make_theirs, examples, relative_error):
    theirs = make_theirs().eval()
    nn.init.zeros_(theirs.transformer.resblocks[1].attn.in_proj_bias)
    assert relative_error(logits(ours.eval(), *examples), logits(theirs, *examples)) > 100 * LOGITS


def test_loss_is_open_clips(ours, make_theirs, examples, relative_error):
    images, tokens = examples
    theirs, ours = make_theirs().eval(), ours.eval()
    image, text, scale = theirs.encode_image(images), theirs.encode_text(tokens), theirs.logit_scale.exp()
    expected = open_clip.ClipLoss()(F.normalize(image, dim=-1), F.normalize(text, dim=-1), scale)
    loss = cm.clip_loss(ours.encode_image(images), ours.encode_text(tokens), ours.logit_scale.exp())
    assert relative_error(loss, expected) < LOGITS
