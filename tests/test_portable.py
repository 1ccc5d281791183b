"""The settings of `make test-portable` change what computes, and one failure among them is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch

from tools.check import portable

SANITIZE = Path(portable.__file__).with_name("sanitize.cfg")

SHOW = """
import numpy as np, torch
found = np.__config__.show(mode="dicts").get("SIMD Extensions", {}).get("found", [])
print(torch.backends.cpu.get_cpu_capability(), any(name.startswith(("AVX512", "X86_V4")) for name in found),
      bool(found))
"""


def shown(setting):
    """What PyTorch uses, whether NumPy uses AVX-512, and whether it uses more than its minimum."""
    env = os.environ | portable.variables(setting)
    return subprocess.run([sys.executable, "-c", SHOW], env=env, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() != "AVX512", reason="this processor has no AVX-512 to leave out")
def test_avx2_leaves_out_what_is_wider():
    assert shown("avx2")[:2] == ["AVX2", "False"]


def test_default_leaves_out_everything():
    assert shown("default")[:3] == ["DEFAULT", "False", "False"]


def test_a_machine_without_avx_512_says_so_and_runs(monkeypatch, capsys):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert portable.variables("avx2") == {} and "no more than that" in capsys.readouterr().out


@pytest.mark.parametrize("failing", ["native", "one-thread", None])
def test_all_settings_run_and_one_failure_fails(monkeypatch, capsys, failing):
    ran = []

    def passes(setting, arguments):
        ran.append((setting, arguments))
        return setting != failing

    monkeypatch.setattr(portable, "passes", passes)
    assert portable.main(["tests/test_vit.py", "--nbval-lax"]) == (failing is not None)
    assert ran == [(setting, ["tests/test_vit.py", "--nbval-lax"]) for setting in portable.SETTINGS]
    assert capsys.readouterr().out.count("FAILED") == (failing is not None)


def test_one_setting_can_be_chosen(monkeypatch):
    monkeypatch.setattr(portable, "passes", lambda setting, arguments: setting == "avx2" and arguments == ["-q"])
    assert portable.main(["--setting", "avx2", "-q"]) == 0


def test_pytest_decides():
    assert portable.passes("native", ["--version"]) and not portable.passes("native", ["--noconftest", "no_such_file.py"])


def test_where_the_weights_come_from_is_not_compared(tmp_path):
    """The stored outputs are a stand-in's; on a machine with a network the first cell reads the released file."""
    stored = nbformat.v4.new_output("stream", text="302 arrays (stand-in)\n")
    cells = [nbformat.v4.new_code_cell(f"print({printed!r})", metadata={"tags": ["nbval-check-output"]},
                                       execution_count=number, outputs=[stored])
             for number, printed in enumerate(["302 arrays (OpenAI's file)", "301 arrays (stand-in)"], start=1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZE}"]
    done = subprocess.run([*command, "01.ipynb"], cwd=tmp_path, capture_output=True, text=True)
    assert "1 failed, 1 passed" in done.stdout
