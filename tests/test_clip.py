"""Both towers together, and the rules by which weights start."""

import json
import math

import pytest
import torch

import clipmini as cm

RELEASED = {
    "RN50": 102_007_137,
    "RN101": 119_688_033,
    "RN50x4": 178_300_601,
    "RN50x16": 290_979_217,
    "RN50x64": 623_258_305,
    "ViT-B/32": 151_277_313,
    "ViT-B/16": 149_620_737,
    "ViT-L/14": 427_616_513,
    "ViT-L/14@336px": 427_944_193,
}


@pytest.mark.parametrize(("name", "count"), RELEASED.items())
def test_released_presets_have_the_released_number_of_parameters(name, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in cm.CLIP.from_preset(name).parameters()) == count


@pytest.mark.parametrize(("name", "tensors"), [("ViT-B/32", 302), ("RN50", 489)])
def test_released_presets_have_the_released_number_of_tensors(name, tensors):
    with torch.device("meta"):
        assert len(cm.CLIP.from_preset(name).state_dict()) == tensors


def test_logits_are_scaled_cosines(model, batch, randomise):
    randomise(model).eval()
    images, tokens = batch
    image, text = model.encode_image(images), model.encode_text(tokens[:5])
    per_image, per_text = model(images, tokens[:5])
    assert per_image.shape == (7, 5) and per_text.shape == (5, 7)
    for i in range(7):
        for j in range(5):
            cosine = (image[i] @ text[j]) / (image[i].norm() * text[j].norm())
            torch.testing.assert_close(per_image[i, j], model.logit_scale.exp() * cosine, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(per_text, per_image.T)


def test_probabilities_are_over_the_texts(model, batch):
    images, tokens = batch
    probs = model.eval().probs(images, tokens[:5])
    torch.testing.assert_close(probs.sum(dim=1), torch.ones(7))
    torch.testing.assert_close(probs, model(images, tokens[:5])[0].softmax(dim=1))


def test_features_before_the_projection(model, batch, randomise):
    randomise(model).eval()
    images, tokens = batch
    torch.testing.assert_close(
        model.encode_text(tokens, project=False) @ model.text.text_projection, model.encode_text(tokens)
    )
    assert model.encode_image(images, project=False).shape == (7, 22 if hasattr(model.visual, "proj") else 32)


def test_the_scale_starts_at_one_over_the_papers_temperature(model):
    assert model.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert model.logit_scale.exp().item() == pytest.approx(14.2857, abs=1e-4)
    assert model.logit_scale.shape == ()


def text_stds(width, layers):
    """The released code's standard deviations, by the end of the parameter's name."""
    stds = {"text.token_embedding.weight": 0.02, "text.positional_embedding": 0.01, "text.text_projection": width**-0.5}
    for i in range(layers):
        block = f"text.transformer.resblocks.{i}."
        stds[block + "attn.in_proj_weight"] = width**-0.5
        stds[block + "attn.out_proj.weight"] = width**-0.5 * (2 * layers) ** -0.5
        stds[block + "mlp.c_fc.weight"] = (2 * width) ** -0.5
        stds[block + "mlp.c_proj.weight"] = width**-0.5 * (2 * layers) ** -0.5
    return stds


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_initialisation_follows_the_released_code(family):
    torch.manual_seed(0)
    model = cm.CLIP.from_preset(f"mini-{family}")
    stds = text_stds(width=64, layers=2)
    if family == "vit":
        width = model.config.vision.width
        stds |= {f"visual.{name}": width**-0.5 for name in ("class_embedding", "positional_embedding", "proj")}
        stds["visual.conv1.weight"] = (3 * 8 * 8) ** -0.5 / 3**0.5  # PyTorch's default: uniform in +-1/sqrt(fan in)
        stds["visual.transformer.resblocks.0.mlp.c_fc.weight"] = width**-0.5 / 3**0.5
        stds["visual.transformer.resblocks.0.attn.in_proj_weight"] = (2 / (width + 3 * width)) ** 0.5  # Xavier
    else:
        stds |= {f"visual.attnpool.{p}_proj.weight": 128**-0.5 for p in "qkvc"}
        stds["visual.attnpool.positional_embedding"] = 128**-0.5
    parameters = dict(model.named_parameters())
    for name, std in stds.items():
        spread = 4 / (2 * parameters[name].numel()) ** 0.5  # four standard errors of a standard deviation
        assert parameters[name].std().item() == pytest.approx(std, rel=spread), name


def test_biases_start_at_zero_and_gains_at_one():
    parameters = dict(cm.CLIP.from_preset("mini-vit").named_parameters())
    assert not any(p.any() for name, p in parameters.items() if name.endswith(("in_proj_bias", "out_proj.bias")))
    assert all((p == 1).all() for name, p in parameters.items() if ".ln_" in name and name.endswith("weight"))


def test_unknown_preset_lists_the_choices():
    with pytest.raises(ValueError, match="unknown preset 'ViT-B-32'; choose from:.*ViT-B/32"):
        cm.CLIP.from_preset("ViT-B-32")


def test_images_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"expected images of shape \(N, 3, 16, 16\), got \(7, 3, 16, 17\)"):
        model.encode_image(torch.zeros(7, 3, 16, 17))
    with pytest.raises(ValueError, match="expected images of shape"):
        model.encode_image(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match="expected images of shape"):
        model.encode_image(torch.zeros(7, 1, 16, 16))


def test_images_of_integers_are_refused(model):
    with pytest.raises(ValueError, match="expected floating-point images, got torch.uint8"):
        model.encode_image(torch.zeros(7, 3, 16, 16, dtype=torch.uint8))


def test_tokens_that_are_no_tokens_are_refused(model, batch):
    with pytest.raises(ValueError, match="expected integer tokens"):
        model.encode_text(batch[1].float())
    with pytest.raises(ValueError, match="expected integer tokens"):
        model.encode_text(batch[1][0])


def test_configuration_survives_json(config):


    assert cm.CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", cm.PRESETS)
def test_presets_survive_json(name):
    assert cm.CLIPConfig.from_dict(cm.PRESETS[name].to_dict()) == cm.PRESETS[name]


def test_configurations_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="a width of 15 cannot be split into 2 heads"):
        cm.TextConfig(context_length=13, vocab_size=519, width=15, layers=1, heads=2)
    with pytest.raises(ValueError, match="TextConfig.layers must be positive and whole"):
        cm.TextConfig(context_length=13, vocab_size=519, width=15, layers=0)
    with pytest.raises(ValueError, match="not a CLIP configuration"):
        cm.CLIPConfig.from_dict({"embed_dim": 3})


def test_half_precision_is_refused_on_a_cpu(model, batch):
    images, tokens = batch
    before = model.eval()(images, tokens)[0]
    model.half()
    for answer in (lambda: model.encode_image(images.half()), lambda: model.encode_text(tokens), lambda: model(images, tokens)):
        with pytest.raises(ValueError, match=r"the weights are torch.float16 on a CPU.*call model.float\(\) first"):
            answer()
    torch.testing.assert_close(model.float()(images, tokens)[0], before, atol=0.1, rtol=0)
