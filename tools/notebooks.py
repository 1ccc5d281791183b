"""Execute, stamp and check the chapters. `python tools/notebooks.py --help` lists the verbs."""

import argparse
import base64
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbstripout import strip_output
from PIL import Image
from source_hash import SETUP_TAG, code_cells, source_hash

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 3600  # seconds: a limit for what hangs, no measure of speed
CHECK = "nbval-check-output"  # the tag of a cell whose output nbval compares with the stored one
MEASURED = "measured"  # the tag of a cell that prints times: it may differ from run to run
WIDGET = "application/vnd.jupyter.widget-view+json"
VOLATILE = ["metadata.widgets", "cell.metadata.execution", "metadata.language_info.version"]
MAX_LINE, MAX_LINES = 72, 10
UNFINISHED = re.compile(r"@@\w*@@|\b(?:TODO|TBD|FIXME|XXX)\b")

# Colab has all that clipmini needs but ftfy, einops and jaxtyping; pip keeps the torch that it finds there.
SETUP = '''\
# On Google Colab, install clipmini; elsewhere, do nothing.
import importlib.util
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("clipmini"):
    %pip install -q "clipmini @ git+{url}@{branch}"
'''


class Failed(Exception):
    """A chapter that did not run to its end."""


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


# ---------------------------------------------------------------- execute


def is_stale(path: Path, root: Path = ROOT) -> bool:
    """Whether the code, the lock or the library has changed since the outputs were stored."""
    notebook = read(path)
    return notebook.metadata.get("clipmini", {}).get("source_hash") != source_hash(notebook, root)


def normalise(notebook) -> None:
    """Drop what differs from run to run, so that executing again is an empty diff."""
    strip_output(notebook, keep_output=True, keep_count=True, keep_id=True, extra_keys=VOLATILE)
    for cell in code_cells(notebook):
        cell.outputs = merged_streams(cell.outputs)
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data.pop(WIDGET, None)  # its random id leads nowhere without a kernel; the picture stays
                data["image/png"] = smaller(data["image/png"])


def merged_streams(outputs: list) -> list:
    """What was printed in a row as one output: where a stream is cut depends on the clock."""
    merged: list = []
    for output in outputs:
        if merged and output.output_type == "stream" and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def smaller(png: str) -> str:
    """The same figure, base64, in 256 colours: more than a figure has use for, and a third of the bytes."""
    picture, out = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.convert("RGB").quantize(256).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def differences(before, after) -> list[int]:
    """Which code cells put out something else than before, those that measure left out; counted from 1."""
    stored = {cell.id: cell.outputs for cell in code_cells(before)}
    return [number for number, cell in enumerate(code_cells(after), start=1)
            if MEASURED not in cell.metadata.get("tags", []) and cell.outputs != stored.get(cell.id, cell.outputs)]


def execute(path: Path, root: Path = ROOT) -> None:
    """Run a chapter from its folder and store outputs and hash; say which outputs changed.

    Raises Failed, and leaves the file whole.
    """
    notebook, before = read(path), read(path)
    running = source_hash(notebook, root)  # of what runs, not of what is edited meanwhile
    total, started = len(notebook.cells), time.time()

    def report(cell, cell_index, **_):
        if cell.cell_type == "code":
            print(f"\r  {path.stem}: cell {cell_index + 1} of {total}, {time.time() - started:.0f} s ",
                  end="", flush=True)

    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, startup_timeout=600, kernel_name="python3", on_cell_start=report,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # else a warning about a local socket opens every run
    )
    try:
        client.execute(env={**os.environ, "OMP_NUM_THREADS": "2"})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise Failed(f"\n{path.name} stopped, and its file is unchanged:\n{error}") from error
    normalise(notebook)
    notebook.metadata["clipmini"] = {"source_hash": running}
    write(path, notebook)
    print(f"\r  {path.stem}: {total} cells in {time.time() - started:.0f} s     ")
    if changed := differences(before, notebook):
        print(f"  {path.stem}: other outputs than before in code cells {', '.join(map(str, changed))}")


