"""However a script ends, kill -9 apart, its run is saved."""

import signal
import subprocess
import sys

import clipmini as cm
from clipmini.training import runs

SCRIPT = """
import os, signal, sys, time
import torch
import clipmini as cm

class Slow(torch.nn.Module):
    def forward(self, model, images, tokens, caption_ids):
        if hasattr(self, "step") and self.step == 4:
            {in_a_step}
        self.step = getattr(self, "step", -1) + 1
        return cm.objectives.contrastive.Contrastive()(model, images, tokens, caption_ids)

tok = cm.Tokenizer.train(["red blue"], vocab_size=515)
text = cm.TextConfig(context_length=7, vocab_size=tok.vocab_size, width=8, layers=1, heads=1)
vision = cm.ViTConfig(resolution=16, patch=8, width=8, layers=1, heads=1)
torch.manual_seed(0)
model = cm.CLIP(cm.CLIPConfig(embed_dim=4, vision=vision, text=text))
images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
data = cm.datasets.Pairs(name="a", split="train", images=images, captions=list("abcd"))
steps = cm.train(model, tok, data, cm.TrainConfig(steps=99, batch_size=4, device="cpu"), Slow(), run_dir=sys.argv[1])
{loop}
"""


def left(tmp_path, loop, in_a_step="pass", code=None):
    """The step that was kept by a script that ended so."""
    script = SCRIPT.format(loop=loop, in_a_step=in_a_step)
    result = subprocess.run([sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True)
    assert result.returncode == code, result.stderr
    assert "Exception ignored" not in result.stderr
    (state,) = runs.states(tmp_path / "run")
    assert cm.weights.load(tmp_path / "run" / "checkpoint.safetensors")[1]
    return runs.step_of(state), result.stderr


def test_a_global_generator_that_is_left_with_break(tmp_path):
    assert left(tmp_path, "for log in steps:\n    if log.step == 5: break", code=0)[0] == 5


def test_an_exception_in_the_loops_body(tmp_path):
    step, said = left(tmp_path, "for log in steps:\n    if log.step == 3: 1 / 0", code=1)
    assert step == 3 and "ZeroDivisionError" in said


def test_sys_exit_in_a_function(tmp_path):
    loop = "def body():\n    for log in steps:\n        if log.step == 2: sys.exit(7)\nbody()"
    assert left(tmp_path, loop, code=7)[0] == 2


def test_sigterm_in_the_loops_body(tmp_path):
    loop = "for log in steps:\n    if log.step == 2: os.kill(os.getpid(), signal.SIGTERM); time.sleep(600)"
    assert left(tmp_path, loop, code=128 + signal.SIGTERM)[0] == 2


def test_sigterm_within_a_step_waits_for_its_end(tmp_path):
    kill = "os.kill(os.getpid(), signal.SIGTERM)"
    assert left(tmp_path, "for log in steps: pass", in_a_step=kill, code=128 + signal.SIGTERM)[0] == 5


def test_sigterm_from_outside(tmp_path):
    script = SCRIPT.format(loop="for log in steps: print(log.step, flush=True); time.sleep(0.01)", in_a_step="pass")
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < 3:
        pass
    process.terminate()
    rest = process.communicate()[0].split()
    last = int(rest[-1]) if rest else 3
    assert process.returncode == 128 + signal.SIGTERM
    assert runs.step_of(runs.states(tmp_path / "run")[-1]) in (last, last + 1)


def test_sigterm_after_a_run_ends_the_process_as_ever(tmp_path):
    loop = "for log in steps: pass\nos.kill(os.getpid(), signal.SIGTERM); time.sleep(600)"
    script = SCRIPT.format(loop=loop, in_a_step="pass").replace("steps=99", "steps=3")
    result = subprocess.run([sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True)
    assert result.returncode == -signal.SIGTERM


def test_sigterm_during_the_last_saving(tmp_path):
    """It comes again when the run is whole, and ends the script."""
    loop = (
        "from clipmini.training import runs\n"
        "real = runs.save\n"
        "runs.save = lambda *a, **k: (os.kill(os.getpid(), signal.SIGTERM), real(*a, **k))\n"
        "for log in steps:\n"
        "    if log.step == 4: break\n"
        "steps.close()\n"
        "time.sleep(600)"
    )
    assert left(tmp_path, loop, code=128 + signal.SIGTERM)[0] == 4


def test_sigterm_ends_a_training_in_a_thread(tmp_path):
    loop = (
        "import threading\n"
        "thread = threading.Thread(target=lambda: [time.sleep(0.01) for _ in steps])\n"
        "thread.start(); time.sleep(1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "thread.join()"
    )
    assert 0 <= left(tmp_path, loop.replace("0.01", "0.1"), code=128 + signal.SIGTERM)[0] < 98


def test_a_handler_of_the_readers_own_is_left_alone(vit_config, tok, pairs, tmp_path):
    def mine(number, frame):
        pass

    before = signal.signal(signal.SIGTERM, mine)
    try:
        next(cm.train(cm.CLIP(vit_config), tok, pairs, cm.TrainConfig(steps=2, batch_size=7, device="cpu"), run_dir=tmp_path))
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
