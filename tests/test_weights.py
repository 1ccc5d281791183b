"""Checkpoints come back exactly, and what is no whole checkpoint is refused."""

import dataclasses
import json
import os
import pickle
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

import clipmini as cm
from clipmini import tensors
from clipmini.models.variants import UNDO


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(model, tok, randomise, path):
    cm.weights.save(randomise(model), path, tokenizer=tok)
    return model


def rewrite(path, **changes):
    """The same file with other metadata, as one without a checksum; None removes an entry."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() | {"checksum": None} | changes
    save_file(load_file(path), path, {k: v for k, v in metadata.items() if v is not None})


def test_a_lossless_vocabulary_comes_back(vit_config, path):
    tok = cm.Tokenizer.train(["red circle", "red square"], vocab_size=262, scheme="lossless")
    text = dataclasses.replace(vit_config.text, vocab_size=262)
    cm.weights.save(cm.CLIP(dataclasses.replace(vit_config, text=text)), path, tokenizer=tok)
    again = cm.weights.load(path)[1]
    assert (again.scheme, again.hash) == ("lossless", tok.hash)


def test_round_trip_is_exact(saved, tok, path):
    model, tokenizer = cm.weights.load(path)
    assert model.config == saved.config
    assert tokenizer.merges == tok.merges
    for (name, ours), (other, theirs) in zip(saved.state_dict().items(), model.state_dict().items(), strict=True):
        assert name == other and torch.equal(ours, theirs) and ours.dtype == theirs.dtype
    assert not model.training


def test_the_loaded_model_answers_alike(saved, batch, path):
    for ours, theirs in zip(saved.eval()(*batch), cm.weights.load(path)[0](*batch), strict=True):
        assert torch.equal(ours, theirs)


def test_half_precision_storage(saved, tok, path, relative_error):
    full = path.stat().st_size
    cm.weights.save(saved, path, tokenizer=tok, dtype=torch.float16)
    assert path.stat().st_size < 0.75 * full
    loaded = cm.weights.load(path)[0]
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    ours, theirs = saved.state_dict(), loaded.state_dict()
    assert relative_error(ours, theirs) < 5e-4  # half a unit in the last of 11 bits


def test_without_a_tokenizer_there_is_none(model, path):
    cm.weights.save(model, path)
    assert cm.weights.load(path)[1] is None
    with pytest.raises(ValueError, match="holds no vocabulary"):
        cm.load(path)


def test_a_checkpoint_by_its_path(saved, path):
    model, tokenizer, preprocess = cm.load(path)
    assert model.config == saved.config and tokenizer.vocab_size == 519
    assert preprocess.keywords == {"resolution": 16}


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match="no checkpoint 'ViT-Z'; choose from:.*or give a file's path"):
        cm.load("ViT-Z")


def test_a_missing_file(path):
    with pytest.raises(ValueError, match="there is no checkpoint at"):
        cm.weights.load(path)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file(saved, path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        cm.weights.load(path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("write", [lambda path: path.write_bytes(pickle.dumps(Bomb())), lambda path: torch.save(Bomb(), path)])
def test_a_pickle_is_never_opened(path, write):
    write(path)
    with pytest.raises(ValueError, match="pickles and TorchScript archives are never opened"):
        cm.weights.load(path)


def test_someone_elses_safetensors(path):
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="was not written by clipmini: expected format clipmini-1, got None"):
        cm.weights.load(path)


def test_a_vocabulary_of_another_size(model, path):
    other = cm.Tokenizer.train(["red circle"], vocab_size=517)
    with pytest.raises(ValueError, match="the model reads 519 token ids, but this vocabulary has 517"):
        cm.weights.save(model, path, tokenizer=other)
    assert not path.exists()


def test_tampered_merges(saved, tok, path):
    merges = [list(pair) for pair in tok.merges]
    rewrite(path, merges=json.dumps(merges[::-1]))
    with pytest.raises(ValueError, match="is not the one that its weights were trained with"):
        cm.weights.load(path)


BROKEN = [None, "", "{", "[]", "3", "null", '"vision"', '{"embed_dim": 3}', '{"embed_dim": 3, "vision": 5}', "[" * 99_999]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_configuration(saved, path, broken):
    rewrite(path, config=broken)
    with pytest.raises(ValueError, match="model.safetensors has no configuration that can be read: ."):
        cm.weights.load(path)


@pytest.mark.parametrize("wrong", [None, "22", 22.5, -22, 0, True, [], [22], [22, -1], {}], ids=str)
@pytest.mark.parametrize(
    "place", ["embed_dim", "text.width", "text.heads", "vision.layers", "vision.resolution", "text", "vision"]
)
def test_what_no_configuration_can_have(config, place, wrong):
    if (place, wrong) in [("text.heads", None), ("vision.layers", [22])]:
        return  # heads are width / 64 then, and a ResNet may have one stage
    broken = json.loads(json.dumps(config.to_dict()))
    *parts, last = place.split(".")
    (broken[parts[0]] if parts else broken)[last] = wrong
    with pytest.raises(ValueError):
        cm.CLIPConfig.from_dict(broken)


def test_heads_that_do_not_divide_the_width(saved, path):
    config = saved.config.to_dict()
    rewrite(path, config=json.dumps(config | {"text": config["text"] | {"heads": 4}}))
    with pytest.raises(ValueError, match="model.safetensors has no .* a width of 15 cannot be split into 4 heads"):
        cm.weights.load(path)


@pytest.mark.parametrize("broken", ["", "{", "3", "[3]", '[["a"]]', '[["a", 3]]', "[" * 99_999])
def test_a_broken_vocabulary(saved, path, broken):
    rewrite(path, merges=broken)
    with pytest.raises(ValueError, match="vocabulary .*model.safetensors|model.safetensors has no vocabulary"):
        cm.weights.load(path)


def test_a_vocabulary_of_an_unknown_scheme(saved, path):
    rewrite(path, scheme="words")
    with pytest.raises(ValueError, match="model.safetensors has no vocabulary that can be read: unknown scheme 'words'"):
        cm.weights.load(path)


def test_weights_that_do_not_fit_their_configuration(saved, path):
    rewrite(path, config=json.dumps(saved.config.to_dict() | {"embed_dim": 23}))
    with pytest.raises(ValueError, match="do not fit their configuration"):
        cm.weights.load(path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O error: disk full")])
def test_a_crash_while_saving_keeps_the_old_file(saved, tok, path, monkeypatch, error):
    before = path.read_bytes()

    def write_half_and_fail(tensors, partial, metadata):
        partial.write_bytes(b"half")
        raise error

    monkeypatch.setattr(tensors, "save_file", write_half_and_fail)
    with pytest.raises(ValueError, match="could not save.*what was there before is unchanged"):
        cm.weights.save(saved, path, tokenizer=tok)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]  # and no half file beside it


def test_an_interruption_while_saving_keeps_the_old_file(saved, tok, path, monkeypatch):
    before = path.read_bytes()

    def interrupt(tensors, partial, metadata):
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tensors, "save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cm.weights.save(saved, path, tokenizer=tok)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write .*choose a folder that you may write to"):
        cm.weights.save(model, tmp_path / "file" / "model.safetensors")


MEASURE = """
import sys
import clipmini as cm

