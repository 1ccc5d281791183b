"""What keeps a chapter from being committed."""

import re
from pathlib import Path

from tools import ROOT
from tools.chapters.notebook import CHECK, MEASURED, code_cells, read, tags
from tools.chapters.stale import reasons
from tools.chapters.stamp import stamped

MAX_LINE, MAX_LINES = 72, 10
UNFINISHED = re.compile(r"@@\w*@@|\b(?:TODO|TBD|FIXME|XXX)\b")


def problems(path: Path, root: Path = ROOT) -> list[str]:
    """What keeps a chapter from being committed, a sentence each."""
    notebook = read(path)
    found = [f"code cell {number} {problem}" for number, cell in enumerate(code_cells(notebook), start=1)
             for problem in cell_problems(cell)]
    gaps = sorted({gap for cell in notebook.cells for gap in UNFINISHED.findall(cell.source)})
    if gaps:
        found.append(f"something is left to be filled in: {', '.join(gaps)}")
    if why := reasons(notebook, root):
        found.append(f"its stored outputs are stale ({why[0]}): run `make notebooks`")
    if stamped(notebook, root):
        found.append("its Colab cell is missing or out of date: run `python -m tools.chapters stamp`")
    return [f"{path.name}: {problem}" for problem in found]


def cell_problems(cell) -> list[str]:
    # Colab folds a cell under such a title, and shows it in the code's place.
    lines, found = [line for line in cell.source.splitlines() if not line.startswith("# @title ")], []
    if len(lines) > MAX_LINES:
        found.append(f"has {len(lines)} lines, at most {MAX_LINES} are allowed")
    found += [f"has a line of {len(line)} characters, at most {MAX_LINE} are allowed: {line}"
              for line in lines if len(line) > MAX_LINE]
    if {CHECK, MEASURED} <= set(tags(cell)):
        found.append("is to be checked and measures: print in it only what is the same everywhere")
    if CHECK in tags(cell) and not (cell.execution_count and cell.outputs):
        # nbval compares nothing in such a cell, and says nothing about it either.
        found.append("is to be checked but has no execution count or no output")
    return found
