"""What the scripts of the exercises share: a chapter's own names, and a command line that runs the exercises named on it."""

import argparse
from collections.abc import Callable

import matplotlib
import matplotlib.pyplot as plt
from source_hash import code_cells

from clipmini.config import choose
from notebooks import ROOT, read

matplotlib.use("agg")


def chapter(name: str, last: str, skip: tuple[str, ...] = ()) -> dict:
    """The names that a chapter has defined by the end of its cell with `last`, so that a script repeats none of it.

    Cells that hold a part in `skip` are left out. Raises ValueError if no cell holds `last`.
    """
    names: dict = {}
    for cell in code_cells(read(ROOT / "notebooks" / f"{name}.ipynb")):
        if not any(part in cell.source for part in skip):
            exec(compile(cell.source, name, "exec"), names)
            plt.close("all")
        if last in cell.source:
            print("-" * 20)
            return names
    raise ValueError(f"chapter {name} has no cell with {last!r}")


def run(exercises: dict[str, Callable], about: str, setting: dict | None = None) -> None:
    """Run the exercises that the command line names, or all; each is given `chapter(**setting)`, if there is a setting."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help=f"of {', '.join(exercises)}; default: all")
    wanted = parser.parse_args().numbers or list(exercises)
    try:
        chosen = {number: choose("exercise", number, exercises) for number in wanted}
    except ValueError as error:
        parser.error(str(error))
    given = [chapter(**setting)] if setting else []
    for number, exercise in chosen.items():
        print(f"exercise {number}", flush=True)
        exercise(*given)
