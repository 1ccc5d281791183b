"""The cell that installs clipmini on Colab, with the address and tag of _config.yml."""

from pathlib import Path

import nbformat
import yaml

from tools import ROOT
from tools.chapters.notebook import SETUP, chapters, read, tags, write

# Colab has all that clipmini needs but ftfy, einops and jaxtyping; pip keeps the torch that it finds there.
SOURCE = '''\
# On Google Colab, install clipmini; elsewhere, do nothing.
import importlib.util
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("clipmini"):
    %pip install -q "clipmini @ git+{url}@{branch}"
'''


def stamped(notebook, root: Path = ROOT) -> bool:
    """Write the Colab cell with the address and tag of _config.yml; whether that changed anything."""
    repository = yaml.safe_load((root / "_config.yml").read_text())["repository"]
    source = SOURCE.format(**repository).rstrip()
    setup = next((cell for cell in notebook.cells if SETUP in tags(cell)), None)
    if setup is None:
        setup = nbformat.v4.new_code_cell("", metadata={"tags": [SETUP, "remove-cell"]})
        # After the title: Jupyter Book wants a page to begin with one.
        notebook.cells.insert(1 if notebook.cells[0].cell_type == "markdown" else 0, setup)
    changed = setup.source != source
    setup.source = source
    return changed


def stamp(root: Path = ROOT) -> None:
    """Stamp every chapter whose cell is missing or out of date."""
    for path in chapters(root):
        notebook = read(path)
        if stamped(notebook, root):
            write(path, notebook)
            print(f"  {path.stem}: Colab cell stamped")
