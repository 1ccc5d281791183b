"""When is a chapter stale, what does a failed run leave behind, and can a checked cell fail?"""

import ast
import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image, ImageColor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from source_hash import library_files, source_hash  # noqa: E402

import notebooks  # noqa: E402

CODE = "from clipmini import a\nx = a.one()"


@pytest.fixture
def project(tmp_path):
    """A tiny project: a chapter imports clipmini.a, which imports clipmini.b; nothing imports clipmini.c."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "requirements.txt").write_text("torch==2.6.0\n    # via clipmini\n")
    (tmp_path / "_config.yml").write_text("repository: {url: https://example.org/me/book, branch: v1}\n")
    modules = {"__init__": "", "a": "from .b import two\n\ndef one():\n    return two() - 1\n",
               "b": "def two():\n    return 2\n", "c": "three = 3\n"}
    (tmp_path / "clipmini").mkdir()
    for name, text in modules.items():
        (tmp_path / "clipmini" / f"{name}.py").write_text(text)
    return tmp_path


def chapter(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def append(path, text):
    path.write_text(path.read_text() + text)


def test_comments_and_line_breaks_make_nothing_stale(project):
    before = source_hash(chapter(CODE), project)
    append(project / "clipmini" / "b.py", "\n\n# why\n")
    append(project / "requirements.txt", "# a note\n")
    assert source_hash(chapter("# first\n" + CODE + "  # last"), project) == before


@pytest.mark.parametrize("changed", ["clipmini/a.py", "clipmini/b.py", "clipmini/__init__.py"])
def test_code_of_an_imported_module_makes_stale(project, changed):
    before = source_hash(chapter(CODE), project)
    append(project / changed, "\nnew = 1\n")
    assert source_hash(chapter(CODE), project) != before


def test_own_code_and_lock_make_stale_but_other_modules_do_not(project):
    before = source_hash(chapter(CODE), project)
    append(project / "clipmini" / "c.py", "\nnew = 1\n")
    assert source_hash(chapter(CODE), project) == before
    assert source_hash(chapter(CODE + "\nx += 1"), project) != before
    append(project / "requirements.txt", "numpy==2.0.0\n")
    assert source_hash(chapter(CODE), project) != before


def test_the_package_as_a_whole_brings_what_it_imports():
    names = {path.name for path in library_files([ast.parse("import clipmini as cm")], ROOT)}
    assert {"__init__.py", "clip.py", "layers.py", "training.py"} <= names


def test_setup_cell_is_stamped_once_and_changes_no_hash(project):
    notebook = chapter(CODE)
    before = source_hash(notebook, project)
    assert notebooks.stamped(notebook, project) and not notebooks.stamped(notebook, project)
    assert "git+https://example.org/me/book@v1" in notebook.cells[0].source
    assert source_hash(notebook, project) == before


def test_executing_twice_changes_no_byte(project):
    path = project / "notebooks" / "01.ipynb"
    nbformat.write(chapter("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);", "1 + 1"), path)
    assert notebooks.is_stale(path, project)
    notebooks.execute(path, project)
    once = path.read_bytes()
    assert not notebooks.is_stale(path, project)
    notebooks.execute(path, project)
    assert path.read_bytes() == once


def test_other_outputs_are_told_but_for_measured_ones(project, capsys):
    path = project / "notebooks" / "01.ipynb"
    notebook = chapter("import time", "time.time_ns()", "time.time_ns()", "1 + 1")
    notebook.cells[1].metadata.tags = [notebooks.MEASURED]
    nbformat.write(notebook, path)
    notebooks.execute(path, project)
    assert "other outputs than before in code cells 3, 4\n" in capsys.readouterr().out
    notebooks.execute(path, project)
    assert "other outputs than before in code cells 3\n" in capsys.readouterr().out


def test_a_cell_is_not_measured_and_checked_at_once(project):
    notebook = chapter("print(1)")
    notebook.cells[0].metadata.tags = [notebooks.MEASURED, notebooks.CHECK]
    nbformat.write(notebook, project / "notebooks" / "01.ipynb")
    assert any("to be checked and measures" in line for line in notebooks.problems(project / "notebooks" / "01.ipynb", project))


def test_failed_execution_leaves_the_file_whole(project):
    path = project / "notebooks" / "01.ipynb"
    nbformat.write(chapter("1 + 1", "1 / 0"), path)
    before = path.read_bytes()
    with pytest.raises(notebooks.Failed, match="ZeroDivisionError"):
        notebooks.execute(path, project)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def png(*colours) -> str:
    picture, out = Image.new("RGBA", (len(colours), 1)), io.BytesIO()
    for x, colour in enumerate(colours):
        picture.putpixel((x, 0), ImageColor.getrgb(colour))
    picture.resize((64 * len(colours), 64), Image.Resampling.NEAREST).save(out, "PNG", compress_level=0)
    return base64.b64encode(out.getvalue()).decode()


def test_a_stored_figure_is_smaller_and_looks_the_same():
    stored = notebooks.smaller(png("red", "white", "blue"))
    picture = Image.open(io.BytesIO(base64.b64decode(stored))).convert("RGB")
    assert picture.size == (192, 64)
    assert [picture.getpixel((x, 32)) for x in (32, 96, 160)] == [(255, 0, 0), (255, 255, 255), (0, 0, 255)]
    assert len(stored) < len(png("red", "white", "blue")) / 3


def test_a_picture_stands_in_for_its_widget():
    output = nbformat.v4.new_output("display_data", {notebooks.WIDGET: {"model_id": "ab"}, "image/png": png("red")})
    notebook = chapter("slider")
    notebook.cells[0].outputs = [output]
    notebooks.normalise(notebook)
    assert list(notebook.cells[0].outputs[0].data) == ["image/png"]


def test_what_is_printed_in_a_row_is_stored_as_one():
    def printed(text, name="stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    figure = nbformat.v4.new_output("display_data", {"image/png": png("red")})
    notebook = chapter("print")
    notebook.cells[0].outputs = [printed("a\n"), printed("b\n"), printed("c\n", "stderr"), figure, printed("d\n"), printed("e\n")]
    notebooks.normalise(notebook)
    assert [output.get("text") for output in notebook.cells[0].outputs] == ["a\nb\n", "c\n", None, "d\ne\n"]


@pytest.mark.parametrize(("stored", "verdict"), [("4", "1 passed"), ("5", "1 failed")])
def test_a_checked_cell_fails_when_its_stored_output_is_wrong(tmp_path, stored, verdict):
    notebook = chapter("2 + 2")
    notebook.cells[0].metadata.tags = [notebooks.CHECK]
    notebook.cells[0].execution_count = 1
    notebook.cells[0].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": stored}, execution_count=1)]
    nbformat.write(notebook, tmp_path / "01.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "01.ipynb"]
    assert verdict in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout


def test_unknown_chapter_lists_the_choices(project):
    nbformat.write(chapter(), project / "notebooks" / "01_quickstart.ipynb")
    with pytest.raises(ValueError, match="01_quickstart"):
        notebooks.chapters(project, "07")


def test_a_data_set_that_a_chapter_names_is_part_of_what_it_depends_on(tmp_path):
    """Data sets are imported when they are first asked for, so no import statement of a chapter shows them."""
    shutil.copytree(ROOT / "clipmini", tmp_path / "clipmini")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    chapters = {
        name: nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        for name, code in {
            "text": 'import clipmini as cm\ncm.datasets.load("scenes/shape", "val")',
            "attribute": "import clipmini as cm\ncm.datasets.scenes.compose()",
            "neither": 'import clipmini as cm\ncm.datasets.load("digits", "dev")',
        }.items()
    }
    before = {name: source_hash(chapter, tmp_path) for name, chapter in chapters.items()}
    with (tmp_path / "clipmini" / "datasets" / "scenes" / "outlines.py").open("a") as file:
        file.write("MORE = 1\n")
    changed = {name for name, chapter in chapters.items() if source_hash(chapter, tmp_path) != before[name]}
    assert changed == {"text", "attribute"}
