"""The scripts behind the solutions still find what they need in their chapters, and refuse an unknown exercise."""

import importlib
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import ROOT
from tools.chapters.notebook import DEFINES, chapters, code_cells, read, tags
from tools.exercises import chapter

SCRIPTS = sorted({path.stem for path in (ROOT / "tools" / "exercises").glob("*.py")} - {"__init__", "chapter"})


def chapter_of(script):
    return getattr(importlib.import_module(f"tools.exercises.{script}"), "CHAPTER", None)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_finds_its_chapters_names(script):
    assert chapter_of(script) is None or chapter.definitions(chapter_of(script))


def test_cells_are_tagged_for_the_chapters_that_a_script_builds_on():
    tagged = {path.stem for path in chapters() if any(DEFINES in tags(cell) for cell in code_cells(read(path)))}
    assert tagged == set(map(chapter_of, SCRIPTS)) - {None}


def test_only_tagged_cells_are_executed(monkeypatch):
    cells = [("x = 1", [DEFINES]), ("x = 1 / 0", []), ("y = x + 1", [DEFINES])]
    monkeypatch.setattr(chapter, "read", lambda path: notebook_of(cells))
    names = chapter.definitions("99_some_chapter")
    assert (names["x"], names["y"]) == (1, 2)


def notebook_of(cells):
    return new_notebook(cells=[new_code_cell(source, metadata={"tags": tags}) for source, tags in cells])


def test_a_chapter_without_tagged_cells_is_refused(monkeypatch):
    monkeypatch.setattr(chapter, "code_cells", lambda notebook: [])
    with pytest.raises(ValueError, match="04_tokenizer has no cell with the tag 'defines'"):
        chapter.definitions("04_tokenizer")


def test_the_exercises_that_are_named_run_with_their_chapter(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["some_exercises.py", "2"])
    monkeypatch.setattr(chapter, "definitions", lambda name: {"name": name})
    chapter.run({"1": pytest.fail, "2": lambda names: print(names["name"])}, "Numbers.", "a chapter")
    assert capsys.readouterr().out == "exercise 2\na chapter\n"


def test_an_unknown_exercise_is_refused_before_any_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["some_exercises.py", "1", "7"])
    with pytest.raises(SystemExit):
        chapter.run({"1": pytest.fail, "2": pytest.fail}, "Numbers.")
    assert "unknown exercise '7'; choose from: 1, 2" in capsys.readouterr().err