# ---------------------------------------------------------------- stamp


def stamped(notebook, root: Path = ROOT) -> bool:
    """Write the Colab cell with the address and tag of _config.yml; whether that changed anything."""
    repository = yaml.safe_load((root / "_config.yml").read_text())["repository"]
    source = SETUP.format(**repository).rstrip()
    setup = next((c for c in notebook.cells if SETUP_TAG in c.metadata.get("tags", [])), None)
    if setup is None:
        tags = {"tags": [SETUP_TAG, "remove-cell"]}
        setup = nbformat.v4.new_code_cell("", metadata=tags)
        # After the title: Jupyter Book wants a page to begin with one.
        notebook.cells.insert(1 if notebook.cells[0].cell_type == "markdown" else 0, setup)
    changed = setup.source != source
    setup.source = source
    return changed


def stamp(root: Path = ROOT) -> None:
    for path in chapters(root):
        notebook = read(path)
        if stamped(notebook, root):
            write(path, notebook)
            print(f"  {path.stem}: Colab cell stamped")


# ---------------------------------------------------------------- check


def problems(path: Path, root: Path = ROOT) -> list[str]:
    """What keeps a chapter from being committed, a sentence each."""
    notebook, found = read(path), []
    for number, cell in enumerate(code_cells(notebook), start=1):
        # Colab folds a cell under such a title, and shows it in the code's place.
        lines = [line for line in cell.source.splitlines() if not line.startswith("# @title ")]
        if len(lines) > MAX_LINES:
            found.append(f"code cell {number} has {len(lines)} lines, at most {MAX_LINES} are allowed")
        found += [f"code cell {number} has a line of {len(line)} characters, at most {MAX_LINE} are allowed: {line}"
                  for line in lines if len(line) > MAX_LINE]
        if {CHECK, MEASURED} <= set(cell.metadata.get("tags", [])):
            found.append(f"code cell {number} is to be checked and measures: print in it only what is the same everywhere")
        if CHECK in cell.metadata.get("tags", []) and not (cell.execution_count and cell.outputs):
            # nbval compares nothing in such a cell, and says nothing about it either.
            found.append(f"code cell {number} is to be checked but has no execution count or no output")
    gaps = sorted({gap for cell in notebook.cells for gap in UNFINISHED.findall(cell.source)})
    if gaps:
        found.append(f"something is left to be filled in: {', '.join(gaps)}")
    if is_stale(path, root):
        found.append("its stored outputs are stale: run `make notebooks`")
    if stamped(notebook, root):
        found.append("its Colab cell is missing or out of date: run `python tools/notebooks.py stamp`")
    return [f"{path.name}: {problem}" for problem in found]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition(".")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("execute", help="run chapters in place and store their outputs")
    run.add_argument("chapter", nargs="?", default="", help="the first letters of its file name, such as 01")
    run.add_argument("--stale", action="store_true", help="only those whose outputs are out of date")
    verbs.add_parser("stale", help="list the chapters whose stored outputs are out of date")
    verbs.add_parser("stamp", help="write the address and tag of _config.yml into every first code cell")
    verbs.add_parser("check", help="say what keeps a chapter from being committed")
    options = parser.parse_args(arguments)

    if options.verb == "stamp":
        stamp()
    elif options.verb == "stale":
        print("\n".join(path.stem for path in chapters() if is_stale(path)) or "No chapter is stale.")
    elif options.verb == "check":
        found = [problem for path in chapters() for problem in problems(path)]
        print("\n".join(found) or "Every chapter is fit to be committed.")
        return int(bool(found))
    else:
        stamp()
        chosen = [p for p in chapters(chosen=options.chapter) if not options.stale or is_stale(p)]
        print(f"Executing {len(chosen)} of {len(chapters())} chapters.", flush=True)
        for path in chosen:
            execute(path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, ValueError) as error:
        sys.exit(f"clipmini: {str(error).strip()}")
