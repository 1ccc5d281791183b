"""Execute one chapter in the environment that this runs in, and print what came of it as JSON.

It runs under Colab's versions, so it uses nbclient and nbformat alone.
"""

import json
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_TIMEOUT = 3600  # seconds: a limit for what hangs, no measure of speed
# What a chapter's first cell looks for. The package is installed, so it must find nothing to do.
COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')"


def first_line(cell) -> str:
    return next((line for line in cell.source.splitlines() if line and not line.startswith("#")), "")


def warned(notebook) -> list[str]:
    """What cells wrote to standard error: their id, and the first line."""
    return [
        f"{cell.id}: {output.text.strip().splitlines()[0]}"
        for cell in notebook.cells if cell.cell_type == "code"
        for output in cell.outputs if output.get("name") == "stderr" and output.text.strip()
    ]


def run(path: str) -> dict:
    """Seconds, what stopped the chapter if anything did, and what its cells wrote to standard error."""
    notebook, at, started = nbformat.read(path, as_version=4), {}, time.monotonic()
    notebook.cells.insert(0, nbformat.v4.new_code_cell(COLAB))
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, kernel_name="python3",
                            extra_arguments=["--log-level=ERROR"],
                            on_cell_start=lambda cell, cell_index: at.update(cell=cell))
    failed = ""
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        said = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
        failed = f"cell {at['cell'].id}, `{first_line(at['cell'])}`: {said}"
    return {"seconds": time.monotonic() - started, "failed": failed, "warned": warned(notebook)}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
