"""Both towers together, and the rules by which weights start."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

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


def test_images_of_another_kind_are_refused(model, batch):
    images = batch[0]
    with pytest.raises(ValueError, match=r"images as a tensor \(N, 3, 16, 16\), got ndarray: pass torch.as_tensor\(array\)"):
        model.encode_image(images.numpy())
    with pytest.raises(ValueError, match=r"got list: .*torch.stack\(list\) of preprocessed pictures"):
        model.encode_image(list(images))
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        with pytest.raises(ValueError, match=rf"as the weights are, got {dtype}: pass images.to\(torch.float32\)"):
            model.encode_image(images.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.encode_image(images.bfloat16()).shape == (7, 19)  # which casts
        with pytest.raises(ValueError, match="got torch.float64"):
            model.encode_image(images.double())  # but not this


def test_no_images_and_no_texts_have_no_features(model, batch):
    images, tokens = batch
    for project in (True, False):
        width = model.encode_image(images, project).shape[1]
        assert model.eval().encode_image(images[:0], project).shape == (0, width)
        assert model.encode_text(tokens[:0], project).shape == (0, 19 if project else 15)
    assert model(images, tokens[:0])[0].shape == (7, 0)


def test_tokens_that_are_no_tokens_are_refused(model, batch):
    with pytest.raises(ValueError, match="expected tokens as a tensor .N, L., got list: call the tokenizer on texts"):
        model.encode_text(batch[1].tolist())
    with pytest.raises(ValueError, match="int64 or int32, of shape .N, L., got torch.int16"):
        model.encode_text(batch[1].short())
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
    with pytest.raises(ValueError, match="a width of 15 can ?not be split into 2 heads"):
        cm.TextConfig(context_length=13, vocab_size=519, width=15, layers=1, heads=2)
    with pytest.raises(ValueError, match="TextConfig.layers must be positive"):
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


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_models_compare_in_fp32(model, batch, autocast):
    images, tokens = batch
    model.eval()
    if not autocast:
        model.bfloat16()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        x = images if autocast else images.bfloat16()
        image, text = (F.normalize(y.float(), dim=1) for y in (model.encode_image(x), model.encode_text(tokens)))
        logits, probs = model(x, tokens)[0], model.probs(x, tokens)
    expected = model.logit_scale.detach().float().exp() * image @ text.T
    assert logits.dtype == probs.dtype == torch.float32
    assert torch.equal(logits, expected) and torch.equal(probs, expected.softmax(dim=1))


def test_double_precision_models_compare_in_double(model, batch):
    assert model.double()(batch[0].double(), batch[1])[0].dtype == torch.float64


# ---------------------------------------------------------------- exported, and mapped over models


class Probabilities(nn.Module):
    """Both towers as one module, as torch.export wants it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images, tokens):
        return self.model.probs(images, tokens)


def test_an_exported_model_takes_batches_of_any_size(model, batch):
    images, tokens = batch
    sizes = tuple({0: torch.export.Dim(name, min=1, max=99)} for name in ("images", "texts"))
    exported = torch.export.export(Probabilities(model.eval()), batch, dynamic_shapes=sizes, strict=False).module()
    for n, m in ((1, 3), (3, 1), (7, 5)):
        torch.testing.assert_close(exported(images[:n], tokens[:m]), model.probs(images[:n], tokens[:m]), atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_models_that_are_stacked_answer_as_each_alone(config, batch, randomise):
    """Logits and gradients of an ensemble by vmap over its weights."""
    models = [randomise(cm.CLIP(config)).eval() for _ in range(3)]
    weights, statistics = stack_module_state(models)
    images, tokens = batch

    def loss(weights, statistics, images, tokens):
        per_image, _ = functional_call(models[0], (weights, statistics), (images, tokens))
        return per_image.logsumexp(dim=1).mean()

    together = vmap(grad(loss), in_dims=(0, 0, None, None))(weights, statistics, images, tokens)
    for i, model in enumerate(models):
        alone = grad(loss)(dict(model.named_parameters()), dict(model.named_buffers()), images, tokens)
        for name, value in alone.items():
            torch.testing.assert_close(together[name][i], value, atol=1e-4, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_batches_of_batches_are_encoded_as_each_alone(model, batch):
    images, tokens = batch
    model.eval()
    several, captions = torch.stack([images, images.flip(0)]), torch.stack([tokens, tokens.flip(0)])
    for encode, inputs in ((model.encode_image, several), (model.encode_text, captions)):
        expected = torch.stack([encode(x) for x in inputs])
        torch.testing.assert_close(vmap(encode)(inputs), expected, atol=1e-5, rtol=1e-4)
