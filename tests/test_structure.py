"""The promises about files: size, layers, addresses, chapters fit to be committed."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from tools import ROOT
from tools.chapters.check import problems
from tools.chapters.notebook import CHECK, chapters

CHAPTERS = chapters(ROOT)
MAX_MODULE_LINES = 350
# Written in pieces, so that this file passes its own test.
FOREIGN = re.compile(
    "|".join([
        r"py" r"pi\.org", r"python" r"hosted\.org", r"registry\.npm" r"js", r"--(?:extra-)?index" r"-url\s",
        r"(?<![\w.:/~-])/(?:home|root|Users|work|opt|mnt)/\w",
    ])
)


def run(*command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)


def tracked_files():
    return [ROOT / name for name in run("git", "ls-files").stdout.splitlines()]


@pytest.mark.parametrize("command", [("ruff", "check", "."), ("lint-imports", "--no-cache")], ids=lambda c: c[0])
def test_linter_is_content(command):
    result = run(Path(sys.executable).with_name(command[0]), *command[1:])
    assert result.returncode == 0, result.stdout + result.stderr


def test_modules_are_short():
    long = {p.name: n for p in (ROOT / "clipmini").rglob("*.py")
            if (n := len(p.read_text().splitlines())) > MAX_MODULE_LINES}
    assert not long


def test_no_addresses_of_package_indices_or_machines():
    found = []
    for path in tracked_files():
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            # A longer line is a picture in base64, where any letters may meet.
            lines = [line for line in data.decode("utf-8").splitlines() if len(line) < 5000]
            found += [f"{path.name}: {line.strip()[:100]}" for line in lines if FOREIGN.search(line)]
    assert not found


def test_the_address_check_can_fail():
    assert FOREIGN.search("read /ho" "me/ada/data") and FOREIGN.search("https://py" "pi.org/simple")
    assert not FOREIGN.search("https://example.org/home/page") and not FOREIGN.search("data/glyphs.csv.gz")


def test_table_of_contents_names_existing_files():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    names = [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    missing = [name for name in names if not any((ROOT / name).with_suffix(s).is_file() for s in (".md", ".ipynb"))]
    assert not missing
    unlisted = [path.stem for path in CHAPTERS if f"notebooks/{path.stem}" not in names]
    assert not unlisted


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_fit_to_be_committed(path):
    assert not problems(path)


def test_an_unfit_chapter_is_found_out(tmp_path):
    cells = [
        nbformat.v4.new_code_cell("1 + 1", metadata={"tags": [CHECK]}),
        nbformat.v4.new_code_cell("\n".join(["x = 1"] * 11)),
        nbformat.v4.new_code_cell("x = " + "1" * 80),
        nbformat.v4.new_markdown_cell("The solution is @@6@@."),
    ]
    path = tmp_path / "99_unfit.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    found = " ".join(problems(path))
    for symptom in ("no execution count", "11 lines", "84 characters", "filled in: @@6@@", "stale", "Colab cell"):
        assert symptom in found


def test_nobody_extends_the_search_path():
    """Tools and tests are imported as packages from the root."""
    insertion = "sys.path" + ".insert"
    modules = [path for path in tracked_files() if path.suffix == ".py" and path.is_file()]
    assert not [path.name for path in modules if insertion in path.read_text(encoding="utf-8")]
