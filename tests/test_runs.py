"""Runs on disk: what is stopped goes on to the same bits, what is changed is refused, what is torn is not used."""

import dataclasses
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from filelock import FileLock
from PIL import Image
from torch import nn

import clipmini as cm
from clipmini.objectives.contrastive import Contrastive
from clipmini.training import history, runs

CONFIG = cm.TrainConfig(steps=9, batch_size=7, warmup=2, device="cpu", augment="handwriting", checkpoint_every=2)


class Wobbly(nn.Module):
    """The paper's objective with a parameter of its own, and dice of PyTorch's."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 3)

    def forward(self, model, images, tokens, caption_ids):
        noise = torch.rand(3)
        return Contrastive()(model, images, tokens, caption_ids) + self.head(noise).square().mean()


def start(model_config, tok, pairs, folder, config=CONFIG, resume=True):
    """A fresh model, objective and generator of steps, as a new process would make them."""
    torch.manual_seed(0)
    model, objective = cm.CLIP(model_config), Wobbly()
    return model, objective, cm.train(model, tok, pairs, config, objective, run_dir=folder, resume=resume)


def finish(*args, **kwargs):
    """Weights of model and objective at the end."""
    model, objective, steps = start(*args, **kwargs)
    logs = list(steps)
    return [value.clone() for part in (model, objective) for value in part.state_dict().values()], logs


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def without_times(folder):
    return [dataclasses.replace(log, images_per_second=0) for log in runs.read_log(folder)]


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """A picture takes longer than a run of this size: only those draw it that look at it."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(runs, "draw_curves", lambda path: None)


@pytest.fixture
def whole(config, tok, pairs, tmp_path):
    """The run that nobody stops."""
    weights, _ = finish(config, tok, pairs, tmp_path / "whole")
    return weights, without_times(tmp_path / "whole")


def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(config, tok, pairs, tmp_path, whole):
    for stop in range(CONFIG.steps):
        folder = tmp_path / f"stopped-{stop}"
        _, _, steps = start(config, tok, pairs, folder)
        for log in steps:
            if log.step == stop:
                steps.close()
        weights, logs = finish(config, tok, pairs, folder)
        assert [log.step for log in logs] == list(range(stop + 1, CONFIG.steps))
        assert same(weights, whole[0]) and without_times(folder) == whole[1]


def test_a_folder_left_as_a_power_cut_leaves_it(config, tok, pairs, tmp_path, whole):
    """Steps after the last checkpoint are lost and taken again; the log tells each once."""
    folder = tmp_path / "cut"
    _, _, steps = start(config, tok, pairs, tmp_path / "on")
    for log in steps:
        if log.step == 6:
            shutil.copytree(tmp_path / "on", folder)
    with open(folder / "log.jsonl", "a") as file:
        file.write('{"step": 7, "lo')
    newest = runs.states(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-9])  # torn, too: the one before it is used
    with pytest.warns(UserWarning, match="state-00000005.safetensors cannot be read; the run goes on after .*state-00000003"):
        weights, logs = finish(config, tok, pairs, folder)
    assert [log.step for log in logs] == [4, 5, 6, 7, 8]
    assert same(weights, whole[0]) and without_times(folder) == whole[1]


FORGET = {
    "PyTorch's random numbers": lambda state: torch.manual_seed(99),
    "the generator": lambda state: state.loader.generator.manual_seed(99),
    "the order of the data": lambda state: setattr(state.loader, "rows", state.loader.rows.flip(0)),
    "Adam's moments": lambda state: state.optimizer.state.clear(),
    "the objective": lambda state: state.parts["objective"].head.bias.data.zero_(),
}


@pytest.mark.parametrize("forgotten", FORGET)
def test_control_a_part_that_is_not_put_back_shows(vit_config, tok, pairs, tmp_path, monkeypatch, forgotten):
    weights, _ = finish(vit_config, tok, pairs, tmp_path / "whole")
    _, _, steps = start(vit_config, tok, pairs, tmp_path / "stopped")
    next(steps)
    steps.close()
    load = runs.TrainingState.load

    def forgetful(self, path):
        step = load(self, path)
        FORGET[forgotten](self)
        return step

    monkeypatch.setattr(runs.TrainingState, "load", forgetful)
    assert not same(finish(vit_config, tok, pairs, tmp_path / "stopped")[0], weights)


