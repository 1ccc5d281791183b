"""Written by us, read by open_clip and transformers from a folder: the same logits, the same gradient of every parameter."""

import dataclasses
import json

import open_clip
import pytest
import torch
from PIL import Image
from transformers import CLIPModel

import clipmini as cm
from clipmini.datasets.transforms import preprocess
from tests.peers import LOGITS, logits, too_far


@pytest.fixture
def configs(vit_config):
    """open_clip builds ResNets of four stages only: 64 px make 2 x 2 positions."""
    resnet = cm.ResNetConfig(resolution=64, layers=(1, 2, 1, 1), width=4, heads=2)
    return {"vit": vit_config, "resnet": dataclasses.replace(vit_config, vision=resnet)}


@pytest.fixture(params=["vit", "resnet"])
def ours(request, configs, randomise, sharpen):
    torch.manual_seed(0)
    return sharpen(randomise(cm.CLIP(configs[request.param]))).eval()


@pytest.fixture
def vit(configs, randomise, sharpen):
    torch.manual_seed(0)
    return sharpen(randomise(cm.CLIP(configs["vit"]))).eval()


@pytest.fixture
def examples(tok):
    """Of a model: images of its size, and seven texts."""

    def make(model):
        side = model.config.vision.resolution
        images = torch.randn(7, 3, side, side, generator=torch.Generator().manual_seed(5))
        return images, tok(["red", "blue circle", "red square", "a", "square red blue", "circle", "blue"], 13)

    return make


@pytest.fixture
def to_open_clip(tmp_path):
    def export(model):
        cm.weights.to_open_clip(model, tmp_path / "open_clip")
        return open_clip.create_model(f"local-dir:{tmp_path}/open_clip").eval()

    return export


@pytest.fixture
def to_transformers(tmp_path):
    def export(model):
        cm.weights.to_huggingface(model, tmp_path / "transformers")
        return CLIPModel.from_pretrained(tmp_path / "transformers").eval()

    return export


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_open_clip_answers_alike(ours, to_open_clip, examples, relative_error, mode):
    theirs = to_open_clip(ours).train(mode == "train")
    ours.train(mode == "train")
    assert relative_error(logits(ours, *examples(ours)), logits(theirs, *examples(ours))) < LOGITS
    assert too_far(ours, theirs, examples(ours), relative_error) == {}


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_transformers_answers_alike(vit, to_transformers, examples, relative_error, mode):
    theirs = to_transformers(vit).train(mode == "train")
    assert relative_error(logits(vit, *examples(vit)), logits(theirs, *examples(vit))) < LOGITS
    assert too_far(vit, theirs, examples(vit), relative_error) == {}


def test_in_double_precision_nothing_differs(vit, to_open_clip, to_transformers, examples, relative_error):
    images, tokens = examples(vit)
    for export in (to_open_clip, to_transformers):
        theirs = export(vit.float()).double()
        assert too_far(vit.double(), theirs, (images.double(), tokens), relative_error, 1e-10) == {}


def test_after_training_they_still_answer_alike(ours, pairs, tok, to_open_clip, examples, relative_error):
    side = ours.config.vision.resolution // 16
    data = dataclasses.replace(pairs, images=pairs.images.repeat_interleave(side, 2).repeat_interleave(side, 3))
    before = logits(ours, *examples(ours)).detach()
    settings = cm.TrainConfig(steps=3, batch_size=7, warmup=0, augment="none", device="cpu", precision="fp32")
    assert len(list(cm.train(ours, tok, data, settings))) == 3
    after = logits(ours.eval(), *examples(ours))
    assert relative_error(after, before) > 100 * LOGITS
    assert relative_error(after, logits(to_open_clip(ours), *examples(ours))) < LOGITS


def test_control_gelu_is_another_function(ours, to_open_clip, examples, tmp_path, relative_error):
    to_open_clip(ours)
    path = tmp_path / "open_clip" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["quick_gelu"] = False
    path.write_text(json.dumps(config))
    theirs = open_clip.create_model(f"local-dir:{path.parent}").eval()
    assert relative_error(logits(ours, *examples(ours)), logits(theirs, *examples(ours))) > 100 * LOGITS


@pytest.mark.parametrize("change", [{"hidden_act": "gelu"}, {"num_attention_heads": 1}])
@pytest.mark.parametrize("part", ["text_config", "vision_config"])
def test_control_another_configuration_is_seen(vit, to_transformers, examples, tmp_path, relative_error, part, change):
    to_transformers(vit)
    path = tmp_path / "transformers" / "config.json"
    config = json.loads(path.read_text())
    config[part] |= change
    path.write_text(json.dumps(config))
    theirs = CLIPModel.from_pretrained(path.parent).eval()
    assert relative_error(logits(vit, *examples(vit)), logits(theirs, *examples(vit))) > 100 * LOGITS


def test_control_no_ln_pre_is_another_function(vit, to_transformers, examples, relative_error):
    theirs = to_transformers(vit)
    theirs.vision_model.pre_layrnorm = torch.nn.Identity()
    assert relative_error(logits(vit, *examples(vit)), logits(theirs, *examples(vit))) > 100 * LOGITS


def test_open_clip_preprocesses_alike(ours, to_open_clip, tmp_path):
    to_open_clip(ours)
    theirs = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}/open_clip")[2]
    side = ours.config.vision.resolution
    image = Image.effect_noise((3 * side, 2 * side), 90).convert("RGB")
    torch.testing.assert_close(preprocess(image, side), theirs(image), atol=1e-6, rtol=0)


def test_what_has_no_counterpart_is_refused(resnet_config, tmp_path):
    model = cm.CLIP(resnet_config)
    with pytest.raises(ValueError, match="open_clip builds ResNets of four stages, this one has 2"):
        cm.weights.to_open_clip(model, tmp_path)
    with pytest.raises(ValueError, match="has Vision Transformers only, this model has a ResNet: export it to open_clip"):
        cm.weights.to_huggingface(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_written_shares_nothing_with_the_model(vit, to_open_clip, examples):
    theirs = to_open_clip(vit)
    before = logits(theirs, *examples(vit))
    with torch.no_grad():
        for p in vit.parameters():
            p.zero_()
    assert torch.equal(logits(theirs, *examples(vit)), before)
