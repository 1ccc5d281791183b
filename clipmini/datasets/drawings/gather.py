"""From lines of the manifest to pairs: pictures, captions, all wordings, what is shown and who drew it."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from clipmini.datasets.drawings import manifest, redraw, sheets
from clipmini.datasets.drawings.manifest import Drawing
from clipmini.datasets.mixed import Mixed
from clipmini.datasets.pairs import Pairs
from clipmini.files import data_folder

SHIPPED = 32  # px a side


def pairs(rows: list[int], split: str, resolution: int, name: str = "drawings", **known) -> Pairs:
    """The drawings in these lines of the manifest; the notes say which ones. known: labels, classes and templates, for a task."""
    drawings = [manifest.drawings()[row] for row in rows]
    collections = {name: number for number, name in enumerate(manifest.collections())}
    return Pairs(
        name=name,
        split=split,
        images=pictures(resolution).rows(torch.tensor(rows)),
        wordings=[wordings(drawing) for drawing in drawings],
        captions=[drawing.captions[0] for drawing in drawings],
        concept=torch.tensor([concepts()[drawing.concept] for drawing in drawings]),
        source=torch.tensor([collections[drawing.collection] for drawing in drawings]),
        sources=list(collections),
        notes=[drawing.place for drawing in drawings],
        **known,
    )


def wordings(drawing: Drawing) -> tuple[str, ...]:
    """What its artist calls it, the caption first; then Unicode's keywords for the thing, where Unicode has it."""
    thing = manifest.concepts().get(drawing.concept)
    keywords = thing.keywords.split("|") if thing and thing.keywords else ()
    return tuple(dict.fromkeys((*drawing.captions, *keywords)))


@lru_cache(maxsize=1)
def concepts() -> dict[str, int]:
    """All things, and the number of each."""
    names = sorted({drawing.concept for drawing in manifest.drawings()})
    return {name: number for number, name in enumerate(names)}


@lru_cache(maxsize=2)
def pictures(resolution: int) -> Mixed:
    """All pictures, in the order of the manifest.

    Those of 32 px ship, smaller ones are made of them, larger ones are drawn from the packages, if that has been done.
    Raises: ValueError for a size that has not been drawn.
    """
    if resolution > SHIPPED:
        parts = redraw.everything(resolution)
        return Mixed(*map(torch.from_numpy, parts))
    if resolution < SHIPPED:
        return pictures(SHIPPED).shrunk(resolution)
    coloured = np.array([drawing.ink == "colour" for drawing in manifest.drawings()])
    place = np.where(coloured, np.cumsum(coloured) - 1, -np.cumsum(~coloured))
    grey, colour = (_shipped(ink, int(count)) for ink, count in (("grey", (~coloured).sum()), ("colour", coloured.sum())))
    return Mixed(grey[:, :1], colour, torch.from_numpy(place))


def _shipped(ink: str, count: int) -> Tensor:
    """(count, 3, 32, 32) uint8."""
    paths = sorted((data_folder() / "drawings").glob(f"{ink}-*.webp"))
    return torch.from_numpy(sheets.read(paths, count, SHIPPED)).permute(0, 3, 1, 2)