@pytest.mark.slow
def test_twenty_kills_lose_nothing(vit_config, tok, pairs, tmp_path):
    """kill -9 at random moments, and checkpoints so often that some moments lie within one."""
    config = dataclasses.replace(CONFIG, steps=50, checkpoint_every=1)
    dice, context, kills = random.Random(0), multiprocessing.get_context("fork"), 0
    torch.set_num_threads(1)
    begun = time.monotonic()
    weights, _ = finish(vit_config, tok, pairs, tmp_path / "whole", config)
    seconds = time.monotonic() - begun
    while kills < 20:
        folder = tmp_path / f"killed-{kills}"
        child = context.Process(target=finish, args=(vit_config, tok, pairs, folder, config))
        child.start()
        time.sleep(dice.uniform(0, seconds))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += child.exitcode == -signal.SIGKILL
        resumed, _ = finish(vit_config, tok, pairs, folder, config)
        assert same(resumed, weights)
        assert [log.step for log in runs.read_log(folder)] == list(range(50))
        assert not list(folder.glob(".*.partial"))


def test_a_finished_run_has_nothing_left_to_do(vit_config, tok, pairs, tmp_path):
    weights, _ = finish(vit_config, tok, pairs, tmp_path)
    again, logs = finish(vit_config, tok, pairs, tmp_path)
    assert logs == [] and same(weights, again)


def test_resuming_where_nothing_is_begins(vit_config, tok, pairs, tmp_path):
    _, logs = finish(vit_config, tok, pairs, tmp_path / "new")
    assert [log.step for log in logs] == list(range(CONFIG.steps))
    with pytest.raises(ValueError, match="resume needs the run_dir"):
        cm.train(cm.CLIP(vit_config), tok, pairs, CONFIG, resume=True)


