"""The command that runs the chapters on Colab's versions: what it refuses, and what it says of a chapter that stops."""

import json
import re
import sys

import nbformat
import pytest

from tools.check import colab, run_chapter

RUNTIME = colab.RUNTIMES[0]


@pytest.mark.parametrize("runtime", colab.RUNTIMES, ids=lambda runtime: runtime.name)
def test_a_runtimes_list_pins_what_the_chapters_stand_on(runtime):
    lines = [line for line in runtime.packages.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert {"torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "ipython"} <= {line.split("==")[0] for line in lines}
    assert re.search(r"\b20\d\d\b", runtime.packages)  # when it was so


def test_the_oldest_runtime_is_the_lower_bound_of_the_package():
    bounds = (colab.ROOT / "pyproject.toml").read_text()
    torch = re.search(r"^torch==(\d+\.\d+)", colab.RUNTIMES[1].packages, re.M)[1]
    assert f'"torch>={torch}"' in bounds and f'requires-python = ">={colab.RUNTIMES[1].python}"' in bounds


def test_a_package_that_our_wheel_changes_is_named():
    before = {"torch": "2.11.0", "numpy": "2.1.3", "gone": "1"}
    after = {"torch": "2.11.0", "numpy": "2.4.6", "clipmini": "0.1.0"}
    assert colab.changes(before, after) == ["gone 1 became nothing", "numpy 2.1.3 became 2.4.6"]
    assert colab.changes(before, before | {"clipmini": "0.1.0"}) == []


def test_only_a_python_that_runs_and_has_the_version_will_do(tmp_path):
    shim = tmp_path / "python9.9"
    shim.write_text("#!/bin/sh\necho 'python9.9: not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    here = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    assert not colab.is_python(shim, "9.9")
    assert colab.is_python(sys.executable, here) and not colab.is_python(sys.executable, "9.9")


def test_a_python_that_cannot_be_had_is_a_failure_that_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(colab, "CACHE", tmp_path)
    monkeypatch.setattr(colab, "build_wheel", lambda folder: folder / "clipmini.whl")
    monkeypatch.setattr(colab, "installed_python", lambda version: None)
    monkeypatch.setattr(colab.shutil, "which", lambda name: None)  # no debootstrap
    assert colab.main(["--runtime", "colab"]) == 1
    assert "clipmini: Python 3.13 is not installed here" in capsys.readouterr().out


def test_a_disk_without_room_is_a_failure_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(colab, "CACHE", tmp_path)
    monkeypatch.setattr(colab, "interpreter", lambda runtime: ["python"])
    monkeypatch.setattr(colab.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 3e9}))
    with pytest.raises(colab.Failed, match="12 GB are needed in .* and 3.0 GB are free"):
        colab.prepare(RUNTIME)


def test_packages_that_the_list_names_no_longer_are_installed_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(colab, "CACHE", tmp_path)
    installed = []
    monkeypatch.setattr(colab, "interpreter", lambda runtime: ["python"])
    monkeypatch.setattr(colab, "install", lambda runtime, *what: installed.append(what))
    monkeypatch.setattr(colab, "versions", lambda runtime: {"torch": "2.11.0"})
    monkeypatch.setattr(colab.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1e12}))
    assert colab.prepare(RUNTIME) == colab.prepare(RUNTIME) == {"torch": "2.11.0"}
    assert len(installed) == 1  # the second time it is there
    record = RUNTIME.folder / "installed.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"packages": "torch==2.10.0"}))
    colab.prepare(RUNTIME)
    assert len(installed) == 2


def test_a_wheel_that_changes_what_is_there_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(colab, "CACHE", tmp_path)
    RUNTIME.folder.mkdir()
    (RUNTIME.folder / "installed.json").touch()
    monkeypatch.setattr(colab, "install", lambda runtime, *what: None)
    monkeypatch.setattr(colab, "versions", lambda runtime: {"numpy": "2.4.6"})
    with pytest.raises(colab.Failed, match="numpy 2.1.3 became 2.4.6"):
        colab.add_wheel(RUNTIME, tmp_path, {"numpy": "2.1.3"})
    assert not (RUNTIME.folder / "installed.json").exists()  # so that the next run starts from the list again


@pytest.fixture
def executed(tmp_path, monkeypatch):
    def execute(*sources):
        monkeypatch.chdir(tmp_path)
        cells = [nbformat.v4.new_code_cell(source, id=f"cell{i}") for i, source in enumerate(sources, start=1)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), "chapter.ipynb")
        return run_chapter.run("chapter.ipynb")

    return execute


def test_a_chapter_that_stops_says_where_and_what_was_on_standard_error(executed):
    result = executed("import sys\nsys.stderr.write('beware\\n')", "# A remark.\n1 / 0", "never")
    assert result["failed"] == "cell cell2, `1 / 0`: ZeroDivisionError: division by zero"
    assert result["warned"] == ["cell1: beware"]


def test_a_chapter_runs_as_on_colab(executed):
    assert executed("import sys\nassert 'google.colab' in sys.modules")["failed"] == ""
