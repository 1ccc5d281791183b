"""When is a chapter stale, and why; what does a failed run leave behind; can a checked cell fail?"""

import base64
import importlib.util
import io
import subprocess
import sys
import types
from importlib.metadata import version

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image, ImageColor

from tools import ROOT
from tools.chapters.check import MAX_LINE, problems
from tools.chapters.dependencies import library, record
from tools.chapters.execute import Failed, execute
from tools.chapters.notebook import CHECK, MEASURED, chapters, read
from tools.chapters.outputs import WIDGET, normalise, smaller
from tools.chapters.stale import NEVER, reasons
from tools.chapters.stamp import setup_source, stamped, wheel_name

CODE = "from clipmini import a\nx = a.one()"
A = '''"""A module."""

from math import floor, prod

from .b import STEP, two

LIMIT = 3
TABLE = {"x": [1]}


def one(times=1):
    """One, as often as you like."""
    return prod([times, two() - STEP])


def never():
    return LIMIT


class Box:
    """A thing with a side."""

    side: int = 2

    def area(self):
        return self.side**2

    def volume(self):
        return self.side**3
'''
B = '''from .c import three

STEP = 1
UNREAD = 5


def two():
    return 2


def unused():
    return three
'''
# What an execution of CODE is seen to do.
SEEN = {"ran": {"clipmini/a.py": ["<module>", "one"], "clipmini/b.py": ["<module>", "two"], "clipmini/c.py": ["<module>"]},
        "shown": [], "data": ["numbers.csv"]}


@pytest.fixture
def project(tmp_path):
    """A tiny project: a chapter runs a.one, which runs b.two; c is imported, and nothing of it runs."""
    for folder in ("notebooks", "clipmini", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "requirements.txt").write_text("torch==2.6.0\n    # via clipmini\n")
    (tmp_path / "_config.yml").write_text("repository: {url: https://example.org/me/book, branch: v1}\n")
    (tmp_path / "data" / "numbers.csv").write_text("1,2\n")
    for name, text in {"__init__": "HOMES = {}\n", "a": A, "b": B, "c": "three = 3\n"}.items():
        (tmp_path / "clipmini" / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def stale(project):
    """-> why CODE is stale once a text in a file was replaced by another, or appended; executed before that."""
    notebook = chapter(CODE)

    def why(file, old, new, seen=SEEN):
        notebook.metadata["clipmini"] = record(notebook, seen, library(project), project)
        path = project / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new) if old else text + new)
        return reasons(notebook, project)

    return why


