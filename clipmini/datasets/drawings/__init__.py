"""Drawings: a miniature web of icons, emoji and clip art, with the names that people gave them (paper section 2.2).

    manifest        which drawings there are, what they are called and in which split they are
    gather          from the manifest to pairs
    worlds          which thing is it: names and things, each a split as one labelled task
    tasks           labelled tasks on the drawings of strangers
    openmoji        one more stranger, which npm brings
    wit             the training split gathered as the paper gathered its images
    sheets          the finished pictures that ship, 32 px a side
    packages        where the drawings come from, in which version
    icons  render   from a package to pixels
    redraw          the same drawings at another size

Strangers are studios and artists of whom training sees nothing: fluent (Microsoft's emoji), freehand (Streamline's sets),
silhouettes (game-icons.net), clipart (half of Open Clip Art's authors); lines (Tabler) is a stranger whose style others share.
"""

from clipmini.datasets.drawings import gather, manifest, openmoji, tasks, wit, worlds
from clipmini.datasets.drawings.manifest import Drawing
from clipmini.datasets.pairs import Pairs

VERSION = 1  # raised by hand with the bytes of the pictures or the manifest; the tests hold their hashes
STRANGERS = worlds.STRANGERS
TASK_SPLITS = worlds.WORLDS | {"drawings/wit": wit, "drawings/openmoji": openmoji} | tasks.TASKS
SPLITS = ("train", "val", "val_names", "new_names", *STRANGERS)


def load(split: str, resolution: int = gather.SHIPPED) -> Pairs:
    """One split: what the artist calls each drawing, all wordings, which thing it is, and from which collection.

    train; val: studios that training never sees, to choose by; val_names, new_names: things whose names training never reads; and
    the strangers. Up to 32 px the pictures ship or are made smaller; larger ones are drawn by `python -m clipmini drawings`.
    Raises: ValueError for a size that has not been drawn.
    """
    return gather.pairs([row for row, drawing in enumerate(manifest.drawings()) if drawing.split == split], split, resolution)


def rows(split: str) -> list[Drawing]:
    """The lines of the manifest behind each picture of a split, in its order."""
    return [drawing for drawing in manifest.drawings() if drawing.split == split]


def about(split: str) -> str:
    """A line for a listing, from the manifest alone."""
    here = rows(split)
    return f"{len(here):7,} images, {len({drawing.concept for drawing in here}):,} things"
