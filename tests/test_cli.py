"""The command line: what it prints, where it saves, and one sentence for a mistake."""

import os
import signal
import subprocess
import sys

import pytest

import clipmini as cm
from clipmini import cli


@pytest.fixture
def tiny(monkeypatch, vit_config, pairs, tok):
    """A preset and a data set that train in no time."""
    monkeypatch.setitem(cm.PRESETS, "tiny", vit_config)
    monkeypatch.setattr(cli.datasets, "load", lambda name, split, resolution=32: pairs)
    return ["train", "--preset", "tiny", "--device", "cpu", "--batch-size", "7", "--augment", "none"]


def test_train_leaves_a_checkpoint(tiny, tmp_path, capsys):
    assert cli.main([*tiny, "--steps", "3", "--run-dir", str(tmp_path)]) == 0
    path = tmp_path / "checkpoint.safetensors"
    assert str(path) in capsys.readouterr().out
    assert cm.load(path).model.config.vision == cm.PRESETS["tiny"].vision
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3


def test_every_setting_is_an_option(tiny, tmp_path, monkeypatch):
    seen = []

    def train(model, tok, data, config, run_dir, resume):
        seen.append((config, resume))
        yield from ()

    monkeypatch.setattr(cli, "train", train)
    options = ["--lr", "0.01", "--max-scale", "50", "--seed", "3", "--recompute", "--chunk-size", "7"]
    cli.main([*tiny, *options, "--run-dir", str(tmp_path)])
    cli.main([*tiny, "--no-recompute", "--resume", "--run-dir", str(tmp_path)])
    (first, first_resumes), (second, second_resumes) = seen
    assert (first.lr, first.max_scale, first.seed, first.batch_size, first.chunk_size) == (0.01, 50, 3, 7, 7)
    assert (first.recompute, second.recompute, first_resumes, second_resumes) == (True, False, False, True)


