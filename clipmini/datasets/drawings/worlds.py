"""drawings/names and drawings/things: which thing is it? A split as one labelled task, its classes the names of all things in it.

Names holds everything; things what can be pointed at: Unicode's animals, food, places, vehicles, tools, instruments and the like,
with neither faces, people, symbols, flags nor clocks. Of strangers there are only things whose names training reads; of val_names
and new_names all, none of which it reads.
"""

from dataclasses import dataclass

import torch

from clipmini.datasets.drawings import gather, manifest
from clipmini.datasets.drawings.manifest import Drawing
from clipmini.datasets.pairs import Pairs

STRANGERS = ("fluent", "freehand", "silhouettes", "lines", "clipart")
UNREAD = ("val_names", "new_names")
GROUPS = ("animals & nature", "food & drink", "travel & places", "activities", "objects")


@dataclass(frozen=True)
class World:
    """The drawings of some things. groups: of Unicode's, whose things are kept; none for all things."""

    name: str
    groups: tuple[str, ...] = ()
    SPLITS = ("train", "val", *UNREAD, *STRANGERS)

    def load(self, split: str, resolution: int = gather.SHIPPED) -> Pairs:
        """Labels into the names of things, in alphabetical order; the notes say which drawing of the manifest each picture is."""
        lines = self._lines(split)
        shown = [manifest.drawings()[line].concept for line in lines]
        classes = {thing: number for number, thing in enumerate(sorted(set(shown)))}
        labels = torch.tensor([classes[thing] for thing in shown])
        return gather.pairs(lines, split, resolution, name=self.name, labels=labels, classes=list(classes))

    def about(self, split: str) -> str:
        """A line for a listing."""
        lines = self._lines(split)
        return f"{len(lines):7,} images, {len({manifest.drawings()[line].concept for line in lines}):,} classes"

    def _lines(self, split: str) -> list[int]:
        known = {drawing.concept for drawing in manifest.drawings() if drawing.split == "train"}
        here = [(line, drawing) for line, drawing in enumerate(manifest.drawings()) if drawing.split == split]
        return [line for line, drawing in here if self._holds(drawing) and (split in UNREAD or drawing.concept in known)]

    def _holds(self, drawing: Drawing) -> bool:
        thing = manifest.concepts().get(drawing.concept)
        return not self.groups or thing is not None and thing.group in self.groups and thing.subgroup != "time"


WORLDS = {world.name: world for world in (World("drawings/names"), World("drawings/things", GROUPS))}
