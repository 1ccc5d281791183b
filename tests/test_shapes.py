"""Every annotated shape holds, as checked by beartype, from images and texts to a score; and a swapped axis is caught."""

import jaxtyping
import pytest
import torch


@pytest.fixture(params=["vit", "resnet"])
def parts(request, checked):
    """A tiny model and its tokenizer, of the checked copy of the library."""
    torch.manual_seed(0)
    tok = checked.Tokenizer.train(["red red red circle", "blue blue circle", "red square"], vocab_size=519)
    vision = {
        "vit": checked.ViTConfig(resolution=16, patch=4, width=22, layers=2, heads=2),
        "resnet": checked.ResNetConfig(resolution=16, layers=(1, 2), width=4, heads=2),
    }[request.param]
    text = checked.TextConfig(context_length=13, vocab_size=519, width=15, layers=2, heads=3)
    return checked.CLIP(checked.CLIPConfig(embed_dim=19, vision=vision, text=text)), tok


def test_from_training_to_a_score(checked, parts, pairs, tmp_path):
    model, tok = parts
    labels = torch.arange(23) % 5
    classes = ["red", "blue", "circle", "square", "a"]
    data = checked.datasets.Pairs(
        name="p", split="train", images=pairs.images, captions=pairs.captions, labels=labels, classes=classes
    )
    for augment in checked.datasets.augmentation.AUGMENTATIONS:
        config = checked.TrainConfig(steps=2, batch_size=7, device="cpu", augment=augment)
        assert len(list(checked.train(model, tok, data, config, run_dir=tmp_path / augment))) == 2
    model, tok, _ = checked.load(tmp_path / "none" / "checkpoint.safetensors")
    features = checked.embed(model, tok, data)
    checked.embed(model, tok, data.subset(torch.arange(3)), project=False)
    scores = features.image @ checked.zeroshot_classifier(model, tok, classes, ["{}", "a {}"]).T
    low, high = checked.metrics.wilson_interval(checked.metrics.top_k(scores, labels, 2), 23)
    assert 0 <= low < high <= 1
    checked.metrics.recall_at_k(scores, labels[:, None], 1)
    checked.metrics.mean_per_class(scores.argmax(dim=1), labels)
    assert checked.baselines.nearest_neighbour_scores(data.images, labels, 5, data.images[:3]).shape == (3, 5)
    checked.baselines.crop_to_ink(data.images)
    model.probs(checked.transforms.normalize(data.images[:3]), tok(classes, 13))


def test_digits_and_losses(checked):
    checked.datasets.digits.load("dev")
    checked.datasets.scenes.generate(checked.datasets.scenes.REFERENCE, 3)
    checked.datasets.scenes.TaskSplits("green or teal").load("val")
    image, text = torch.randn(7, 5), torch.randn(7, 5)
    checked.clip_loss(image, text, 3.0)
    checked.clip_loss(image, text, torch.tensor(3.0), targets=torch.arange(7))


def test_a_swapped_axis_is_caught(checked):
    with pytest.raises(jaxtyping.TypeCheckError):
        checked.clip_loss(torch.randn(7, 5), torch.randn(5, 7), 3.0)
    with pytest.raises(jaxtyping.TypeCheckError):
        checked.metrics.top_k(torch.randn(5, 7), torch.arange(7), 1)
    with pytest.raises(ValueError, match="got \\(7, 16, 16, 3\\)"):
        checked.transforms.normalize(torch.zeros(7, 16, 16, 3, dtype=torch.uint8))


def test_the_other_copy_is_not_touched():
    import clipmini

    with pytest.raises(ValueError, match="two batches of equal shape"):
        clipmini.clip_loss(torch.randn(7, 5), torch.randn(5, 7), 3.0)
