"""The released state_dicts become our models and come back; what is another architecture is refused by name."""

import dataclasses
import os
import pickle
import warnings
import zipfile
from functools import cache
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

import clipmini as cm
from clipmini.weights.released import infer_config
from clipmini.weights.torchscript import Module, Stored
from tests.released_files import METADATA, RESNETS, VITS, released_keys, write_archive

RELEASED = [*RESNETS, *VITS]


@pytest.fixture(params=["vit", "resnet"])
def config(vit_config, request):
    """Heads are width / 64, as in every released model: two in the text tower and in the attention pool."""
    text = dataclasses.replace(vit_config.text, width=128, heads=None)
    vision = {
        "vit": cm.ViTConfig(resolution=64, patch=16, width=22, layers=3),
        "resnet": cm.ResNetConfig(resolution=64, layers=(1, 3, 1, 2), width=4),
    }
    return cm.CLIPConfig(embed_dim=19, vision=vision[request.param], text=text)


@pytest.fixture
def state_dict(config, randomise):
    """As a released file has it: in fp16, but for what is counted."""
    torch.manual_seed(0)
    weights = cm.weights.to_openai(randomise(cm.CLIP(config)))
    return {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}


@pytest.fixture
def examples(tok):
    images = torch.randn(7, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    return images, tok(["red", "blue circle", "red square", "a", "square red blue"], 13)


@cache
def without_bytes(name):
    """The tensors of a released model, in fp16: shapes that take no memory."""
    with torch.device("meta"):
        weights = cm.weights.to_openai(cm.CLIP.from_preset(name))
    with FakeTensorMode():
        return {k: torch.empty(v.shape, dtype=torch.float16 if v.is_floating_point() else v.dtype) for k, v in weights.items()}


@pytest.mark.parametrize("name", RELEASED)
def test_every_released_key_is_there_in_its_order(name):
    assert list(without_bytes(name)) == released_keys(name)


def test_the_number_of_released_keys():
    assert len(released_keys("ViT-B/32")) == 302 and len(released_keys("RN50")) == 489


def test_our_own_order_is_another():
    with torch.device("meta"):
        ours = [key.removeprefix("text.") for key in cm.CLIP.from_preset("ViT-B/32").state_dict()]
    assert ours != released_keys("ViT-B/32") and sorted(ours) == sorted(released_keys("ViT-B/32"))


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_model_goes_in_and_out(name):
    model = cm.weights.from_openai(without_bytes(name))
    assert model.config == cm.PRESETS[name]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    again = cm.weights.to_openai(model)
    assert list(again) == released_keys(name)
    assert {key: value.shape for key, value in again.items()} == {key: t.shape for key, t in without_bytes(name).items()}


def test_released_shapes_by_hand():
    shapes = {key: tuple(value.shape) for key, value in without_bytes("ViT-B/32").items()}
    assert shapes["text_projection"] == (512, 512) and shapes["visual.proj"] == (768, 512)
    assert shapes["visual.conv1.weight"] == (768, 3, 32, 32) and shapes["visual.positional_embedding"] == (50, 768)
    assert shapes["transformer.resblocks.11.mlp.c_fc.weight"] == (2048, 512)
    assert shapes["positional_embedding"] == (77, 512) and shapes["token_embedding.weight"] == (49408, 512)


def test_every_value_comes_back(state_dict):
    again = cm.weights.to_openai(cm.weights.from_openai(state_dict))
    assert list(again) == list(state_dict)
    for key, value in state_dict.items():
        assert torch.equal(again[key], value.float() if value.is_floating_point() else value), key


def test_halves_become_fp32_and_counts_stay(state_dict):
    model = cm.weights.from_openai(state_dict)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    for key, value in model.state_dict().items():
        assert value.dtype == (torch.int64 if key.endswith("num_batches_tracked") else torch.float32)
    assert model.logit_scale.requires_grad and not model.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_state_dict_is_not_shared(state_dict, dtype):
    given = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state_dict.items()}
    model = cm.weights.from_openai(given)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    assert all(torch.equal(given[key], value.to(given[key].dtype)) for key, value in state_dict.items())


def test_what_lies_beside_the_weights_is_dropped(state_dict):
    beside = {key: torch.tensor(value) for key, value in METADATA.items()}
    assert list(cm.weights.to_openai(cm.weights.from_openai(state_dict | beside))) == list(state_dict)


def test_the_configuration_is_read_off_the_shapes(state_dict, config):
    assert infer_config(state_dict) == config


def test_other_heads_come_from_a_configuration(state_dict, config, examples):
    four = dataclasses.replace(config, text=dataclasses.replace(config.text, heads=4))
    model = cm.weights.from_openai(state_dict, four)
    assert model.text.transformer.resblocks[0].attn.heads == 4
    assert not torch.allclose(model(*examples)[0], cm.weights.from_openai(state_dict)(*examples)[0], atol=1e-2)


