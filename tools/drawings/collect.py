"""All drawings of all collections, before any is left out: what each is called, by whom, and how it is drawn."""

import gzip
import hashlib
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from clipmini.datasets.drawings import icons, packages
from tools.drawings.sets import COLLECTIONS, Collection

CLIPART = "usr/share/openclipart"
PUBLIC_DOMAIN = ("http://web.resource.org/cc/PublicDomain", "http://creativecommons.org/licenses/publicdomain/")


@dataclass(frozen=True)
class Found:
    """One drawing. key: where its collection has it. name: what it is called there. also: its other names, tags and the
    categories that its collection files it under. character: its code points, where it is one of Unicode's. design: a hash of
    its SVG. author: who drew it, where the collection says."""

    collection: Collection
    key: str
    name: str
    also: tuple[str, ...]
    categories: tuple[str, ...]
    character: str
    design: str
    author: str


def everything() -> Iterator[Found]:
    """In the order of the collections and of their files."""
    for collection in COLLECTIONS:
        yield from clip_art(collection) if collection.name == "openclipart" else icon_set(collection)


def icon_set(collection: Collection) -> Iterator[Found]:
    package = f"@iconify-json/{collection.name}"
    filed: dict[str, list[str]] = {}
    for category, names in packages.read_json(package, "metadata.json").get("categories", {}).items():
        for name in names:
            filed.setdefault(name, []).append(category)
    for icon in icons.read(packages.read_json(package, "icons.json")):
        also = tuple(spaced(name) for name in icon.aliases)
        yield Found(
            collection,
            icon.name,
            spaced(icon.name),
            also,
            tuple(filed.get(icon.name, ())),
            of_flag(icon.name) if collection.name == "circle-flags" else character(icon) if collection.emoji else "",
            design(icon.body),
            "",
        )


def clip_art(collection: Collection) -> Iterator[Found]:
    """Open Clip Art: title, keywords and author stand in each SVG, its picture in a PNG of the same name."""
    read, paths = packages.members("openclipart-svg")
    for path in sorted(paths):
        if not path.endswith(".svg"):
            continue
        text = read(path)
        text = (gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text).decode("utf8", "replace")
        said = re.search(r"<metadata.*?</metadata>", text, re.S)
        said = said.group() if said else ""
        if not any(licence in said for licence in PUBLIC_DOMAIN):
            continue
        key = path.split("/svg/")[1].removesuffix(".svg")
        title, author = field(said, "dc:title"), field(re.sub(r".*<dc:creator", "", said, flags=re.S), "dc:title")
        keywords = tuple(html.unescape(word).strip() for word in re.findall(r"<rdf:li[^>]*>(.*?)</rdf:li>", said, re.S))
        folders = tuple(folder.replace("_", " ") for folder in key.split("/")[:-1])
        yield Found(collection, key, title, keywords, folders, "", design(text), author)


def field(text: str, tag: str) -> str:
    """The first value of an XML field, on one line."""
    found = re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.S)
    return " ".join(html.unescape(found.group(1)).split()) if found else ""


def spaced(name: str) -> str:
    """A key as words."""
    return " ".join(name.split("-"))


def design(svg: str) -> str:
    """Equal for drawings of the same outlines, whatever their colours and whatever the set calls its parts."""
    paths = re.findall(r'\b(?:d|points|cx|cy|r|rx|ry|x|y|width|height)="([^"]*)"', svg)
    return hashlib.sha256(" ".join(paths).encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def characters() -> dict[str, str]:
    """Which code points a name of an emoji set stands for: as three of the sets say, else by Unicode's name for the character.

    Hyphens and spaces do not count: Mozilla's set writes names without any.
    """
    known: dict[str, str] = {}
    for name in ("noto", "twemoji", "fluent-emoji-flat"):
        for code, key in packages.read_json(f"@iconify-json/{name}", "chars.json").items():
            if not (code[0] in "ef" and len(code) == 4):  # not the sets' own private characters
                known.setdefault(squeezed(key), "-".join(part for part in code.split("-") if part != "fe0f"))
    for code in {code for code in known.values() if "-" not in code}:
        known.setdefault(squeezed(unicodedata.name(chr(int(code, 16)), code)), code)
    return known


def squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def character(icon: icons.Icon) -> str:
    """The code points of a drawing in an emoji set; empty if none of its names is known."""
    plain = [re.sub("^flag for (flag )?", "flag ", spaced(key)) for key in (icon.name, *icon.aliases)]
    tried = [*plain, *(re.sub(r" \d+$", "", key) for key in plain)]  # "boy 2"; but first "keycap 2"
    return next((code for key in tried if (code := characters().get(squeezed(key)))), "")


def of_flag(code: str) -> str:
    """The code points of a country's flag, from its two letters; empty for other names."""
    return "-".join(f"{0x1F1E6 + ord(letter) - ord('a'):x}" for letter in code) if re.fullmatch("[a-z]{2}", code) else ""
