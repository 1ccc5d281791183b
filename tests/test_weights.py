"""Checkpoints come back exactly, and what is no whole checkpoint is refused."""

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

import clipmini as cm
from clipmini.weights import checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(model, tok, randomise, path):
    cm.weights.save(randomise(model), path, tokenizer=tok)
    return model


def rewrite(path, **changes):
    """The same file with other metadata; None removes an entry."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() | changes
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


@pytest.mark.parametrize("broken", [None, "{", '{"embed_dim": 3}', "[]"])
def test_a_broken_configuration(saved, path, broken):
    rewrite(path, config=broken)
    with pytest.raises(ValueError):
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

    monkeypatch.setattr(checkpoint, "save_file", write_half_and_fail)
    with pytest.raises(ValueError, match="could not save.*what was there before is unchanged"):
        cm.weights.save(saved, path, tokenizer=tok)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]  # and no half file beside it


def test_an_interruption_while_saving_keeps_the_old_file(saved, tok, path, monkeypatch):
    before = path.read_bytes()

    def interrupt(tensors, partial, metadata):
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cm.weights.save(saved, path, tokenizer=tok)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="can not write .*choose a folder that you may write to"):
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
