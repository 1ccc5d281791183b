"""Run a chapter from its folder, and store its outputs and what they depend on."""

import json
import os
import tempfile
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools import ROOT
from tools.chapters.dependencies import library, record
from tools.chapters.notebook import read, write
from tools.chapters.outputs import differences, normalise

CELL_TIMEOUT = 3600  # seconds: a limit for what hangs, no measure of speed
KERNEL = [
    "--log-level=ERROR",  # else a warning about a local socket opens every run
    "--InteractiveShellApp.extra_extensions=tools.chapters.watch",
]


class Failed(Exception):
    """A chapter that did not run to its end."""


def execute(path: Path, root: Path = ROOT) -> None:
    """Run a chapter and store its outputs; say which of them changed. Raises Failed, and leaves the file whole."""
    notebook, before, started = read(path), read(path), time.time()
    modules = library(root)  # of what runs, not of what is edited meanwhile
    seen = run(notebook, path, root)
    notebook.metadata["clipmini"] = record(notebook, seen, modules, root)
    normalise(notebook)
    write(path, notebook)
    print(f"\r  {path.stem}: {len(notebook.cells)} cells in {time.time() - started:.0f} s     ")
    if changed := differences(before, notebook):
        print(f"  {path.stem}: other outputs than before in code cells {', '.join(map(str, changed))}")


def run(notebook, path: Path, root: Path) -> dict:
    """Fill in the outputs of a notebook, and return what of clipmini and of data/ it was seen to use."""
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder, "seen.json")
        client = NotebookClient(
            notebook, timeout=CELL_TIMEOUT, startup_timeout=600, kernel_name="python3",
            on_cell_start=progress(notebook, path),
            resources={"metadata": {"path": str(path.parent)}}, extra_arguments=KERNEL,
        )
        try:
            client.execute(env=environment(root.resolve(), seen))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise Failed(f"\n{path.name} stopped, and its file is unchanged:\n{error}") from error
        return json.loads(seen.read_text())


def environment(root: Path, seen: Path) -> dict[str, str]:
    """The kernel's: the project before all else, the tools, and what `watch` is told."""
    places = [str(root), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(places),
            "CLIPMINI_ROOT": str(root), "CLIPMINI_SEEN": str(seen)}


def progress(notebook, path: Path):
    """A line that says at which cell a run is."""
    started = time.time()

    def report(cell, cell_index, **_):
        if cell.cell_type == "code":
            print(f"\r  {path.stem}: cell {cell_index + 1} of {len(notebook.cells)}, {time.time() - started:.0f} s ",
                  end="", flush=True)

    return report
