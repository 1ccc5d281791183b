"""What make calls, and what makes the files in data/ and the figures of the book.

    environment/   the virtual environment
    chapters/      execute the notebooks, say which are stale and why, check that they may be committed
    book/          render the pages; the figures of the introduction
    exercises/     print the numbers that the solutions of each chapter quote
    scenes/        the page about the data set scenes: its tables, numbers, figures; the hashes of its bytes
    drawings/      the data set drawings, from its packages to its page, its tasks and the hashes of its bytes
    data/          the files in data/ that are not trained: the vocabulary, the list of glyphs
    check/         run the chapters and tests as other machines would

Run a script from the root of the repository: `python -m tools.chapters stale`. What is trained is in experiments/.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
