"""python -m tools.drawings: make data/drawings from the pinned packages.

What is fetched and what is drawn is kept in the cache, so that a second call goes on where a first one ended. The same packages
give the same bytes.
"""

import json
import time
from collections import Counter

import numpy as np
from tqdm.auto import tqdm

from clipmini.datasets.drawings import manifest, packages, redraw, sheets
from clipmini.datasets.drawings.manifest import Concept, Drawing
from clipmini.files import atomic_write, data_folder
from tools.drawings import copies, words
from tools.drawings.collect import Found, everything
from tools.drawings.concepts import concepts, plain
from tools.drawings.fit import reason
from tools.drawings.sets import COLLECTIONS
from tools.drawings.splits import splits

RESOLUTION = 32


def main() -> None:
    started = time.perf_counter()
    found = fitting(list(everything()))
    names = concepts(found)
    sides = splits(found, names, [plain(drawing) for drawing in found])
    kept = [row for row, side in enumerate(sides) if side]
    found, names, sides = ([part[row] for row in kept] for part in (found, names, sides))
    pictures = draw(found)
    kept = [row for row, picture in enumerate(pictures) if picture is not None]
    found, names, sides, pictures = ([part[row] for row in kept] for part in (found, names, sides, pictures))
    rows = table(found, names, sides, pictures)
    write(rows, pictures, found, names)
    report(rows, time.perf_counter() - started)


def fitting(found: list[Found]) -> list[Found]:
    """Those that may ship; says how many are left out, and why."""
    why = [reason(drawing) for drawing in found]
    for what, count in Counter(filter(None, why)).most_common():
        print(f"{count:7,} left out: {what}")
    return [drawing for drawing, what in zip(found, why, strict=True) if what is None]


def draw(found: list[Found]) -> list[np.ndarray | None]:
    """The pictures; those that do not draw are None, counted and named."""
    pictures: list[np.ndarray | None] = []
    for collection in tqdm(COLLECTIONS, desc="drawing"):
        keys = [drawing.key for drawing in found if drawing.collection is collection]
        drawn = redraw.collection(collection.name, keys, RESOLUTION)
        pictures += [at(drawn, place) for place in drawn["place"].tolist()]
    lost = [f"{drawing.collection.name}:{drawing.key}" for drawing, it in zip(found, pictures, strict=True) if it is None]
    print(f"{len(lost):7,} do not draw: {', '.join(lost[:12])}{' ...' if len(lost) > 12 else ''}")
    return pictures


def at(drawn: dict[str, np.ndarray], place: int) -> np.ndarray | None:
    if place == redraw.MISSING:
        return None
    return drawn["colour"][place] if place >= 0 else drawn["grey"][~place]


def table(found: list[Found], names: list[str], sides: list[str], pictures: list[np.ndarray]) -> list[Drawing]:
    held = {name for name, side in zip(names, sides, strict=True) if side in ("new_names", "val_names")}
    copied = mark_copies(found, sides, pictures)
    return [
        Drawing(
            collection=drawing.collection.name,
            key=drawing.key,
            split=side,
            concept=name,
            copy=copy,
            ink="grey" if picture.ndim == 2 else "colour",
            author=drawing.author,
            names="|".join(words.names(drawing, name, held if side == "train" else set())),
        )
        for drawing, name, side, copy, picture in zip(found, names, sides, copied, pictures, strict=True)
    ]


def mark_copies(found: list[Found], sides: list[str], pictures: list[np.ndarray]) -> list[str]:
    """Of pictures that training does not see: whether it sees the same outlines, or what looks the same."""
    trained = [row for row, side in enumerate(sides) if side == "train"]
    rest = [row for row, side in enumerate(sides) if side != "train"]
    outlines = {found[row].design for row in trained}
    bits = copies.hashes(pictures)
    looks = dict(zip(rest, copies.nearest(bits[rest], bits[trained]) <= copies.NEAR, strict=True))
    marks = [""] * len(found)
    for row in rest:
        marks[row] = "outline" if found[row].design in outlines else "look" if looks[row] else ""
    return marks


def write(rows: list[Drawing], pictures: list[np.ndarray], found: list[Found], names: list[str]) -> None:
    """All files of data/drawings but the list of packages and the tasks."""
    folder = data_folder() / "drawings"
    for ink in ("grey", "colour"):
        drawn = np.stack([picture for row, picture in zip(rows, pictures, strict=True) if row.ink == ink])
        for beyond in sorted(folder.glob(f"{ink}-*.webp"))[sheets.count(len(drawn)) :]:
            beyond.unlink()
        sheets.write(folder, ink, drawn)
    manifest.write(data_folder() / manifest.ROWS, rows)
    characters = {name: drawing.character for drawing, name in zip(found, names, strict=True) if drawing.character}
    held = {row.concept for row in rows if row.split in ("val_names", "new_names")}
    things = [concept(name, characters[name], held) for name in sorted(characters)]
    manifest.write(data_folder() / manifest.CONCEPTS, things)
    with atomic_write(data_folder() / manifest.COLLECTIONS) as partial:
        partial.write_text(json.dumps(about_collections(), indent=1, ensure_ascii=False) + "\n", encoding="utf8")


def concept(name: str, character: str, held: set[str]) -> Concept:
    """What Unicode says of a thing; of one whose name training reads, nothing that holds a name that it never reads."""
    group, subgroup = words.groups().get(character, ("", ""))
    said = dict.fromkeys(word.lower() for word in words.keywords().get(character, ()))
    said = [word for word in said if name in held or not words.says_any(word, held)]
    return Concept(name, character, group, subgroup, "|".join(said))


def about_collections() -> dict[str, dict]:
    """Who made each, and under which terms it is here."""
    return {
        collection.name: about(collection.name) | {"studio": collection.studio, "split": collection.split}
        for collection in COLLECTIONS
    }


def about(name: str) -> dict:
    if name == "openclipart":
        package = packages.pinned()["openclipart-png"]
        terms = {"title": "Open Clip Art Library 0.18", "author": "named for each picture", "licence": "public domain"}
        return terms | {"url": "https://openclipart.org", "package": package.name, "version": package.version}
    package = packages.pinned()[f"@iconify-json/{name}"]
    info = packages.read_json(package.name, "info.json")
    author = info["author"]
    return {
        "title": info["name"],
        "author": author["name"],
        "licence": info["license"]["spdx"],
        "url": author.get("url", ""),
        "package": package.name,
        "version": package.version,
    }


def report(rows: list[Drawing], seconds: float) -> None:
    known = {row.concept for row in rows if row.split == "train"}
    for split in dict.fromkeys(row.split for row in rows):
        here = [row for row in rows if row.split == split]
        things, coloured = len({row.concept for row in here}), sum(row.ink == "colour" for row in here)
        names, copied = [row.concept for row in here if row.concept in known], Counter(row.copy for row in here)
        print(
            f"{len(here):7,} {split:12} {things:6,} things, {coloured:6,} in colour; {len(names):,} of {len(set(names)):,} known "
            f"things; copies: {copied['outline']:,} outline, {copied['look']:,} look"
        )
    size = sum(path.stat().st_size for path in (data_folder() / "drawings").iterdir())
    print(f"{len(rows):,} drawings, {size / 1e6:.1f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
