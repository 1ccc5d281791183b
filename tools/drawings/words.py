"""What a drawing is called: its artist's name for it in plain words, other wordings, and Unicode's keywords."""

import re
from collections.abc import Collection as AnyOf
from functools import lru_cache

from clipmini.datasets.drawings import packages
from tools.drawings.collect import Found
from tools.drawings.sets import Collection

NUMBERED = ("hugeicons", "solar", "carbon", "ri", "mingcute", "lucide")  # where a number at the end counts versions
LONGEST = 4  # words of a held-out name
SQUEEZED = ("fxemoji", "circle-flags")  # names without spaces, codes of countries: the concept's name is said
FEW = 6  # other names of one drawing that are kept
THINGS = re.compile(
    "animal|astronom|beverage|bird|building|cloth|drink|emotion|face|food|fruit|game|hand|insect|medic|music|nature|people|plant|science"
    "|shape|sport|time|tool|toy|transport|travel|vehicle|weapon|weather"
)  # categories that say what is shown, and not where in an app it belongs


def without_style(collection: Collection, key: str) -> str:
    """A key as words, without the endings that say how it is drawn, and without the number of a version."""
    words = key.split("-")
    numbered = collection.name in NUMBERED or collection.studio == "Streamline"
    while len(words) > 1 and (words[-1] in collection.styles or numbered and re.fullmatch(r"0?\d", words[-1])):
        words.pop()
    return " ".join(words)


def title(text: str) -> str:
    """What an artist called a piece of clip art, without the collection before the dash and the number at the end."""
    text = re.sub(r"(?i)^clipart by .* - |\.svg$", "", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(r"[_/]+|(?<=\w)-(?=\w)", " ", text)
    return re.sub(r"(?<=[a-z]) ?\d+$", "", " ".join(text.lower().replace("&", "and").split()))


def names(found: Found, concept: str, held: set[str]) -> tuple[str, ...]:
    """The caption first, then the whole name with its style, other names, tags and categories; none that is held out."""
    caption = title(found.name) if found.collection.name == "openclipart" else without_style(found.collection, found.key).lower()
    if found.collection.name in SQUEEZED and found.character:
        caption = concept
    tags = [tag for category in found.categories for tag in re.split("[/&+]", title(category)) if THINGS.search(tag)]
    others = [found.name, *found.also[:FEW], *tags[:2]]
    said = dict.fromkeys(" ".join(name.lower().replace("|", " ").split()) for name in (caption or "untitled", *others))
    return tuple(name for name in said if name and (name == caption or not says_any(name, held)))


def says_any(name: str, held: AnyOf[str]) -> bool:
    """Whether a held-out name stands in a text, as a whole."""
    words = name.split()
    return any(" ".join(words[i : i + n]) in held for n in range(2, LONGEST + 1) for i in range(len(words) - n + 1))


@lru_cache(maxsize=1)
def keywords() -> dict[str, tuple[str, ...]]:
    """Unicode CLDR's words for a character, by its code points: the short name first. They are Unicode's, not the artists'."""
    said = packages.read_json("cldr-annotations-full", "annotations/en/annotations.json")["annotations"]["annotations"]
    return {points(text): (*row["tts"], *(word for word in row.get("default", ()))) for text, row in said.items() if "tts" in row}


@lru_cache(maxsize=1)
def groups() -> dict[str, tuple[str, str]]:
    """Group and subgroup of each of Unicode's emoji, by its code points: ("animals & nature", "mammal")."""
    names = packages.read_json("emojibase-data", "en/messages.json")
    large = {row["order"]: row["message"] for row in names["groups"]}
    small = {row["order"]: row["message"] for row in names["subgroups"]}
    rows = packages.read_json("emojibase-data", "en/data.json")
    return {points(row["emoji"]): (large[row["group"]], small[row["subgroup"]]) for row in rows if "subgroup" in row}


def points(text: str) -> str:
    """Code points, hexadecimal, without the selector that asks for a coloured picture."""
    return "-".join(f"{ord(letter):x}" for letter in text if letter != "\ufe0f")
