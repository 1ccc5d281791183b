"""The wheel, installed into an empty environment away from the sources, does what the quickstart promises."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
QUICKSTART = ROOT / "notebooks" / "01_quickstart.ipynb"

HANGING = 7200  # seconds: no command takes a tenth of it on a quiet machine

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """The output of a command that must succeed, with nothing of this environment leaking in."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "JUPYTER"))}
    result = subprocess.run([str(part) for part in command], cwd=cwd, env=env, timeout=HANGING,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """A folder outside the tree with an environment `env` that holds the wheel and what executes notebooks."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder, ROOT, cwd=folder)
    run(UV, "venv", "--quiet", "--python", sys.executable, "env", cwd=folder)
    # The wheel names its own needs; the lock only says which versions, as constraints.
    run(UV, "pip", "install", "--quiet", "--python", "env", "--constraints", ROOT / "requirements.txt",
        next(folder.glob("*.whl")), "nbclient", "ipykernel", "ipywidgets", cwd=folder)
    yield folder
    shutil.rmtree(folder / "env")  # 5 GB with torch's libraries


def test_imports_from_the_installed_package(away):
    where = run("env/bin/python", "-c", "import clipmini; print(clipmini.__file__)", cwd=away)
    assert "site-packages" in where and str(ROOT) not in where


def test_data_set_comes_with_the_install(away):
    code = "import clipmini as cm; print(len(cm.datasets.load('glyphs', split='val').captions) > 0)"
    assert run("env/bin/python", "-c", code, cwd=away).endswith("True")


def test_checkpoint_comes_with_the_install(away):
    code = "import clipmini as cm; model, tok, _ = cm.load('glyphs-resnet'); print(model.context_length > 0)"
    assert run("env/bin/python", "-c", code, cwd=away).endswith("True")


@pytest.mark.skipif(not QUICKSTART.exists(), reason="the quickstart is not written yet")
def test_quickstart_runs_from_the_wheel(away):
    shutil.copy(QUICKSTART, away)
    run("env/bin/jupyter-execute", "--timeout=-1", "--startup_timeout=600", QUICKSTART.name, cwd=away)