def status(field):
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field + ":"))

assert cm.weights.load  # imports first
before = status("VmRSS")
model, _ = cm.weights.load(sys.argv[1])
assert all(value.float().sum().isfinite() for value in model.state_dict().values())  # every page is read
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="there is no /proc to read the peak from")
def test_loading_takes_no_second_copy(vit_config, path):
    text = dataclasses.replace(vit_config.text, vocab_size=3_300_000)  # times 15: 198 MB in one tensor, the worst case
    model = cm.CLIP(dataclasses.replace(vit_config, text=text))
    cm.weights.save(model, path)
    weights = sum(value.nbytes for value in model.state_dict().values())
    peak = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True).stdout
    assert 198e6 < weights and 0.9 * weights < int(peak) < 1.1 * weights


def test_a_loaded_model_can_be_saved_over_its_own_file(saved, batch, path):
    loaded = cm.weights.load(path)[0]
    with torch.no_grad():
        loaded.logit_scale.add_(1)  # it is read from the file, but never written there
    assert torch.equal(cm.weights.load(path)[0].logit_scale, saved.logit_scale)
    cm.weights.save(loaded, path)
    again = cm.weights.load(path)[0]
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in again.state_dict().items())
    torch.testing.assert_close(again(*batch)[0], loaded(*batch)[0])