def chapter(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


@pytest.mark.parametrize(("file", "old", "new", "why"), [
    ("clipmini/a.py", "two() - STEP", "two() - STEP + 0", ["clipmini/a.py: one"]),
    ("clipmini/a.py", "times=1", "times=2", ["clipmini/a.py: one"]),
    ("clipmini/a.py", "def one", "@print\ndef one", ["clipmini/a.py: one"]),
    ("clipmini/b.py", "return 2", "return 4", ["clipmini/b.py: two"]),
    ("clipmini/a.py", "LIMIT = 3", "LIMIT = 4", ["clipmini/a.py: LIMIT"]),
    ("clipmini/a.py", "[1]", "[1, 2]", ["clipmini/a.py: TABLE"]),
    ("clipmini/a.py", "side: int = 2", "side: int = 3", ["clipmini/a.py: Box"]),
    ("clipmini/a.py", "import floor, prod", "import floor, sumprod as prod", ["clipmini/a.py: one"]),
    ("clipmini/b.py", "def two", "def deux", ["clipmini/b.py: two is gone"]),
    ("clipmini/a.py", "", "\nprint(one())\n", ["clipmini/a.py: <module>"]),
    ("clipmini/a.py", "    def area", "    def __len__(self):\n        return 1\n\n    def area", ["clipmini/a.py: Box"]),
    ("requirements.txt", "2.6.0", "2.7.0", ["requirements.txt"]),
    ("data/numbers.csv", "1,2", "1,3", ["data/numbers.csv"]),
])
def test_what_an_execution_used_makes_stale_and_is_named(stale, file, old, new, why):
    assert stale(file, old, new) == why


@pytest.mark.parametrize(("file", "old", "new"), [
    ("clipmini/a.py", "One, as often as you like.", "Just one."),
    ("clipmini/a.py", '"""A module."""', '"""Another."""'),
    ("clipmini/a.py", "return prod", "# why\n    return prod"),
    ("clipmini/a.py", "return LIMIT", "return LIMIT + 1"),
    ("clipmini/a.py", "return self.side**2", "return 4"),
    ("clipmini/a.py", "", "\nimport os\n\nNEW = os.sep\n\n\ndef new():\n    return NEW\n"),
    ("clipmini/a.py", "import floor, prod", "import ceil, prod"),
    ("clipmini/b.py", "return three", "return three + 1"),
    ("clipmini/c.py", "three = 3", "three = 4"),
    ("clipmini/__init__.py", "{}", '{"new": "a"}'),
    ("requirements.txt", "# via clipmini", "# via another"),
])
def test_what_no_execution_used_makes_nothing_stale(stale, file, old, new):
    assert stale(file, old, new) == []


def test_a_constant_of_a_module_where_nothing_ran_counts_if_it_is_named(stale):
    seen = SEEN | {"ran": {"clipmini/a.py": ["<module>", "one"], "clipmini/b.py": ["<module>"]}}
    assert stale("clipmini/b.py", "UNREAD = 5", "UNREAD = 6", seen) == []
    assert stale("clipmini/b.py", "STEP = 1", "STEP = 2", seen) == ["clipmini/b.py: STEP"]


def test_what_is_shown_counts_as_used(stale):
    seen = SEEN | {"shown": ["clipmini.a:Box", "clipmini.a:never"]}
    assert stale("clipmini/a.py", "return LIMIT", "return LIMIT + 1", seen) == ["clipmini/a.py: never"]
    assert stale("clipmini/a.py", "self.side**3", "8", seen) == ["clipmini/a.py: Box.volume"]
    assert stale("clipmini/a.py", "A thing with a side.", "A box.", seen) == []


def test_own_code_makes_stale_but_not_its_comments(project):
    notebook = chapter(CODE)
    assert reasons(notebook, project) == [NEVER]
    notebook.metadata["clipmini"] = record(notebook, SEEN, library(project), project)
    notebook.cells[0].source = f"# first\n{CODE}  # last"
    assert reasons(notebook, project) == []
    notebook.cells[0].source += "\nx += 1"
    assert reasons(notebook, project) == ["its own code"]


def test_an_execution_sees_functions_threads_sources_and_files(project):
    path, code = project / "notebooks" / "01.ipynb", (
        "import inspect, threading\nfrom clipmini import a\na.one()",
        "thread = threading.Thread(target=a.Box().area)\nthread.start()\nthread.join()",
        "len(inspect.getsource(a.never))",
        "open('../data/numbers.csv').read()",
    )
    nbformat.write(chapter(*code), path)
    execute(path, project)
    kept = read(path).metadata["clipmini"]
    assert set(kept["library"]["clipmini/a.py"]) == {"one", "never", "Box", "Box.area", "LIMIT", "TABLE"}
    assert set(kept["library"]["clipmini/b.py"]) == {"two", "STEP", "UNREAD"}
    assert "clipmini/c.py" not in kept["library"] and set(kept["data"]) == {"numbers.csv"}
    text = project / "clipmini" / "a.py"
    text.write_text(text.read_text().replace("self.side**2", "4"))
    assert reasons(read(path), project) == ["clipmini/a.py: Box.area"]


def test_a_checkpoint_that_is_read_is_seen(project):
    path = project / "notebooks" / "01.ipynb"
    save = "import torch\nfrom safetensors.torch import load_file, save_file\n"
    code = "x = {'x': torch.ones(1)}\nsave_file(x, '../data/x.safetensors')\nload_file('../data/x.safetensors')['x'].item()"
    nbformat.write(chapter(save + code), path)
    execute(path, project)
    assert set(read(path).metadata["clipmini"]["data"]) == {"x.safetensors"}


def test_what_the_real_chapters_depend_on_can_be_read():
    modules = library(ROOT)
    assert modules["clipmini/models/vit.py"]["VisionTransformer.forward"].is_function
    assert not modules["clipmini/config.py"]["PRESETS"].is_function
    assert "clipmini/__init__.py" not in modules


def test_setup_cell_is_stamped_once_and_changes_no_hash(project):
    notebook = chapter(CODE)
    notebook.metadata["clipmini"] = record(notebook, SEEN, library(project), project)
    assert stamped(notebook, project) and not stamped(notebook, project)
    assert reasons(notebook, project) == []


@pytest.fixture
def first_cell(project, monkeypatch):
    """-> what a chapter's first cell hands to pip on a Colab without clipmini; IPython fills in {names} as `format` does."""
    def run(release):
        (project / "pyproject.toml").write_text('[project]\nname = "clipmini"\nversion = "0.2.0"\n')
        repository = f"{{url: https://example.org/me/book, branch: v1, release: {release}}}"
        (project / "_config.yml").write_text(f"repository: {repository}\n")
        asked, names = [], {}
        shell = types.SimpleNamespace(run_line_magic=lambda name, line: asked.append(f"{name} {line.format(**names)}"))
        names["get_ipython"] = lambda: shell
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        exec(TransformerManager().transform_cell(setup_source(project)), names)
        return asked

    return run


def test_first_cell_installs_the_wheel_of_the_release(first_cell, capsys):
    wheel = "https://example.org/me/book/releases/download/v0.2.0/clipmini-0.2.0-py3-none-any.whl"
    assert first_cell("v0.2.0") == [f'pip install -q "clipmini @ {wheel}"']
    assert capsys.readouterr().out == f"installed: clipmini {version('clipmini')}\n"


def test_first_cell_installs_the_branch_if_no_release_is_named(first_cell):
    assert first_cell("") == ['pip install -q "clipmini @ git+https://example.org/me/book@v1"']


def test_the_release_is_that_of_this_version():
    release = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["release"]
    assert not release or wheel_name(ROOT) == f"clipmini-{release.removeprefix('v')}-py3-none-any.whl"


def test_first_cell_reads_on_a_phone():
    assert max(map(len, setup_source(ROOT).splitlines())) <= MAX_LINE


def test_executing_twice_changes_no_byte(project):
    path = project / "notebooks" / "01.ipynb"
    nbformat.write(chapter("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);", "1 + 1"), path)
    assert reasons(read(path), project)
    execute(path, project)
    once = path.read_bytes()
    assert not reasons(read(path), project)
    execute(path, project)
    assert path.read_bytes() == once


def test_other_outputs_are_told_but_for_measured_ones(project, capsys):
    path = project / "notebooks" / "01.ipynb"
    notebook = chapter("import time", "time.time_ns()", "time.time_ns()", "1 + 1")
    notebook.cells[1].metadata.tags = [MEASURED]
    nbformat.write(notebook, path)
    execute(path, project)
    assert "other outputs than before in code cells 3, 4\n" in capsys.readouterr().out
    execute(path, project)
    assert "other outputs than before in code cells 3\n" in capsys.readouterr().out


def test_a_cell_is_not_measured_and_checked_at_once(project):
    notebook = chapter("print(1)")
    notebook.cells[0].metadata.tags = [MEASURED, CHECK]
    nbformat.write(notebook, project / "notebooks" / "01.ipynb")
    assert any("to be checked and measures" in line for line in problems(project / "notebooks" / "01.ipynb", project))


def test_failed_execution_leaves_the_file_whole(project):
    path = project / "notebooks" / "01.ipynb"
    nbformat.write(chapter("1 + 1", "1 / 0"), path)
    before = path.read_bytes()
    with pytest.raises(Failed, match="ZeroDivisionError"):
        execute(path, project)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def png(*colours) -> str:
    picture, out = Image.new("RGBA", (len(colours), 1)), io.BytesIO()
    for x, colour in enumerate(colours):
        picture.putpixel((x, 0), ImageColor.getrgb(colour))
    picture.resize((64 * len(colours), 64), Image.Resampling.NEAREST).save(out, "PNG", compress_level=0)
    return base64.b64encode(out.getvalue()).decode()


def test_a_stored_figure_is_smaller_and_looks_the_same():
    stored = smaller(png("red", "white", "blue"))
    picture = Image.open(io.BytesIO(base64.b64decode(stored))).convert("RGB")
    assert picture.size == (192, 64)
    assert [picture.getpixel((x, 32)) for x in (32, 96, 160)] == [(255, 0, 0), (255, 255, 255), (0, 0, 255)]
    assert len(stored) < len(png("red", "white", "blue")) / 3


def test_a_picture_stands_in_for_its_widget():
    output = nbformat.v4.new_output("display_data", {WIDGET: {"model_id": "ab"}, "image/png": png("red")})
    notebook = chapter("slider")
    notebook.cells[0].outputs = [output]
    normalise(notebook)
    assert list(notebook.cells[0].outputs[0].data) == ["image/png"]


def test_what_is_printed_in_a_row_is_stored_as_one():
    def printed(text, name="stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    figure = nbformat.v4.new_output("display_data", {"image/png": png("red")})
    notebook = chapter("print")
    notebook.cells[0].outputs = [printed("a\n"), printed("b\n"), printed("c\n", "stderr"), figure, printed("d\n"), printed("e\n")]
    normalise(notebook)
    assert [output.get("text") for output in notebook.cells[0].outputs] == ["a\nb\n", "c\n", None, "d\ne\n"]


@pytest.mark.parametrize(("stored", "verdict"), [("4", "1 passed"), ("5", "1 failed")])
def test_a_checked_cell_fails_when_its_stored_output_is_wrong(tmp_path, stored, verdict):
    notebook = chapter("2 + 2")
    notebook.cells[0].metadata.tags = [CHECK]
    notebook.cells[0].execution_count = 1
    notebook.cells[0].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": stored}, execution_count=1)]
    nbformat.write(notebook, tmp_path / "01.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "01.ipynb"]
    assert verdict in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout


def test_unknown_chapter_lists_the_choices(project):
    nbformat.write(chapter(), project / "notebooks" / "01_quickstart.ipynb")
    with pytest.raises(ValueError, match="01_quickstart"):
        chapters(project, "07")
