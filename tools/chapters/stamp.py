"""The cell that installs clipmini on Colab: the wheel of the release that _config.yml names, else the branch."""

import tomllib
from pathlib import Path

import nbformat
import yaml

from tools import ROOT
from tools.chapters.notebook import SETUP, chapters, read, tags, write

# Colab has all that clipmini needs but ftfy, einops and jaxtyping; pip keeps the torch that it finds there. -q hides the list
# of all that was there already, and with it what was installed.
SOURCE = """\
# On Google Colab, install clipmini; elsewhere, do nothing.
import sys
from importlib import metadata, util

if "google.colab" in sys.modules and not util.find_spec("clipmini"):
    url = "{url}"
{install}
    print("installed: clipmini", metadata.version("clipmini"))
"""
FROM_BRANCH = """\
    %pip install -q "clipmini @ git+{{url}}@{branch}\""""
FROM_RELEASE = """\
    wheel = "releases/download/{release}/{wheel}"
    %pip install -q "clipmini @ {{url}}/{{wheel}}\""""


def wheel_name(root: Path) -> str:
    """The file name of the wheel that this version of the project builds."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return f"{project['name']}-{project['version']}-py3-none-any.whl"


def setup_source(root: Path) -> str:
    """The cell's code, with the address, and the release or the branch, of _config.yml."""
    repository = yaml.safe_load((root / "_config.yml").read_text())["repository"]
    if repository.get("release"):
        install = FROM_RELEASE.format(release=repository["release"], wheel=wheel_name(root))
    else:
        install = FROM_BRANCH.format(branch=repository["branch"])
    return SOURCE.format(url=repository["url"], install=install).rstrip()


def stamped(notebook, root: Path = ROOT) -> bool:
    """Write the Colab cell as _config.yml has it; whether that changed anything."""
    source = setup_source(root)
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