def test_another_run_is_refused_with_every_difference(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = dataclasses.replace(CONFIG, lr=0.5, seed=3, checkpoint_every=1)
    fewer = dataclasses.replace(pairs, images=pairs.images[:22], captions=pairs.captions[:22])
    with pytest.raises(ValueError, match="is another one") as refused:
        finish(vit_config, tok, fewer, tmp_path, other)
    for difference in ("train.lr is 0.5, was 0.002", "train.seed is 3, was 0", "data.pairs is 22, was 23", "data.captions"):
        assert difference in str(refused.value)
    assert "checkpoint_every" not in str(refused.value)
    wide = dataclasses.replace(vit_config, embed_dim=20)
    with pytest.raises(ValueError, match="model.embed_dim is 20, was 19"):
        finish(wide, tok, pairs, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


HOLD = """
import sys, time
from pathlib import Path
from clipmini.training.runs import alone_in
lock = alone_in(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_a_folder_belongs_to_one_process(vit_config, tok, pairs, tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="another process is training in .*: wait for it, or choose another folder"):
            finish(vit_config, tok, pairs, tmp_path)
    finally:
        other.kill()
        other.wait()
    _, logs = finish(vit_config, tok, pairs, tmp_path)
    assert len(logs) == CONFIG.steps


def test_one_process_may_begin_again_what_it_left_open(vit_config, tok, pairs, tmp_path):
    _, _, left = start(vit_config, tok, pairs, tmp_path)
    for _ in range(3):  # the second step was kept, the third is when the other one begins
        next(left)
    _, logs = finish(vit_config, tok, pairs, tmp_path)
    assert [log.step for log in logs] == list(range(3, CONFIG.steps))


def test_a_refused_run_leaves_the_folder_free(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    with pytest.raises(ValueError, match="already holds a run") as refused:
        finish(vit_config, tok, pairs, tmp_path, resume=False)
    with FileLock(tmp_path / runs.LOCK, timeout=0):
        assert refused.tb is not None  # which keeps alive whatever took the lock, as a notebook does


class Failing(Wobbly):
    """No number at step 5."""

    def forward(self, model, images, tokens, caption_ids):
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(model, images, tokens, caption_ids) * (float("nan") if self.calls == 6 else 1)


def test_a_run_that_fails_says_where_it_can_go_on(vit_config, tok, pairs, tmp_path):
    with pytest.raises(FloatingPointError, match="at step 5, the loss is nan.*The last good state is .*state-00000003"):
        list(cm.train(cm.CLIP(vit_config), tok, pairs, CONFIG, Failing(), run_dir=tmp_path / "some"))
    late = dataclasses.replace(CONFIG, checkpoint_every=100)
    with pytest.raises(FloatingPointError, match="No state had been saved yet"):
        list(cm.train(cm.CLIP(vit_config), tok, pairs, late, Failing(), run_dir=tmp_path / "none"))


def test_two_states_are_kept(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    assert [path.name for path in runs.states(tmp_path)] == ["state-00000007.safetensors", "state-00000008.safetensors"]


def test_checkpoints_by_the_minute(vit_config, tok, pairs, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(clock))
    config = dataclasses.replace(CONFIG, checkpoint_every=1000, checkpoint_minutes=2)
    _, _, steps = start(vit_config, tok, pairs, tmp_path, config)
    at = [log.step for log in steps if (runs.states(tmp_path) or [None])[-1] == tmp_path / f"state-{log.step:08d}.safetensors"]
    assert len(at) in (2, 3) and at[-1] == 8  # 40 s a look at the clock


def test_a_run_leaves_a_picture_of_its_curves_and_what_it_was_made_with(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    assert Image.open(tmp_path / "curves.png").size == (1200, 600)
    assert json.loads((tmp_path / "config.json").read_text())["versions"]["torch"] == torch.__version__


def test_runs_are_summed_up(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path / "a")
    _, _, steps = start(vit_config, tok, pairs, tmp_path / "b", dataclasses.replace(CONFIG, seed=4))
    next(steps)
    steps.close()
    one, two = history.compare([tmp_path / "a", tmp_path / "b"])
    assert (one["run"], one["steps"], one["seed"]) == ("a", "9 of 9", "0")
    assert (two["run"], two["steps"], two["seed"]) == ("b", "1 of 9", "4") and "lr" not in two
    logs = runs.read_log(tmp_path / "a")
    assert one["loss"] == f"{sum(log.loss for log in logs) / 9:.3f}"
    with pytest.raises(ValueError, match="holds no run"):
        history.compare([tmp_path])


# What used to be lost in silence


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


DAMAGES = {"cut": lambda b: b[:-9], "empty": lambda b: b"", "other bytes": lambda b: b"x" * len(b)}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_run_whose_states_are_all_damaged_is_not_begun_again(vit_config, tok, pairs, tmp_path, damage):
    finish(vit_config, tok, pairs, tmp_path)
    for state in runs.states(tmp_path):
        state.write_bytes(damage(state.read_bytes()))
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="no state can be read: .*state-00000007.*, .*state-00000008.*Nothing was changed"):
        finish(vit_config, tok, pairs, tmp_path)
    assert everything(tmp_path) == before


def test_a_folder_whose_name_is_no_utf8_is_refused_before_anything_is_written(vit_config, tok, pairs, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9") / "run"
    with pytest.raises(ValueError, match="is not UTF-8: choose another"):
        finish(vit_config, tok, pairs, folder)
    assert not list(tmp_path.iterdir())


def test_a_damaged_state_of_a_later_step_does_not_cost_the_earlier_ones(vit_config, tok, pairs, tmp_path):
    _, _, steps = start(vit_config, tok, pairs, tmp_path)
    for _ in zip(range(6), steps, strict=False):
        pass
    steps.close()
    later = tmp_path / "state-00000099.safetensors"
    later.write_bytes(b"torn")
    with pytest.warns(UserWarning, match="state-00000099.safetensors cannot be read"):
        finish(vit_config, tok, pairs, tmp_path)
    assert [runs.step_of(path) for path in runs.states(tmp_path)] == [7, 8, 99] and later.read_bytes() == b"torn"


@pytest.mark.parametrize("how", ["close", "forget", "go on"])
def test_an_older_training_of_this_process_overwrites_nothing(vit_config, tok, pairs, tmp_path, how):
    _, _, old = start(vit_config, tok, pairs, tmp_path)
    for _ in range(3):
        next(old)
    weights, _ = finish(vit_config, tok, pairs, tmp_path)
    before = everything(tmp_path)
    if how == "go on":
        with pytest.raises(ValueError, match="another training of this process has gone on in"):
            next(old)
    elif how == "close":
        old.close()
    del old
    assert everything(tmp_path) == before
    assert len(cm.weights.load(tmp_path / "checkpoint.safetensors")[0].state_dict()) < len(weights)  # it is whole
    with FileLock(tmp_path / runs.LOCK, timeout=0):
        pass  # and the folder is free


def test_the_settings_of_an_objective_and_the_images_belong_to_a_run(vit_config, tok, pairs, tmp_path):
    def begin(data, objective):
        steps = cm.train(cm.CLIP(vit_config), tok, data, CONFIG, objective, run_dir=tmp_path, resume=True)
        next(steps)
        steps.close()

    begin(pairs, Contrastive("captions"))
    with pytest.raises(ValueError, match="objective settings is .*identity.*, was .*captions"):
        begin(pairs, Contrastive("identity"))
    other = pairs.images.clone()
    other[3, 0, 5, 5] ^= 1
    with pytest.raises(ValueError, match="data.images is"):
        begin(dataclasses.replace(pairs, images=other), Contrastive("captions"))
    begin(pairs, Contrastive("captions"))


@pytest.mark.parametrize("change", [{"chunk_size": 1}, {"recompute": True}, {"checkpoint_minutes": 1.0}], ids=str)
def test_what_a_lack_of_memory_advises_goes_on(vit_config, tok, pairs, tmp_path, change):
    def begin(config):
        torch.manual_seed(0)
        return cm.train(cm.CLIP(vit_config), tok, pairs, config, run_dir=tmp_path, resume=True)

    steps = begin(CONFIG)
    next(steps)
    steps.close()
    assert [log.step for log in begin(dataclasses.replace(CONFIG, **change))] == list(range(1, CONFIG.steps))


def test_a_run_of_an_older_version_goes_on(vit_config, tok, pairs, tmp_path):
    """Which did not know of a setting, nor tell of the images."""
    _, _, steps = start(vit_config, tok, pairs, tmp_path)
    next(steps)
    steps.close()
    config = json.loads((tmp_path / "config.json").read_text())
    del config["train"]["batch_norm"], config["data"]["images"], config["objective settings"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="train.batch_norm is 'frozen', was 'batch'"):
        finish(vit_config, tok, pairs, tmp_path, dataclasses.replace(CONFIG, batch_norm="frozen"))
    assert len(finish(vit_config, tok, pairs, tmp_path)[1]) == CONFIG.steps - 1
    config["train"]["momentum"] = 0.9
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="train.momentum is None, was 0.9"):
        finish(vit_config, tok, pairs, tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="cannot read what the run in .* is"):
        finish(vit_config, tok, pairs, tmp_path)


def test_a_run_that_fails_before_its_first_step_claims_nothing(vit_config, tok, pairs, tmp_path):
    class Never(nn.Module):
        def forward(self, model, images, tokens, caption_ids):
            raise KeyError

    with pytest.raises(KeyError):
        next(cm.train(cm.CLIP(vit_config), tok, pairs, CONFIG, Never(), run_dir=tmp_path))
    _, logs = finish(vit_config, tok, pairs, tmp_path, dataclasses.replace(CONFIG, lr=0.1), resume=False)
    assert len(logs) == CONFIG.steps


def test_a_disk_that_is_full_while_the_log_is_written(vit_config, tok, pairs, tmp_path):
    _, _, steps = start(vit_config, tok, pairs, tmp_path)
    for _ in range(3):
        next(steps)
    runs.OWNERS[tmp_path.resolve()].log = open("/dev/full", "w", buffering=1)
    with pytest.raises(ValueError, match="cannot write .*log.jsonl: No space left on device. The last good state is .*00000001"):
        next(steps)


@pytest.mark.parametrize("compiled", ["model", "tower"])
def test_a_compiled_model_is_saved_as_a_plain_one(vit_config, tok, pairs, tmp_path, compiled):
    torch.manual_seed(0)
    model = cm.CLIP(vit_config)
    if compiled == "tower":
        model.visual = torch.compile(model.visual, backend="eager")
    trained = torch.compile(model, backend="eager") if compiled == "model" else model
    short = dataclasses.replace(CONFIG, steps=2)
    list(cm.train(trained, tok, pairs, short, run_dir=tmp_path))
    assert not any("_orig_mod" in key for key in cm.weights.load(tmp_path / "checkpoint.safetensors")[0].state_dict())
    plain = cm.CLIP(vit_config)
    assert list(cm.train(plain, tok, pairs, short, run_dir=tmp_path, resume=True)) == []
    assert torch.equal(plain.text.text_projection, model.text.text_projection)


def test_a_relative_folder_stays_where_it_was(vit_config, tok, pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, _, steps = start(vit_config, tok, pairs, "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    next(steps)
    monkeypatch.chdir(tmp_path)
    next(steps)
    steps.close()
    assert [path.name for path in runs.states(tmp_path / "run")] == ["state-00000001.safetensors"]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_other_parameters_do_not_get_the_moments(vit_config, tok, pairs, tmp_path):
    def begin(frozen):
        torch.manual_seed(0)
        model = cm.CLIP(vit_config)
        frozen(model).requires_grad_(False)
        return cm.train(model, tok, pairs, CONFIG, run_dir=tmp_path, resume=True)

    steps = begin(lambda model: model.visual.ln_pre)
    next(steps)
    steps.close()
    with pytest.raises(ValueError, match="trains other parameters: model.visual.ln_post.bias, model.visual.ln_post.weight"):
        next(begin(lambda model: model.visual.ln_post))
    next(begin(lambda model: model.visual.ln_pre))


def test_a_checkpoint_without_a_state_is_not_overwritten(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    for state in runs.states(tmp_path):
        state.unlink()
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="holds a checkpoint.safetensors, but no state to go on from: choose another folder"):
        finish(vit_config, tok, pairs, tmp_path)
    (tmp_path / "log.jsonl").unlink()
    for resume in (True, False):
        with pytest.raises(ValueError, match="choose another folder"):
            finish(vit_config, tok, pairs, tmp_path, resume=resume)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before["checkpoint.safetensors"]


def test_a_line_that_cannot_be_read_costs_no_other(vit_config, tok, pairs, tmp_path):
    _, _, steps = start(vit_config, tok, pairs, tmp_path)
    for _ in range(6):
        next(steps)
    steps.close()
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_bytes(b"".join([*lines[:2], b"\xff?\n", *lines[3:]]))
    finish(vit_config, tok, pairs, tmp_path)
    assert [log.step for log in runs.read_log(tmp_path)] == [0, 1, 3, 4, 5, 6, 7, 8]


def test_a_second_training_that_is_refused_does_not_end_the_first(vit_config, tok, pairs, tmp_path):
    _, _, first = start(vit_config, tok, pairs, tmp_path)
    for _ in range(3):
        next(first)
    state = runs.states(tmp_path)[-1]
    whole = state.read_bytes()
    torch.manual_seed(1)
    text = dataclasses.replace(vit_config.text, layers=1)
    with pytest.raises(ValueError, match="is another one"):
        finish(dataclasses.replace(vit_config, text=text), tok, pairs, tmp_path)
    assert state.read_bytes() == whole and [log.step for log in first] == list(range(3, CONFIG.steps))


def test_a_forked_child_overwrites_nothing(vit_config, tok, pairs, tmp_path):
    _, _, steps = start(vit_config, tok, pairs, tmp_path)
    for _ in range(3):
        next(steps)
    child = os.fork()
    if child == 0:
        steps.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert runs.step_of(runs.states(tmp_path)[-1]) == 1
    assert [log.step for log in steps] == list(range(3, CONFIG.steps))


def test_a_checkpoint_that_fails_is_written_when_the_run_goes_on(vit_config, tok, pairs, tmp_path, monkeypatch):
    real = runs.save

    def full(*args, **kwargs):
        raise ValueError("could not save: No space left on device")

    short = dataclasses.replace(CONFIG, checkpoint_every=100)
    monkeypatch.setattr(runs, "save", full)
    with pytest.raises(ValueError, match="No space left"):
        finish(vit_config, tok, pairs, tmp_path, short)
    monkeypatch.setattr(runs, "save", real)
    finish(vit_config, tok, pairs, tmp_path, short)
    assert (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("value", [(1.0, 9.0), {"a": 2}, None, [3]], ids=str)
def test_any_plain_setting_of_an_objective_counts(vit_config, tok, pairs, tmp_path, value):
    def begin(weights):
        objective = Contrastive()
        objective.part = nn.Identity()
        objective.part.weights, objective._calls = weights, object()
        steps = cm.train(cm.CLIP(vit_config), tok, pairs, CONFIG, objective, run_dir=tmp_path, resume=True)
        next(steps)
        steps.close()

    begin((1.0, 2.0))
    with pytest.raises(ValueError, match="objective settings is .*part.weights="):
        begin(value)


def test_a_state_under_another_name_is_no_state(vit_config, tok, pairs, tmp_path):
    finish(vit_config, tok, pairs, tmp_path)
    shutil.copy(runs.states(tmp_path)[0], tmp_path / "state-backup.safetensors")
    assert finish(vit_config, tok, pairs, tmp_path)[1] == []


@pytest.mark.parametrize("config", ["{}", "[]", "null", "{", '{"train": 3}', '{"train": {"steps": "many"}}'])
def test_a_damaged_configuration_is_named(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(ValueError, match="config.json is not the configuration of a run"):
        history.compare([tmp_path])
