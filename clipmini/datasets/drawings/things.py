"""drawings/things: which thing is it? The drawings of a split as one labelled task, its classes the names of all things in it.

Of strangers only those things whose names training reads; of val_names and new_names all, none of which it reads.
"""

import torch

from clipmini.datasets.drawings import gather, manifest
from clipmini.datasets.pairs import Pairs

STRANGERS = ("fluent", "freehand", "silhouettes", "lines", "clipart")
UNREAD = ("val_names", "new_names")
SPLITS = ("val", *UNREAD, *STRANGERS)


def load(split: str, resolution: int = gather.SHIPPED) -> Pairs:
    """Labels into the names of things, in alphabetical order; the notes say which drawing of the manifest each picture is."""
    lines = _lines(split)
    things = [manifest.drawings()[line].concept for line in lines]
    classes = sorted(set(things))
    labels = torch.tensor([classes.index(thing) for thing in things])
    return gather.pairs(lines, split, resolution, name="drawings/things", labels=labels, classes=classes)


def about(split: str) -> str:
    """A line for a listing."""
    lines = _lines(split)
    return f"{len(lines):7,} images, {len({manifest.drawings()[line].concept for line in lines}):,} classes"


def _lines(split: str) -> list[int]:
    drawings = manifest.drawings()
    known = {drawing.concept for drawing in drawings if drawing.split == "train"}
    here = (line for line, drawing in enumerate(drawings) if drawing.split == split)
    return [line for line in here if split in UNREAD or drawings[line].concept in known]