@pytest.mark.parametrize("place", [0, 0.2, 0.4, 0.6, 0.8, 1])
def test_a_changed_byte_is_seen(saved, path, place):
    before = path.read_bytes()
    start = 8 + int.from_bytes(before[:8], "little")
    at = start + round(place * (len(before) - start - 1))
    path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
    with pytest.raises(ValueError, match="model.safetensors has changed since it was written: its checksum is"):
        cm.weights.load(path)
    assert not cm.weights.is_whole(path)


@pytest.mark.parametrize(("written", "changed"), [('\\"heads\\": 3', '\\"heads\\": 1'), ("text.ln_final.b", "text.ln_final.c")])
def test_a_changed_header_is_seen(saved, path, written, changed):
    before = path.read_bytes()
    assert before.count(written.encode()) == 1
    path.write_bytes(before.replace(written.encode(), changed.encode()))
    with pytest.raises(ValueError):
        cm.weights.load(path)


def test_files_without_a_checksum_load_still(saved, path):
    rewrite(path)
    with safe_open(path, framework="pt") as file:
        assert "checksum" not in file.metadata()
    assert torch.equal(cm.weights.load(path)[0].logit_scale, saved.logit_scale) and cm.weights.is_whole(path)


def test_another_program_may_lay_the_same_content_out_anew(saved, path):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(dict(reversed(load_file(path).items())), path, dict(reversed(metadata.items())))
    assert torch.equal(cm.weights.load(path)[0].logit_scale, saved.logit_scale)


SAVE = """
import sys, clipmini as cm
model, tok = cm.weights.load(sys.argv[1])
cm.weights.save(model, sys.argv[1] + "2", tokenizer=tok)
"""


def test_the_same_model_makes_the_same_bytes(saved, tok, path):
    bytes_of = []
    for _ in range(5):
        cm.weights.save(saved, path, tokenizer=tok)
        bytes_of.append(path.read_bytes())
    assert {*bytes_of} == {bytes_of[0]}


def test_another_process_makes_the_same_bytes(vit_config, tok, path):
    cm.weights.save(cm.CLIP(vit_config), path, tokenizer=tok)
    subprocess.run([sys.executable, "-c", SAVE, path], check=True, env=os.environ | {"PYTHONHASHSEED": "3"})
    assert path.read_bytes() == path.with_name("model.safetensors2").read_bytes()


def test_any_metadata_keeps_its_header_whole(path):
    metadata = {"b": 'a"\\\n\t\x01\x7f\x1f', "a": "Ġé\U0001f600", "ü": ""}
    tensors.write(path, {"x": torch.arange(3), "leer": torch.zeros(0), "scalar": torch.tensor(2.0)}, metadata)
    found, said = tensors.read(path)
    assert said == metadata and found["x"].tolist() == [0, 1, 2] and found["scalar"] == 2 and found["leer"].shape == (0,)


def test_tied_weights_are_saved(model, path):
    model.text.transformer.resblocks[0].ln_1.weight = model.text.transformer.resblocks[1].ln_1.weight
    cm.weights.save(model, path)
    weights = cm.weights.load(path)[0].state_dict()
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("part", [slice(0, 15), slice(7, 22)])
def test_weights_that_overlap_are_saved(model, path, part):
    memory, block = torch.randn(30), model.text.transformer.resblocks[0]
    block.ln_1.weight.data, block.ln_2.weight.data = memory[:15], memory[part]
    cm.weights.save(model, path)
    assert torch.equal(cm.weights.load(path)[0].text.transformer.resblocks[0].ln_2.weight, memory[part])


def whole(model):
    return torch.compile(model, backend="eager")


def towers(model):
    model.visual, model.text = torch.compile(model.visual, backend="eager"), torch.compile(model.text, backend="eager")
    return model


def blocks(model):
    for i, block in enumerate(model.text.transformer.resblocks):
        model.text.transformer.resblocks[i] = torch.compile(block, backend="eager")
    return whole(model)


COMPILED = [whole, towers, blocks]


