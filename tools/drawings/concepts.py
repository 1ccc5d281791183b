"""Which drawings show the same thing, whoever drew them: a concept.

Drawings are joined by equal names, by aliases, by characters and by equal outlines. Two of Unicode's characters are never joined:
"school", "teacher" and "blackboard" are aliases of each other somewhere, and would be one thing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from tools.drawings.collect import Found
from tools.drawings.words import title, without_style


class Joined:
    """Disjoint sets of names, each with at most one character."""

    def __init__(self):
        self.parent: dict[str, str] = {}
        self.character: dict[str, str] = {}

    def root(self, name: str) -> str:
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            self.parent[name] = name = self.parent[self.parent[name]]
        return name

    def join(self, one: str, other: str) -> None:
        one, other = self.root(one), self.root(other)
        characters = {self.character.get(one), self.character.get(other)} - {None}
        if one != other and len(characters) < 2:
            self.parent[other] = one
            if characters:
                self.character[one] = characters.pop()


def concepts(drawings: list[Found]) -> list[str]:
    """For each drawing the name of its concept: the first name, in the order of the collections, of all that are joined."""
    joined, names = Joined(), [plain(drawing) for drawing in drawings]
    for drawing, name in zip(drawings, names, strict=True):
        if drawing.character:
            joined.root(drawing.character)
            joined.character[joined.root(drawing.character)] = drawing.character
            joined.join(drawing.character, name)
    for drawing, name in zip(drawings, names, strict=True):
        if drawing.collection.name != "openclipart":  # whose tags are no names
            joined.root(name)
            for alias in drawing.also:
                joined.join(name, without_style(drawing.collection, alias.replace(" ", "-")))
    for same in equal_outlines(drawings, names):
        for name in same[1:]:
            joined.join(same[0], name)
    for row, drawing in enumerate(drawings):
        if drawing.collection.name == "openclipart":
            names[row] = next((name for name in guesses(drawing) if name in joined.parent), names[row])
    first: dict[str, str] = {}
    return [first.setdefault(joined.root(drawing.character or name), name) for drawing, name in zip(drawings, names, strict=True)]


def plain(drawing: Found) -> str:
    """The name that stands for what is shown: without style, in lower case."""
    if drawing.collection.name == "openclipart":
        return title(drawing.name)
    if drawing.collection.name == "circle-flags":
        return drawing.character
    return without_style(drawing.collection, drawing.key).lower()


def guesses(drawing: Found) -> Iterator[str]:
    """What clip art may be called elsewhere: its title, the singular of it, or its file's name without the author's."""
    yield (said := plain(drawing))
    yield said.removesuffix("s")
    author = re.findall("[a-z]+", drawing.author.lower())
    words = re.findall("[a-z]+", drawing.key.rpartition("/")[2].lower())
    yield " ".join(word for word in words if not any(part.startswith(word) or word.startswith(part) for part in author))


def equal_outlines(drawings: list[Found], names: list[str]) -> list[list[str]]:
    """Names of drawings that have the same outlines, where they are few: a rectangle is drawn for many things."""
    of_design: dict[str, dict[str, None]] = defaultdict(dict)
    for drawing, name in zip(drawings, names, strict=True):
        if drawing.collection.name != "openclipart":
            of_design[drawing.design][name] = None
    return [list(same) for same in of_design.values() if 1 < len(same) <= 4]
