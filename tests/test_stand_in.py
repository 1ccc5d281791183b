"""Files in the released format: what is written is what is read, and what stands in for a released file says so."""

import dataclasses
import io
import zipfile

import pytest
import torch

import clipmini as cm
from clipmini import zoo
from clipmini.download import Remote
from clipmini.weights.released import METADATA


def dead(monkeypatch):
    """No address answers."""
    closed = Remote("file.bin", ["http://127.0.0.1:9/x"], "0" * 64)
    monkeypatch.setattr("clipmini.tokenizer.tokenizer.RELEASED", closed)


@pytest.fixture
def config(config):
    """Heads are width / 64, as in every released model."""
    text, vision = (dataclasses.replace(part, heads=None) for part in (config.text, config.vision))
    return dataclasses.replace(config, text=text, vision=vision)


def test_an_archive_comes_back_to_half_precision(model, randomise, tmp_path, relative_error):
    path = tmp_path / "model.pt"
    cm.weights.write_archive(randomise(model), path)
    state = cm.weights.read_archive(path)
    assert {key: state[key].item() for key in METADATA} == {"input_resolution": 16, "context_length": 13, "vocab_size": 519}
    expected = {key: value for key, value in cm.weights.to_openai(model).items()}
    found = {key: value for key, value in state.items() if key not in METADATA}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value.to(found[key].dtype)), key


def test_embeddings_normalisations_and_the_scale_stay_in_single_precision(model, tmp_path):
    cm.weights.write_archive(model, tmp_path / "model.pt")
    half = {key for key, value in cm.weights.read_archive(tmp_path / "model.pt").items() if value.dtype == torch.float16}
    modules = dict(model.named_modules())
    for key, value in model.state_dict().items():
        owner = modules[key.rpartition(".")[0]]
        single = isinstance(owner, torch.nn.LayerNorm | torch.nn.BatchNorm2d | torch.nn.Embedding) or "embedding" in key
        assert (key.removeprefix("text.") in half) == (value.ndim > 0 and not single), key


def test_it_is_a_torchscript_archive(model, tmp_path):
    cm.weights.write_archive(model, tmp_path / "model.pt")
    names = zipfile.ZipFile(io.BytesIO((tmp_path / "model.pt").read_bytes())).namelist()
    assert any(name.endswith("constants.pkl") for name in names) and any("/code/" in name for name in names)
    with pytest.raises(ValueError, match="cannot write"):
        cm.weights.write_archive(model, tmp_path / "model.pt" / "below.pt")


def test_heads_that_no_reader_would_know_are_refused(vit_config, tmp_path):
    with pytest.raises(ValueError, match="expected 1 in the image tower and 1 .* got 2 in the image tower and 3 "):
        cm.weights.write_archive(cm.CLIP(vit_config), tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())


def test_the_same_model_makes_the_same_archive(model, tmp_path):
    for name in "ab":
        cm.weights.write_archive(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_compiled_model_makes_the_same_archive(model, tmp_path):
    cm.weights.write_archive(model, tmp_path / "a")
    model.visual = torch.compile(model.visual, backend="eager")
    cm.weights.write_archive(torch.compile(model, backend="eager"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture
def small_preset(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    small = cm.CLIPConfig(
        embed_dim=64,
        vision=cm.ViTConfig(resolution=64, patch=32, width=64, layers=2),
        text=cm.TextConfig(context_length=77, vocab_size=49_408, width=64, layers=2),
    )
    monkeypatch.setitem(cm.PRESETS, "ViT-B/32", small)
    return small


def test_without_a_network_random_numbers_of_the_same_format_stand_in(small_preset, monkeypatch, tmp_path):
    dead(monkeypatch)
    before = torch.random.get_rng_state()
    path, tok, real = zoo.archive("ViT-B/32")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not real and path.name == "random-ViT-B-32.pt" and path.parent == tmp_path
    assert tok.vocab_size == 49_408 and tok.decode(tok.encode("a photo of a cat")) == "a photo of a cat "
    model = cm.weights.from_openai(cm.weights.read_archive(path))
    assert model.config == small_preset
    assert all((p != 0).any() and (p != 1).any() for p in model.parameters())  # no bias at 0, no gain at 1
    again = cm.weights.from_openai(cm.weights.read_archive(zoo.stand_in("ViT-B/32").path))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_an_unknown_name_lists_the_choices():
    for make in zoo.archive, zoo.stand_in:
        with pytest.raises(ValueError, match="unknown released model 'ViT-Z'; choose from: RN50"):
            make("ViT-Z")
