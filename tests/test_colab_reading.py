"""The chapters read well on Colab, which knows neither MyST's directives nor Jupyter Book's tags."""

import importlib.util
import re
import sys
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

CHAPTERS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
DIRECTIVE = re.compile(r"^[ >]*(?:`{3,}|~{3,}|:{3,})\{[^\n]*", re.M)
ROLE = re.compile(r"(?<!\\[pP])\{([\w:+-]+)\}`[^`\n]+`")
READABLE_ROLES = {"cite"}  # {cite}`radford2021learning` names the author, the year and the first word
DETAILS = re.compile(r"^<details>\n<summary>[^<\n]+</summary>\n\n(?!\n).+?\n\n</details>$", re.M | re.S)
SPANNING = {'<details class="cells"><summary>With the file: the cells that need it</summary>', "</details>"}
TITLE = "# @title "


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def raw(source):
    """What Colab would show of a text as a code block or with its markup."""
    return DIRECTIVE.findall(source) + [role for role in ROLE.findall(source) if role not in READABLE_ROLES]


def loose_details(source):
    """How many tags of folded boxes are not in one whose text stands between empty lines."""
    return len(re.findall(r"</?(?:details|summary)\b", DETAILS.sub("", source)))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_text_is_shown_raw(path):
    assert not {cell.id: found for cell in cells(path, "markdown") if (found := raw(cell.source))}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_hints_and_solutions_are_folded_and_their_text_is_markdown(path):
    """Markdown that follows a tag without an empty line is shown as it is typed."""
    loose = [cell for cell in cells(path, "markdown") if loose_details(cell.source)]
    # One box of the book holds whole cells; Colab shows its title above them.
    assert not [cell.id for cell in loose if cell.source not in SPANNING]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_cell_that_the_book_folds_is_folded_on_colab_under_the_same_title(path):
    for cell in cells(path, "code"):
        folded = "hide-input" in tags(cell)
        assert cell.source.startswith(TITLE) == folded, cell.id
        assert (cell.metadata.get("cellView") == "form") == folded, cell.id
        shown = cell.metadata.get("mystnb", {})
        title = cell.source.splitlines()[0].removeprefix(TITLE) if folded else None
        assert shown.get("code_prompt_show") == shown.get("code_prompt_hide") == title, cell.id


@pytest.mark.parametrize("source", [
    "```{admonition} Solution\n:class: dropdown\nText.\n```", "Text.\n\n:::{note}\nText.\n:::", "> ```{math}\n> x\n> ```",
    "See {numref}`film`.", "A {term}`residual` one.",
])
def test_raw_text_is_found(source):
    assert raw(source)


@pytest.mark.parametrize("source", ["```python\nx = {1}\n```", r"a run of letters (`\p{L}`), or (`\p{N}`)", "{cite}`a2021b`"])
def test_what_colab_shows_well_is_left_alone(source):
    assert not raw(source)


@pytest.mark.parametrize(("source", "count"), [
    ("<details>\n<summary>Hint</summary>\n\nText, $x$.\n\n</details>", 0),
    ("<details>\n<summary>Hint</summary>\nText.\n\n</details>", 4),
    ("<details>\n<summary>Hint</summary>\n\nText.\n</details>", 4),
    ("<details>\n<summary>Hint</summary>\n\nText.\n\n</details>\n\n</details>", 1),
])
def test_a_box_without_its_empty_lines_is_found(source, count):
    assert loose_details(source) == count


def what_the_first_cell_runs(path, monkeypatch, installed):
    """The magics that the set-up cell of a chapter runs on a Colab that has clipmini or has not."""
    ran, names = [], {}
    shell = types.SimpleNamespace(run_line_magic=lambda name, line: ran.append(f"%{name} {line.format(**names)}"))
    names["get_ipython"] = lambda: shell
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed or None)
    setup = next(cell for cell in cells(path, "code") if "colab-setup" in tags(cell))
    exec(TransformerManager().transform_cell(setup.source), names)
    return ran


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_first_cell_installs_on_colab_what_is_not_there(path, monkeypatch):
    assert what_the_first_cell_runs(path, monkeypatch, installed=True) == []
    (command,) = what_the_first_cell_runs(path, monkeypatch, installed=False)
    # One requirement, whose address names a revision; nothing that moves Colab's own packages.
    assert re.fullmatch(r'%pip install -q "clipmini @ (?:git\+)?https://[^\s"@]+(?:@[\w.-]+|\.whl)"', command)
