"""The manifest: which drawings there are, what each is called, what it shows, and in which split it is."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from pathlib import Path

from clipmini.files import atomic_write, package_data

ROWS, CONCEPTS, COLLECTIONS = "drawings/manifest.csv.gz", "drawings/concepts.csv.gz", "drawings/collections.json"


@dataclass(frozen=True)
class Drawing:
    """One picture. collection, key: where it is from. split: where it is used. concept: what it shows, whoever drew it.

    copy: of a training picture, "" for none, "outline" where the same lines are, "look" where it looks the same.
    ink: "grey" or "colour". author: who drew it, where a collection has several. names: the artist's, the caption first,
    joined by |.
    """

    collection: str
    key: str
    split: str
    concept: str
    copy: str
    ink: str
    author: str
    names: str

    @property
    def place(self) -> str:
        """Where it is from, in one word: COLLECTION:KEY."""
        return f"{self.collection}:{self.key}"

    @property
    def captions(self) -> tuple[str, ...]:
        """What its artist calls it, the caption first."""
        return tuple(self.names.split("|"))


@dataclass(frozen=True)
class Concept:
    """A thing that is one of Unicode's characters. character: code points. group, subgroup: Unicode's. keywords: joined by |."""

    name: str
    character: str
    group: str
    subgroup: str
    keywords: str


@lru_cache(maxsize=1)
def drawings() -> list[Drawing]:
    """All pictures, in the order of the sheets that hold them."""
    return _read(ROWS, Drawing)


@lru_cache(maxsize=1)
def concepts() -> dict[str, Concept]:
    """The concepts that Unicode has a character for, by name."""
    return {concept.name: concept for concept in _read(CONCEPTS, Concept)}


@lru_cache(maxsize=1)
def collections() -> dict[str, dict]:
    """Of each collection its studio, title, authors, licence, address, package and version."""
    return json.loads(package_data(COLLECTIONS).read_text())


def write(path: Path, rows: Iterable[Drawing | Concept]) -> None:
    """A table in the same bytes each time."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(astuple, rows))
    with atomic_write(path) as partial:
        partial.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def _read(name: str, kind: type) -> list:
    with gzip.open(package_data(name), "rt", newline="", encoding="utf8") as file:
        width = len(fields(kind))
        rows = [kind(*row) for row in csv.reader(file) if len(row) == width]
    return rows