def test_missing_and_unexpected_keys_are_named(state_dict, config):
    del state_dict["ln_final.bias"]
    state_dict["extra"] = torch.zeros(3)
    with pytest.raises(ValueError, match="1 missing: ln_final.bias; 1 unexpected: extra$"):
        cm.weights.from_openai(state_dict)


def test_another_shape_is_named(state_dict, config):
    state_dict["ln_final.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"configuration: 1 of another shape: ln_final.bias \(3,\) instead of \(128,\)$"):
        cm.weights.from_openai(state_dict)


@pytest.mark.parametrize(("weights", "preset"), [("RN50", "ViT-B/32"), ("ViT-B/32", "RN50"), ("RN50", "RN101")])
def test_another_architecture_is_refused(weights, preset):
    with pytest.raises(ValueError, match=r"of another architecture than the configuration: \d+ missing: visual\..* \.\.\."):
        cm.weights.from_openai(without_bytes(weights), cm.PRESETS[preset])


def test_another_patch_is_refused():
    with pytest.raises(ValueError, match=r"\(768, 3, 16, 16\) instead of \(768, 3, 32, 32\)"):
        cm.weights.from_openai(without_bytes("ViT-B/16"), cm.PRESETS["ViT-B/32"])


@pytest.mark.parametrize("other", [{}, {"fc.weight": torch.zeros(3, 5)}, METADATA])
def test_the_state_dict_of_something_else_is_refused(other):
    with pytest.raises(ValueError, match="not the state_dict of a released CLIP: it has no positional_embedding"):
        cm.weights.from_openai(other)


def test_neither_a_vit_nor_a_resnet(state_dict):
    for key in ("visual.proj", "visual.attnpool.positional_embedding"):
        state_dict.pop(key, None)
    with pytest.raises(ValueError, match="visual has neither proj, as a ViT, nor attnpool, as a ResNet"):
        cm.weights.from_openai(state_dict)


@pytest.fixture
def archive(state_dict, tmp_path):
    write_archive(tmp_path / "tiny.pt", state_dict)
    return tmp_path / "tiny.pt"


def test_an_archive_holds_what_was_written(archive, state_dict):
    read = cm.weights.read_archive(archive)
    assert read.keys() == state_dict.keys() | METADATA.keys()
    for key, value in state_dict.items():
        assert torch.equal(read[key], value) and read[key].dtype == value.dtype


def test_a_converted_archive_answers_as_its_weights_in_fp32(archive, state_dict, tok, examples, config):
    path = archive.with_suffix(".safetensors")
    cm.weights.convert_archive(archive, path, tok)
    model, tokenizer = cm.weights.load(path)
    assert tokenizer.hash == tok.hash and model.config == config and not model.training
    fp32 = cm.CLIP(config).eval()
    ours = {key if key.startswith("visual.") or key == "logit_scale" else f"text.{key}": v for key, v in state_dict.items()}
    fp32.load_state_dict(ours)
    assert all(torch.equal(value, fp32.state_dict()[name]) for name, value in model.state_dict().items())
    torch.testing.assert_close(model(*examples)[0], fp32(*examples)[0])  # to the bit only where both lie alike in memory


@pytest.mark.parametrize("keep", [0, 5, 1000, -1000])
def test_a_truncated_archive_is_refused(archive, keep):
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(ValueError, match="tiny.pt is not a whole TorchScript archive"):
        cm.weights.read_archive(archive)


def test_a_missing_archive(tmp_path):
    with pytest.raises(ValueError, match="there is no file .*tiny.pt"):
        cm.weights.read_archive(tmp_path / "tiny.pt")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("write", [lambda path: path.write_bytes(pickle.dumps(Bomb())), lambda path: torch.save(Bomb(), path)])
def test_a_pickle_is_no_archive(tmp_path, write):
    write(tmp_path / "tiny.pt")
    with pytest.raises(ValueError, match="is not a whole TorchScript archive"):
        cm.weights.read_archive(tmp_path / "tiny.pt")


def test_an_archive_of_something_else_is_not_converted(tmp_path):
    write_archive(tmp_path / "tiny.pt", {"fc.weight": torch.zeros(3, 5)})
    with pytest.raises(ValueError, match="not the state_dict of a released CLIP"):
        cm.weights.convert_archive(tmp_path / "tiny.pt", tmp_path / "tiny.safetensors")
    assert not (tmp_path / "tiny.safetensors").exists()


def test_tensors_are_those_that_torchscript_finds(archive):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.jit.load(archive).state_dict()
    ours = cm.weights.read_archive(archive)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], value) and ours[key].dtype == value.dtype for key, value in theirs.items())


