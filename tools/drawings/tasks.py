"""python -m tools.drawings.tasks: make data/drawings/tasks.json, the labelled tasks, from the manifest.

A class is a set of names; a drawing by a stranger belongs to it if its artist calls it so, or if it shows the thing of that name.
Most classes come from Unicode's groups of emoji, some from lists; tasks that read a key (digits) have a rule each.
"""

import json
import re
from collections.abc import Callable

from clipmini.datasets.drawings import manifest
from clipmini.datasets.drawings.manifest import Drawing
from clipmini.datasets.drawings.tasks import FILE
from clipmini.files import atomic_write, data_folder
from tools.drawings import classes
from tools.drawings.fit import regional

STRANGERS = ("fluent", "freehand", "silhouettes", "lines", "clipart")
Classes = dict[str, list[str]]


def main() -> None:
    rows = [drawing for drawing in manifest.drawings() if drawing.split in STRANGERS]
    tasks = {
        name: {"templates": templates, "classes": {what: drawn for what, drawn in make(rows).items() if drawn}}
        for name, (templates, make) in TASKS.items()
    }
    with atomic_write(data_folder() / FILE) as partial:
        partial.write_text(json.dumps(tasks, indent=0, ensure_ascii=False) + "\n", encoding="utf8")
    for name, task in tasks.items():
        counts = [len(drawn) for drawn in task["classes"].values()]
        print(f"{name:14} {sum(counts):5} drawings, {len(counts):4} classes, {min(counts)} to {max(counts)} a class")


def by_group(*subgroups: str, without: str = "", rename: Callable[[str], str] = lambda name: name, more: Classes | None = None):
    """A class a thing of some of Unicode's subgroups. without: things that are left out; more: names of further classes."""

    def make(rows: list[Drawing]) -> Classes:
        names: Classes = {}
        for concept in manifest.concepts().values():
            if concept.subgroup in subgroups and concept.name not in without.split(", "):
                names.setdefault(rename(concept.name), []).append(concept.name)
        for what, others in (more or {}).items():
            names.setdefault(what, []).extend([what, *others])
        return by_names(names)(rows)

    return make


def by_names(names: Classes):
    """A class a list of names."""
    of_name = {name: what for what, several in names.items() for name in several}

    def make(rows: list[Drawing]) -> Classes:
        found: Classes = {what: [] for what in names}
        for row in rows:
            if what := of_name.get(row.concept, of_name.get(row.captions[0])):
                found[what].append(place(row))
        return {what: drawn for what, drawn in found.items() if drawn}

    return make


def by_key(pattern: str, name: Callable[[re.Match], str | None]):
    """A class from each drawing's key, where it matches."""

    def make(rows: list[Drawing]) -> Classes:
        found: Classes = {}
        for row in rows:
            if (match := re.fullmatch(pattern, row.key)) and (what := name(match)):
                found.setdefault(what, []).append(place(row))
        return dict(sorted(found.items()))

    return make


def flags(rows: list[Drawing]) -> Classes:
    """Every country's flag, by an artist who draws nothing else."""
    drawn = [row for row in manifest.drawings() if row.collection == "circle-flags"]
    return {
        row.concept.removeprefix("flag "): [place(row)] for row in drawn if regional(manifest.concepts()[row.concept].character)
    }


def styles(rows: list[Drawing]) -> Classes:
    """Tabler's drawings that there are both filled and as lines."""
    keys = {row.key: row for row in rows if row.collection == "tabler"}
    filled = sorted(key for key in keys if key.endswith("-filled") and key.removesuffix("-filled") in keys)
    plain = [key.removesuffix("-filled") for key in filled]
    return {"a filled shape": [place(keys[key]) for key in filled], "an outline": [place(keys[key]) for key in plain]}


def kinds(rows: list[Drawing]) -> Classes:
    """Ten coarse kinds: all drawings of the fine tasks, by what they are together."""
    return {
        kind: sorted({drawing for task in parts for drawn in TASKS[task][1](rows).values() for drawing in drawn})
        for kind, parts in classes.KINDS.items()
    }


def place(row: Drawing) -> str:
    return f"{row.collection}:{row.key}"


def direction(match: re.Match) -> str | None:
    return classes.DIRECTIONS.get((match.group(1) or match.group(2)).replace("-", " "))


def digit(match: re.Match) -> str:
    return classes.DIGITS[int(match.group(1))]


def letter(match: re.Match) -> str:
    return match.group(1).upper()


FRAMES = "(?:circle-|square-|square-rounded-|hexagon-)?"  # in which digits and letters stand
ARROWS = "arrow|arrow-big|arrow-narrow|circle-arrow|square-arrow|arrow-bar|chevron|caret"
PLAIN = ["{}", "a {}", "a drawing of a {}"]
TASKS = {
    "animals": (PLAIN, by_group("mammals", "birds", "amphibians", "reptiles", "marine life", "bugs", **classes.ANIMALS)),
    "fruit": (PLAIN, by_group("fruit", "vegetables", **classes.FRUIT)),
    "dishes": (PLAIN, by_group("cooked / prepared", "asian", "sweets & candy", "drink", **classes.DISHES)),
    "plants": (PLAIN, by_group("flowers", "other plants", **classes.PLANTS)),
    "vehicles": (PLAIN, by_group("ground transportation", "air transportation", "water transportation", **classes.VEHICLES)),
    "instruments": (PLAIN, by_group("musical instruments", **classes.INSTRUMENTS)),
    "clothes": (PLAIN, by_group("clothing", **classes.CLOTHES)),
    "sports": (PLAIN, by_group("sports", **classes.SPORTS)),
    "weather": (["{}", "the weather: {}"], by_names(classes.WEATHER)),
    "tools": (PLAIN, by_group("tools", **classes.TOOLS)),
    "household": (PLAIN, by_group("household items", "office supplies", **classes.HOUSEHOLD)),
    "buildings": (PLAIN, by_group("buildings", "religious buildings", **classes.BUILDINGS)),
    "body": (PLAIN, by_group("body parts", **classes.BODY)),
    "faces": (["{} face", "a face that is {}"], by_names(classes.FEELINGS)),
    "hands": (["{}"], by_names(classes.GESTURES)),
    "flags": (["flag {}", "the flag of {}"], flags),
    "clocks": (["{}"], by_names(classes.CLOCKS)),
    "moons": (["{}", "{} phase"], by_names(classes.MOONS)),
    "zodiac": (["{}", "zodiac {}"], by_names(classes.ZODIAC)),
    "digits": (["number {}", "digit {}"], by_key(rf"(?:keycap|{FRAMES}number|number-small)-(\d)(?:-filled|-small)?", digit)),
    "letters": (["letter {}", "the letter {}"], by_key(rf"{FRAMES}letter-([a-z])(?:-filled|-small)?", letter)),
    "arrows": (["arrow {}"], by_key(rf"(?:{ARROWS})-([a-z-]+?)(?:-filled)?|([a-z-]+)-arrow", direction)),
    "actions": (["{}", "a person {}"], by_names(classes.ACTIONS)),
    "styles": (["{}"], styles),
    "kinds": (PLAIN, kinds),
}


if __name__ == "__main__":
    main()
