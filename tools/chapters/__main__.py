"""Execute, stamp and check the chapters. `python -m tools.chapters --help` lists the verbs."""

import argparse
import sys

from tools.chapters.check import problems
from tools.chapters.dependencies import library
from tools.chapters.execute import Failed, execute
from tools.chapters.notebook import ROOT, chapters, read
from tools.chapters.stale import reasons
from tools.chapters.stamp import stamp

MOST = 6  # reasons that are listed of a chapter


def stale() -> dict:
    """The stale chapters with the reasons."""
    modules = library(ROOT)
    return {path: why for path in chapters() if (why := reasons(read(path), ROOT, modules))}


def say_stale() -> None:
    found = stale()
    for path, why in found.items():
        more = [f"and {len(why) - MOST} more"] if len(why) > MOST else []
        print("\n    ".join([path.stem, *why[:MOST], *more]))
    if not found:
        print("No chapter is stale.")


def say_problems() -> int:
    found = [problem for path in chapters() for problem in problems(path)]
    print("\n".join(found) or "Every chapter is fit to be committed.")
    return int(bool(found))


def execute_chosen(chapter: str, only_stale: bool) -> None:
    stamp()
    chosen = chapters(chosen=chapter)
    if only_stale:
        outdated = stale()
        chosen = [path for path in chosen if path in outdated]
    print(f"Executing {len(chosen)} of {len(chapters())} chapters.", flush=True)
    for path in chosen:
        execute(path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.chapters", description=__doc__.partition(".")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("execute", help="run chapters in place and store their outputs")
    run.add_argument("chapter", nargs="?", default="", help="the first letters of its file name, such as 01")
    run.add_argument("--stale", action="store_true", help="only those whose outputs are out of date")
    verbs.add_parser("stale", help="list the chapters whose stored outputs are out of date, and why")
    verbs.add_parser("stamp", help="write the address and release of _config.yml into every first code cell")
    verbs.add_parser("check", help="say what keeps a chapter from being committed")
    options = parser.parse_args(arguments)
    if options.verb == "check":
        return say_problems()
    if options.verb == "execute":
        execute_chosen(options.chapter, options.stale)
    else:
        {"stale": say_stale, "stamp": stamp}[options.verb]()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, ValueError) as error:
        sys.exit(f"clipmini: {str(error).strip()}")
