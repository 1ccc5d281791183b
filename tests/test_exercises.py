"""The scripts behind the solutions still find what they need in their chapters, and refuse an unknown exercise."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import exercises  # noqa: E402

SCRIPTS = sorted(path.stem for path in (ROOT / "tools").glob("*_exercises.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_finds_its_chapters_names(script):
    setting = getattr(importlib.import_module(script), "SETTING", None)
    assert setting is None or exercises.chapter(**setting)


def test_a_chapter_without_the_cell_is_refused(monkeypatch):
    monkeypatch.setattr(exercises, "code_cells", lambda notebook: [])
    with pytest.raises(ValueError, match="04_tokenizer has no cell with 'def gone'"):
        exercises.chapter("04_tokenizer", "def gone")


def test_the_exercises_that_are_named_run_in_their_setting(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["some_exercises.py", "2"])
    monkeypatch.setattr(exercises, "chapter", lambda name: {"name": name})
    exercises.run({"1": pytest.fail, "2": lambda names: print(names["name"])}, "Numbers.", {"name": "a chapter"})
    assert capsys.readouterr().out == "exercise 2\na chapter\n"


def test_an_unknown_exercise_is_refused_before_any_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["some_exercises.py", "1", "7"])
    with pytest.raises(SystemExit):
        exercises.run({"1": pytest.fail, "2": pytest.fail}, "Numbers.")
    assert "unknown exercise '7'; choose from: 1, 2" in capsys.readouterr().err