def test_ctrl_c_finishes_the_step_and_saves(tiny, tmp_path, monkeypatch, capsys):
    train = cli.train

    def interrupted(*args, **kwargs):
        for log in train(*args, **kwargs):
            if log.step == 1:
                os.kill(os.getpid(), signal.SIGINT)
            yield log

    monkeypatch.setattr(cli, "train", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert cli.main([*tiny, "--steps", "50", "--run-dir", str(tmp_path)]) == 0
    assert "stopped after step 1" in capsys.readouterr().out
    assert cm.load(tmp_path / "checkpoint.safetensors")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stopped_run_goes_on(tiny, tmp_path, capsys):
    assert cli.main([*tiny, "--steps", "3", "--run-dir", str(tmp_path)]) == 0
    assert cli.main([*tiny, "--steps", "3", "--run-dir", str(tmp_path)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert cli.main([*tiny, "--steps", "3", "--resume", "--run-dir", str(tmp_path)]) == 0
    assert cli.main([*tiny, "--steps", "4", "--resume", "--run-dir", str(tmp_path)]) == 2
    assert "train.steps is 4, was 3" in capsys.readouterr().err


def test_runs_are_compared(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["runs"]) == 2 and "no runs in runs/" in capsys.readouterr().err
    for rate in ("0.01", "0.02"):
        cli.main([*tiny, "--steps", "3", "--lr", rate, "--run-dir", f"runs/rate-{rate}"])
    capsys.readouterr()
    assert cli.main(["runs"]) == 0
    head, one, two = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["run", "steps", "loss", "scale", "images/s", "lr"]
    assert (one[0], one[1:4], one[-1]) == ("rate-0.01", ["3", "of", "3"], "0.01") and two[-1] == "0.02"
    assert cli.main(["runs", "nowhere"]) == 2 and "nowhere holds no run" in capsys.readouterr().err


def test_presets_are_listed_with_their_sizes(capsys):
    assert cli.main(["presets"]) == 0
    out = capsys.readouterr().out
    assert "151,277,313 parameters, 224 px" in out
    assert all(name in out for name in cm.PRESETS)


def test_a_reader_that_has_had_enough_is_no_error():
    command = f"{sys.executable} -m clipmini presets | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("mini-resnet")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--preset", "ViT"], "unknown preset 'ViT'; choose from: mini-resnet"),
        (["train", "--data", "mnist"], "unknown data set 'mnist'; choose from: drawings, glyphs, digits"),
        (["train", "--batch-size", "1"], "batch_size must be at least 2"),
        (["train", "--data", "digits"], "digits has no split to train on; choose from: drawings, glyphs, scenes, cifar10, "),
        (["train", "--data", "glyphs:val"], "unknown data set 'glyphs:val'; choose from: drawings, glyphs, digits"),
        (["train", "--preset", "ViT-L/14@336px"], "ViT-L/14@336px reads 336 px, which no data set is drawn at; choose from:"),
        (["train", "--preset", "RN50x4"], "RN50x4 reads 288 px, which no data set is drawn at; choose from: mini-"),
        (["train", "--seed", str(2**70)], f"seed must be a whole number of at most 64 bits, got {2**70}"),
        (["train", "--seed", str(-(2**64))], f"seed must be a whole number of at most 64 bits, got {-(2**64)}"),
        (["eval", "glyphs-vit", "--data", "a:b:c"], "unknown data set 'a'; choose from: drawings, glyphs, digits"),
        (["eval", "glyphs-vit", "--data", "digits:dev", "digits:dev:1"], "split of digits 'dev:1'; choose from: dev, test"),
        (["eval", "glyphs-vit", "--data", "digits"], "unknown split of digits ''; choose from: dev, test"),
        (["eval", "nothing.safetensors"], "no checkpoint 'nothing.safetensors'; choose from:"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message, capsys):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("clipmini: ") and message in error
    assert "Traceback" not in error and len(error.splitlines()) == 1


@pytest.mark.parametrize("seed", ["-3", str(2**63)])
def test_any_seed_that_torch_takes(tiny, tmp_path, seed):
    assert cli.main([*tiny, "--steps", "1", "--seed", seed, "--run-dir", str(tmp_path)]) == 0


def test_every_preset_that_is_not_marked_can_be_trained(monkeypatch, pairs, capsys):
    monkeypatch.setattr(cli.datasets, "load", lambda name, split, resolution=32: pairs)
    cli.main(["presets"])
    for line in capsys.readouterr().out.splitlines():
        if not line.endswith(", released weights only"):
            assert cli.training_data("glyphs", line.split()[0]) is pairs


def test_closed_standard_output_is_said_before_any_work(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdout", None)  # as Python has it after >&-
    assert cli.main(["presets"]) == 2
    assert capfd.readouterr() == ("", "clipmini: standard output is closed: send it to a file, or to /dev/null\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_standard_output_is_said(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.main(["presets"]) == 2
        assert capsys.readouterr().err == "clipmini: cannot write what it has to say: No space left on device\n"
        full.flush()  # as Python does when it ends: what was not written is dropped


def test_a_file_that_cannot_be_written_is_named(monkeypatch, capfd):
    def fail(args):
        """Fail."""
        raise OSError(28, "No space left on device", "log.jsonl")

    monkeypatch.setattr(cli, "run_datasets", fail)
    monkeypatch.setattr(cli, "drop_output", lambda: None)
    assert cli.main(["datasets"]) == 2
    assert capfd.readouterr().err == "clipmini: cannot write log.jsonl: No space left on device\n"


HEAVY = ("torch", "numpy", "matplotlib", "scipy", "sklearn", "PIL", "safetensors", "filelock", "tqdm", "ftfy", "einops")


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, clipmini, clipmini.config; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train", "--steps", "many"]])
def test_usage_is_shown_for_what_is_no_command(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2 and "usage: python -m clipmini" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["train", "eval", "runs", "datasets", "presets"])
def test_each_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0 and "usage" in capsys.readouterr().out
