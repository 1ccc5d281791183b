"""Tiny models whose batch, lengths, heads and head widths all differ, so that a swapped axis cannot pass."""

import dataclasses
import importlib
import sys

import beartype
import jaxtyping
import pytest
import torch

import clipmini as cm


@pytest.fixture(scope="session")
def tok():
    """519 ids: 512 base symbols, five merges, SOT, EOT."""
    return cm.Tokenizer.train(["red red red circle", "blue blue circle", "red square"], vocab_size=519)


@pytest.fixture(scope="session")
def vit_config(tok):
    vision = cm.ViTConfig(resolution=16, patch=4, width=22, layers=2, heads=2)  # 17 positions, head width 11
    text = cm.TextConfig(context_length=13, vocab_size=tok.vocab_size, width=15, layers=2, heads=3)  # head width 5
    return cm.CLIPConfig(embed_dim=19, vision=vision, text=text)


@pytest.fixture(scope="session")
def resnet_config(vit_config):
    """Two stages: 16 px make 2 x 2 positions of 32 channels."""
    return dataclasses.replace(vit_config, vision=cm.ResNetConfig(resolution=16, layers=(1, 2), width=4, heads=2))


@pytest.fixture(params=["vit", "resnet"])
def config(request):
    return request.getfixturevalue(f"{request.param}_config")


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return cm.CLIP(config)


@pytest.fixture
def batch(vit_config, tok):
    """Seven normalised images and the tokens of seven texts of different lengths."""
    torch.manual_seed(1)
    texts = ["red", "blue circle", "red square", "a", "square red blue", "circle", "blue"]
    return torch.randn(7, 3, 16, 16), tok(texts, 13)


@pytest.fixture
def pairs():
    """Twenty-three images whose brightness and colour tell which of their captions is right; two captions occur twice."""
    captions = [f"{colour} {shape}" for colour in ("red", "green", "blue") for shape in "abcdefg"] + ["red a", "blue g"]
    generator = torch.Generator().manual_seed(0)
    return cm.datasets.Pairs(
        name="patterns",
        split="train",
        images=torch.randint(0, 256, (23, 3, 16, 16), generator=generator, dtype=torch.uint8),
        captions=captions,
    )


@pytest.fixture
def randomise():
    """Move every parameter and statistic off its special value: zero biases and unit gains hide errors."""

    def change(module):
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for name, value in [*module.named_parameters(), *module.named_buffers()]:
                if name.endswith("running_var"):
                    value.copy_(0.5 + torch.rand(value.shape, generator=generator))
                elif value.is_floating_point() and name != "attn_mask":
                    value.add_(0.2 * torch.randn(value.shape, generator=generator))
        return module

    return change


@pytest.fixture
def sharpen():
    """Make the blocks' attention choose: maps that are nearly even hide errors in queries, keys and heads."""

    def change(model):
        with torch.no_grad():
            for name, value in model.named_parameters():
                if "attn.in_proj" in name:
                    value[: len(value) // 3] *= 3  # the queries
        return model

    return change


@pytest.fixture
def relative_error():
    """||a - b|| / ||b||, of one tensor or the worst of a dictionary of them."""

    def error(a, b):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            return max(error(a[key], b[key]) for key in a)
        return ((a - b).double().norm() / b.double().norm().clamp(min=1e-12)).item()

    return error


@pytest.fixture(scope="session")
def checked():
    """A second copy of clipmini in which beartype checks every annotated shape at every call."""
    ours = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "clipmini"}
    for name in ours:
        del sys.modules[name]
    beartype.numeric = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # an int may stand for a float
    try:
        with jaxtyping.install_import_hook("clipmini", "beartype.numeric"):
            copy = importlib.import_module("clipmini")
            for name in copy.__all__:  # else imported later, unchecked
                getattr(copy, name)
            for family in copy.datasets.FAMILIES:
                importlib.import_module(f"clipmini.datasets.{family}")
            return copy
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "clipmini"]:
            del sys.modules[name]
        sys.modules.update(ours)
