"""The words of the world: every attribute that an object may have, and every way to say it. They live in a data file."""

import json
from functools import cache

from clipmini.files import package_data

WORDS_FILE = "scenes.json"
WORDS = json.loads(package_data(WORDS_FILE).read_text(encoding="utf-8"))

SHAPES = tuple(WORDS["shapes"])
COLOURS = tuple(WORDS["colours"])
SIZES = tuple(WORDS["sizes"])
FILLS = tuple(WORDS["fills"])
PLACES = tuple(WORDS["places"])  # row by row, from the top left
BACKGROUNDS = tuple(WORDS["backgrounds"])
RELATIONS = tuple(WORDS["relations"])
ACTIONS = tuple(WORDS["actions"])
WRITTEN_WORDS = tuple(WORDS["words"])
GLYPHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LANGUAGES = ("it", "fr", "de")
MAX_OBJECTS = 6

RGB = {colour: tuple(entry["rgb"]) for colour, entry in WORDS["colours"].items()}
TINTS = {name: tuple(rgb) for name, rgb in WORDS["tints"].items()}
CONTRAST = 116  # sum over R, G and B: as much as there is room for between any six colours and a ground

# Combinations that no training picture shows.
HELD_OUT = frozenset(map(tuple, WORDS["held_out"]["shape and colour"]))
HELD_OUT_FILLS = frozenset(map(tuple, WORDS["held_out"]["shape and fill"]))

KINDS = {shape: entry["kind"] for shape, entry in WORDS["shapes"].items()}  # the word above it: a square is four-sided

ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "fill": FILLS}


def is_held_out(shape: str, colour: str, fill: str) -> bool:
    """Whether training never shows this combination."""
    return (shape, colour) in HELD_OUT or (shape, fill) in HELD_OUT_FILLS


def distance(a: tuple[int, int, int], b: tuple[int, int, int]) -> int:
    """How far two colours are apart: 0 to 765."""
    return abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2])


@cache
def grounds_for(colours: frozenset[str]) -> tuple[str, ...]:
    """The tints on which objects of all these colours can be seen."""
    return tuple(t for t, tint in TINTS.items() if all(distance(tint, RGB[c]) >= CONTRAST for c in colours))
