"""The files of the chapters, their code cells, and the tags that mean something to the tools."""

import ast
import os
import tempfile
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from tools import ROOT

# Tags of cells.
SETUP = "colab-setup"  # installs clipmini on Colab
CHECK = "nbval-check-output"  # nbval compares its output with the stored one
MEASURED = "measured"  # prints times: it may differ from run to run
DEFINES = "defines"  # what the exercises of the chapter build on: tools/exercises executes these cells
GPU = "gpu"  # defines a function of `scale` that wants a GPU: "full" takes one, "tiny" a CPU
GPU_NEEDS = "gpu-needs"  # what those functions build on


def chapters(root: Path = ROOT, chosen: str = "") -> list[Path]:
    """The chapters whose file name starts with `chosen`. Raises ValueError, with the choices, if none does."""
    every = sorted((root / "notebooks").glob("*.ipynb"))
    found = [path for path in every if path.name.startswith(chosen)]
    if chosen and not found:
        raise ValueError(f"no chapter {chosen!r}; choose from: {', '.join(path.stem for path in every)}")
    return found


def read(path: Path):
    return nbformat.read(path, as_version=4)


def write(path: Path, notebook) -> None:
    """Replace the file in one step, so that a crash or a full disk leaves the old one whole."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            nbformat.write(notebook, file)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(notebook) -> list:
    """The code cells that a chapter's numbers come from: all but the one that sets up Colab."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and SETUP not in tags(cell)]


def cell_tree(source: str) -> ast.Module:
    """The syntax tree of a cell, magics (`%timeit`) included."""
    return ast.parse(TransformerManager().transform_cell(source))
