"""What the scripts of the exercises share: a chapter's own definitions, and a command line that runs the exercises it names."""

import argparse
from collections.abc import Callable

import matplotlib
import matplotlib.pyplot as plt

from clipmini.config import choose
from tools import ROOT
from tools.chapters.notebook import DEFINES, code_cells, read, tags

matplotlib.use("agg")


def defining_cells(name: str) -> list:
    """The code cells of a chapter that its exercises build on. Raises ValueError if none is tagged so."""
    found = [cell for cell in code_cells(read(ROOT / "notebooks" / f"{name}.ipynb")) if DEFINES in tags(cell)]
    if not found:
        raise ValueError(f"chapter {name} has no cell with the tag {DEFINES!r}")
    return found


def definitions(name: str) -> dict:
    """The names that the tagged cells of a chapter define, so that a script repeats none of it."""
    names: dict = {}
    for cell in defining_cells(name):
        exec(compile(cell.source, name, "exec"), names)
        plt.close("all")
    print("-" * 20)
    return names


def run(exercises: dict[str, Callable], about: str, chapter: str = "") -> None:
    """Run the exercises that the command line names, or all; each is given the definitions of `chapter`, if one is named."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help=f"of {', '.join(exercises)}; default: all")
    wanted = parser.parse_args().numbers or list(exercises)
    try:
        chosen = {number: choose("exercise", number, exercises) for number in wanted}
    except ValueError as error:
        parser.error(str(error))
    given = [definitions(chapter)] if chapter else []
    for number, exercise in chosen.items():
        print(f"exercise {number}", flush=True)
        exercise(*given)