def test_a_scripted_module_with_more_than_tensors(tmp_path):
    """Convolutions hold lists of numbers, transposed weights have strides, and tied ones lie in the file once."""
    parts = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 2), torch.nn.BatchNorm2d(5), torch.nn.Linear(7, 7), torch.nn.Linear(7, 7))
    parts[2].weight.data = torch.randn(7, 7).T
    parts[3].weight = parts[2].weight
    parts[3].bias.data = torch.randn(11)[2:9]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(parts).save(tmp_path / "parts.pt")
    ours = cm.weights.read_archive(tmp_path / "parts.pt")
    assert list(ours) == list(parts.state_dict())
    assert all(torch.equal(ours[key], value) for key, value in parts.state_dict().items())


def repack(archive, change):
    """The same archive, each part changed: (name, content) -> content, or None to leave it out."""
    with zipfile.ZipFile(archive) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(archive, "w") as after:
        for name, content in parts.items():
            if (content := change(name, content)) is not None:
                after.writestr(name, content)


def test_code_in_an_archive_is_not_run(archive, tmp_path):
    """It would run when TorchScript loads the archive, which reads a file here; without any code the tensors are the same."""
    before = cm.weights.read_archive(archive)
    repack(archive, lambda name, content: b"raise SystemExit" if name.endswith(".py") else content)
    assert cm.weights.read_archive(archive).keys() == before.keys()
    repack(archive, lambda name, content: None if "/code/" in name or "constants" in name else content)
    after = cm.weights.read_archive(archive)
    assert all(torch.equal(after[key], value) for key, value in before.items())


class Setstate(torch.nn.Module):
    """Its __setstate__ is run by whoever loads it with TorchScript."""

    def __init__(self):
        super().__init__()
        self.register_buffer("x", torch.zeros(3))

    @torch.jit.export
    def __getstate__(self):
        return self.x, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.x = torch.from_file("PLANTED", True, 3)
        self.training = state[1]


def test_a_planted_setstate_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Setstate()).save("planted.pt")
        with pytest.raises(ValueError, match="planted.pt is not .* a module is held as tuple, not by name"):
            cm.weights.read_archive("planted.pt")
        assert not Path("PLANTED").exists()
        torch.jit.load("planted.pt")
        assert Path("PLANTED").exists()  # control


class Plant:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ((open, "PLANTED", "w"), "_?io.open"),
        ((os.system, "touch PLANTED"), "posix.system"),
        ((exec, "open('PLANTED', 'w')"), "(builtins|__builtin__).exec"),
        ((torch.load, "PLANTED"), "torch.serialization.load"),
        ((torch.Tensor,), "torch._tensor.Tensor|torch.Tensor"),
    ],
    ids=["open", "system", "exec", "load", "Tensor"],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_planted_call_is_not_run(archive, tmp_path, monkeypatch, call, named, protocol):
    monkeypatch.chdir(tmp_path)
    planted = pickle.dumps(Plant(*call), protocol)
    repack(archive, lambda name, content: planted if name.endswith("/data.pkl") else content)
    with pytest.raises(ValueError, match=f"tiny.pt is not .*: it asks for ({named}), which is no tensor: nothing was run"):
        cm.weights.read_archive(archive)
    assert not Path("PLANTED").exists()


DESCRIBED = b"ctorch._utils\n_rebuild_tensor_v2\n"
MODULE = b"c__torch__.x\nModule\n"


@pytest.mark.parametrize(
    "planted",
    [
        DESCRIBED + b"(NS'shape'\nS'x'\ndtb.",  # sets an attribute of what describes tensors
        MODULE + b"(NS'held'\nS'x'\ndtb.",
        b"\x80\x02" + MODULE + b")\x81q\x00}S'x'\nh\x00sb.",  # a module that is a part of itself
        b"\x80\x02" + MODULE + b")\x81K\x03b.",
        b"K\x03.",
        b".",
        b"",
    ],
)
def test_a_pickle_that_makes_no_sense(archive, planted):
    expected = dict(vars(Stored)), dict(vars(Module))
    repack(archive, lambda name, content: planted if name.endswith("/data.pkl") else content)
    with pytest.raises(ValueError, match="tiny.pt is not a whole TorchScript archive: ."):
        cm.weights.read_archive(archive)
    assert expected == (dict(vars(Stored)), dict(vars(Module)))


@pytest.mark.parametrize("size", [0, 6])
def test_a_tensor_without_its_bytes(archive, size):
    repack(archive, lambda name, content: content[:size] if "/data/" in name else content)
    with pytest.raises(ValueError, match="tiny.pt is not a whole TorchScript archive"):
        cm.weights.read_archive(archive)


def test_a_changed_byte_in_an_archive_is_seen(archive):
    content = archive.read_bytes()
    with zipfile.ZipFile(archive) as parts:
        largest = max(parts.infolist(), key=lambda part: part.file_size)
    at = largest.header_offset + largest.file_size // 2 + 200
    archive.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(ValueError, match="tiny.pt is not a whole TorchScript archive: Bad CRC-32"):
        cm.weights.read_archive(archive)