@pytest.mark.parametrize("compiled", COMPILED)
def test_a_compiled_model_is_saved_as_itself(saved, tok, path, compiled):
    before, names = path.read_bytes(), list(saved.state_dict())
    model = compiled(saved)
    assert any("_orig_mod" in key for key in model.state_dict()) and list(cm.weights.state_dict(model)) == names
    assert model.config == cm.weights.uncompiled(model).config
    cm.weights.check_vocabulary(model, tok)
    cm.weights.save(model, path, tokenizer=tok)
    assert path.read_bytes() == before


@pytest.mark.parametrize("compiled", COMPILED)
def test_weights_go_back_into_a_compiled_model(config, saved, compiled):
    weights = {key: value.clone() for key, value in cm.weights.state_dict(saved).items()}
    model = compiled(cm.CLIP(config))
    cm.weights.load_state_dict(model, weights)
    assert all(torch.equal(value, weights[key]) for key, value in cm.weights.state_dict(model).items())
    with pytest.raises(RuntimeError, match="Missing key"):
        cm.weights.load_state_dict(model, {})


def test_what_is_no_clip_is_not_saved(model, path):
    for wrapped in (torch.nn.DataParallel(model), model.visual):
        with pytest.raises(ValueError, match=f"expected a CLIP, got {type(wrapped).__name__}; .*pass what is inside"):
            cm.weights.save(wrapped, path)
    assert not path.exists()


@pytest.mark.parametrize("preset", ["mini-vit", "mini-resnet", "small-vit", "small-resnet"])
def test_loading_leaves_everyones_random_numbers_alone(preset, tmp_path):
    model = cm.CLIP.from_preset(preset)
    cm.weights.save(model, tmp_path / "m.safetensors")
    released = cm.weights.to_openai(model)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    cm.weights.load(tmp_path / "m.safetensors")
    cm.weights.from_openai(released, model.config)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]
    cm.CLIP.from_preset(preset)
    assert not torch.equal(torch.get_rng_state(), before[0]), "control: a fresh model draws"


SIZES = [("text.width", 10**15), ("text.layers", 10**15), ("vision.width", 10**30), ("embed_dim", 10**9)]


@pytest.mark.parametrize("where, size", SIZES)
def test_a_configuration_of_impossible_size_is_refused(saved, path, where, size):
    config = saved.config.to_dict()
    part, _, name = where.rpartition(".")
    (config[part] if part else config)[name] = size
    rewrite(path, config=json.dumps(config))
    with pytest.raises(ValueError, match=f"{name} must be .*at most [0-9,]+, got {size}"):
        cm.weights.load(path)


def test_sizes_that_are_impossible_together_are_refused(saved, path):
    config = saved.config.to_dict()
    config["text"] |= {"vocab_size": 2**24, "width": 2**24, "heads": 1}
    rewrite(path, config=json.dumps(config))
    with pytest.raises(ValueError, match="asks for more memory than there is"):
        cm.weights.load(path)


@pytest.mark.parametrize("kind, undo", [(kind, undo) for kind, table in UNDO.items() for undo in table])
def test_a_variant_is_not_saved_as_what_it_is_not(kind, undo, path, pairs):
    tok, preset = cm.Tokenizer.train(["red circle"], 521), cm.PRESETS[f"mini-{kind}"]
    text = dataclasses.replace(preset.text, vocab_size=tok.vocab_size)
    model = UNDO[kind][undo](cm.CLIP(dataclasses.replace(preset, text=text)))
    for write in (
        lambda: cm.weights.save(model, path),
        lambda: cm.weights.to_openai(model),
        lambda: cm.train(model, tok, pairs, cm.TrainConfig(steps=1, batch_size=4), run_dir=path),
    ):
        with pytest.raises(ValueError, match="where its configuration makes .*: a checkpoint would read back as another model"):
            write()
    assert not path.exists()


def test_unusual_heads_are_said_when_a_released_file_cannot_hold_them(vit_config):
    model = cm.CLIP(vit_config)
    with pytest.warns(UserWarning, match=r"the vision tower has 2 heads at width 22, .*from_openai\(state_dict, config="):
        weights = cm.weights.to_openai(model)
    assert cm.weights.from_openai(weights, config=model.config).config == model.config
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cm.weights.to_openai(cm.CLIP.from_preset("mini-vit"))
