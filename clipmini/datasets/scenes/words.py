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
CONTRASTS = (220, 190, 160)  # between an object and its ground, the most that can be had; for any six colours the last can

# Combinations that no training picture shows.
HELD_OUT = frozenset(map(tuple, WORDS["held_out"]["shape and colour"]))
HELD_OUT_FILLS = frozenset(map(tuple, WORDS["held_out"]["shape and fill"]))

KINDS = {shape: entry["kind"] for shape, entry in WORDS["shapes"].items()}  # the word above it: a square is four-sided

ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "fill": FILLS}


def is_held_out(shape: str, colour: str, fill: str) -> bool:
    """Whether training never shows this combination."""
    return (shape, colour) in HELD_OUT or (shape, fill) in HELD_OUT_FILLS


def distance(a: tuple[int, int, int], b: tuple[int, int, int]) -> int:
    """How far two colours are apart, in red, green, blue and, counted twice, in lightness: 0 to 1,275."""
    red, green, blue = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    lightness = 77 * red + 150 * green + 29 * blue >> 8
    return abs(red) + abs(green) + abs(blue) + 2 * abs(lightness)


@cache
def grounds_for(colours: frozenset[str]) -> tuple[str, ...]:
    """The tints on which objects of all these colours stand out best."""
    contrast = {t: min(distance(tint, RGB[c]) for c in colours) for t, tint in TINTS.items()}
    enough = next(least for least in CONTRASTS if max(contrast.values()) >= least)
    return tuple(t for t in TINTS if contrast[t] >= enough)
