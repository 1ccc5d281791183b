"""The numbers of the page about the data set scenes: counted on the generator's first pairs, or measured and kept."""

import hashlib
import json
import math
import os
import platform
import re
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import PIL
import PIL.features

from clipmini.datasets import scenes
from clipmini.datasets.prompts import fill
from clipmini.datasets.scenes import duplicates, rows
from clipmini.datasets.scenes.grammar import PRODUCTIONS
from clipmini.datasets.scenes.outlines import outline
from clipmini.datasets.scenes.parse import mistakes, omitted
from clipmini.datasets.scenes.sample import BUCKETS
from clipmini.datasets.scenes.scene import Object, Scene, place
from clipmini.datasets.scenes.shifts import CLASSES
from clipmini.datasets.scenes.words import HELD_OUT, HELD_OUT_FILLS, MAX_OBJECTS, WORDS
from clipmini.files import data_folder
from tools import ROOT
from tools.scenes import figures
from tools.scenes.figures import SAMPLE, pairs

TABLES = ROOT / "book" / "scenes_tables"
MEASURED = TABLES / "measured.json"  # times, which are another machine's on another machine
COUNTED = TABLES / "counted.json"  # what takes minutes to count, and is the same for one version of the generator
PRINTED = 1_000  # the first pairs of a split, of which the fingerprint is taken


def percent(part: float, whole: float = 1, digits: int = 1) -> str:
    return f"{100 * part / whole:.{digits}f}%"


def share(holds) -> str:
    """Of how many of the measured captions something holds."""
    return percent(sum(map(bool, map(holds, pairs()))), SAMPLE)


def fingerprint(split: str) -> str:
    """Eight hex digits over the captions and the notes of a split's first pairs; no pixel is drawn."""
    text = "\n".join(f"{text}\t{rows.note(scene, parse)}" for scene, text, parse in first_pairs(split))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def first_pairs(split: str) -> list[tuple]:
    """The first pairs of a split: scene, caption, parse."""
    world, bucket = (scenes.V2, "test") if split == "v2" else (scenes.REFERENCE, split)
    return pairs()[:PRINTED] if split == "train" else [rows.pair(world, bucket, row) for row in range(PRINTED)]


# --- counted once a version


def count() -> dict:
    """What takes minutes: how train and test overlap, and what gives answers away."""
    return {"version": scenes.VERSION, "overlap": overlap(), "shortcuts": shortcuts()}


def counted() -> dict:
    """As it was last counted."""
    return json.loads(COUNTED.read_text())


def is_counted() -> bool:
    """Whether what was counted is of today's generator."""
    return COUNTED.is_file() and counted()["version"] == scenes.VERSION


def overlap() -> dict[str, float]:
    """Of all test pairs, the share with which some training pair agrees in what can be said, and in what is said."""
    alike, captions = set(), set()
    for row in range(scenes.SIZES["train"]):
        scene, text, _ = rows.pair(scenes.REFERENCE, "train", row)
        alike.add(hash(sayable(scene)))
        captions.add(text)
    tests = [rows.pair(scenes.REFERENCE, "test", row) for row in range(scenes.SIZES["test"])]
    return {
        "scenes": statistics.mean(hash(sayable(scene)) in alike for scene, *_ in tests),
        "captions": statistics.mean(text in captions for _, text, _ in tests),
    }


LEARNED, ASKED = 4000, 2000  # rows that a shortcut is learned on, and asked about
SHORTCUTS: dict[str, tuple[str, Callable[[Scene], object]]] = {
    "size": ("where the object is", lambda scene: (scene.objects[0].x // 64, scene.objects[0].y // 64)),
    "count": ("the area that all objects cover", lambda scene: round(8 * math.log2(sum(map(area_of, scene.objects))))),
    "action": ("where the first object is", lambda scene: (scene.objects[0].x // 64, scene.objects[0].y // 64)),
    "kind": ("the object's colour", lambda scene: scene.objects[0].colour),
    "colour": ("the tints of the ground", lambda scene: scene.tints),
    "shape": ("how far the object is turned", lambda scene: scene.objects[0].angle // 5),
}


def shortcuts() -> dict[str, float]:
    """How often a task is right for one that looks only aside: the commonest answer of the training rows that are alike."""
    found = {}
    for name, (_, aside) in SHORTCUTS.items():
        task, answers = scenes.TASKS[name], defaultdict(Counter)
        for row in range(LEARNED):
            scene, label, _ = rows.answer(name, task, "train", row)
            answers[aside(scene)][label] += 1
        hits = 0
        for row in range(ASKED):
            scene, label, _ = rows.answer(name, task, "val", row)
            hits += max(answers[aside(scene)], key=answers[aside(scene)].get, default=-1) == label
        found[name] = hits / ASKED
    return found


def area_of(o: Object) -> int:
    """What its outline encloses, by the shoelace formula; in units of 1/1024 of its radius, squared, times the radius squared."""
    corners = outline(o.shape, 0)
    return round(o.r**2 * abs(sum(a * d - b * c for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True))))


def filled_outlines(size: str, resolution: int = 32) -> list[str]:
    """Shapes whose outline leaves no hole at this size: drawn solid and outlined, hardly a pixel differs."""
    radius, alike = sum(getattr(scenes.REFERENCE.sizes, size)) // 2, []
    for shape in WORDS["shapes"]:
        solid, outlined = (figures.one(shape, "navy", size, fill, radius) for fill in ("solid", "outlined"))
        a, b = (scenes.draw(scene, resolution).convert("L").tobytes() for scene in (solid, outlined))
        if sum(abs(x - y) > 40 for x, y in zip(a, b, strict=True)) <= 2:
            alike.append(shape)
    return alike


def unread_words() -> dict[str, list[str]]:
    """Words of prompts and answers that no measured training caption uses, by task; single letters are left aside."""
    read = {word for _, text, _ in pairs() for word in words_of(text)}
    found = {}
    for name, task in duplicates.ALL.items():
        asked = {word for template in task.templates for answer in task.classes for word in words_of(fill(template, answer))}
        if missing := sorted(asked - read):
            found[name] = missing
    return found


def words_of(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text) if len(word) > 1]


def measure() -> dict:
    """Times and sizes on this machine, at its best of three where others may be using it too; takes a minute or two."""
    rates = {}
    for resolution in (32, 64, 128):
        draw = partial(rows.draw_pairs, scenes.REFERENCE, "train", range(1000), resolution)
        seconds = min(timed(draw) for _ in range(3))
        rates[str(resolution)] = round(1000 / seconds, -2)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLIPMINI_CACHE"] = folder
        taken = [timed(lambda: scenes.load("train")) for _ in range(2)]
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.safetensors"))
    return {
        "pictures a second, one core": rates, "train drawn, s": round(taken[0]), "train read, s": round(taken[1], 1),
        "train bytes": size, "cores": os.cpu_count(), "python": platform.python_version(), "pillow": PIL.__version__,
    }


def timed(do) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


# --- numbers in sentences


@cache
def facts() -> dict[str, str]:
    """Every number in the page's own sentences."""
    numbers = how_many() | of_adversarial() | of_captions() | of_copies() | of_limits() | of_proof() | of_machine()
    return {name: str(value) for name, value in numbers.items()}


def of_adversarial() -> dict:
    """How the adversarial pictures were found; dashes until they are."""
    found = scenes.adversarial() if figures.is_chosen() else {}
    return {
        "pool": f"{found.get('pool', 0):,}", "pool_right": percent(found.get("test right", 0), 1, 0),
        "adversarial": f"{len(found.get('test', [])):,}",
    }


def how_many() -> dict:
    return {
        **{split: f"{scenes.SIZES[split]:,}" for split in ("train", "planted")},
        "shapes": len(WORDS["shapes"]), "colours": len(WORDS["colours"]), "objects": MAX_OBJECTS,
        "held_out": len(HELD_OUT), "held_out_fills": len(HELD_OUT_FILLS),
        "tasks": len(scenes.TASKS), "shifts": len(scenes.SHIFTS) - 1, "classes": len(CLASSES),
        "printed": f"{PRINTED:,}", "buckets": sum(map(len, BUCKETS.values())),
        "productions": len(PRODUCTIONS),
        "version": code(str(scenes.VERSION)), "pair_tasks": sum(" or " in name for name in scenes.TASKS),
        "unseen_n": len(HELD_OUT), "unseen_of": scenes.TASKS["unseen combination"].answers,
        "unseen_guess": percent(1 / len(HELD_OUT)), "unseen_fill_of": scenes.TASKS["unseen fill"].answers,
        "unseen_fill_guess": percent(1 / len(HELD_OUT_FILLS), 1, 0),
        "task_rows": f"{scenes.TRAIN_TIMES * 2000:,}",
        "unseen_pair": "{1} {0}".format(*WORDS["held_out"]["shape and colour"][0]),
        "unseen_fill": "{1} {0}".format(*WORDS["held_out"]["shape and fill"][0]),
    }


def of_captions() -> dict:
    captions = Counter(text for _, text, _ in pairs())
    lengths = [len(text.split()) for _, text, _ in pairs()]
    (commonest, n), *_ = captions.most_common(1)
    shared = counted()["overlap"]
    return {
        "sample": f"{SAMPLE:,}", "distinct": f"{len(captions):,}", "commonest": commonest, "commonest_n": n,
        "repeated": percent(sum(n for n in captions.values() if n > 1), SAMPLE, 0),
        "test_read": percent(shared["captions"], 1, 0), "test_alike": percent(shared["scenes"]),
        "vocabulary": f"{len({word for text in captions for word in words_of(text)}):,}",
        "mean_words": f"{statistics.mean(lengths):.1f}", "most_words": max(lengths),
        "untrue": share(lambda p: mistakes(p[2], p[0])), "silent": silent(),
    }


def sayable(scene: Scene) -> tuple:
    """All that a caption could say of a scene; not the tint of its ground, for which there is no word."""
    things = sorted((o.shape, o.colour, o.size, o.fill, place(o), o.glyph) for o in scene.objects)
    return tuple(things), scene.background, scene.word, scene.action.name if scene.action else ""


def of_copies() -> dict:
    rates = list(duplicates.RATES.values())
    told = sum(plant.on_label for plant in duplicates.table())
    return {
        "told": told, "not_told": duplicates.COPIES - told,
        "changes": len(duplicates.CHANGES), "rated": len(rates), "rate_none": sum(not rate for rate in rates),
        "rate_median": percent(statistics.median(rates)), "rate_mean": percent(statistics.mean(rates)),
    }


def of_limits() -> dict:
    unread = [f"{listed(map(quoted, words))} in the prompts of *{name}*" for name, words in unread_words().items()]
    return {
        "learned": f"{LEARNED:,}", "asked": f"{ASKED:,}",
        "area": percent(counted()["shortcuts"]["count"], 1, 0), "unread": listed(unread) or "none",
        **{f"{size}_outlines": listed(filled_outlines(size)) or "none" for size in ("small", "medium")},
    }


def of_proof() -> dict:
    """How the supervised networks were trained, and the readers of text."""
    proof = json.loads((data_folder() / "scenes_proof.json").read_text())
    single, captions = proof["single"], proof["captions"]
    pictures = {group: steps * single["batch"] for group, steps in single["steps"].items()}
    right = {name: percent(found["all"]["mean"], 1, 0) for name, found in single["tasks"].items()}
    return {
        "proof_parameters": f"{single['parameters'] / 1e6:.1f}", "proof_most": f"{max(pictures.values()):,}",
        "proof_fewest": f"{min(pictures.values()):,}", "looker_parameters": f"{captions['parameters'] / 1e6:.1f}",
        "larger_right": right["shape of the larger"], "action_right": right["action"],
        "text_rows": f"{captions['text']['rows a task']:,}", "text_captions": f"{captions['text']['captions']:,}",
    }


def of_machine() -> dict:
    measured = json.loads(MEASURED.read_text())
    return {
        "pillow": PIL.__version__, "freetype": PIL.features.version("freetype2"),
        "megabytes": f"{measured['train bytes'] / 1e6:,.0f}", "drawn": measured["train drawn, s"],
        "read": measured["train read, s"], "cores": measured["cores"],
    }


def silent() -> str:
    """Of the pictures of several objects whose caption is true, the share whose caption does not speak of all."""
    several = [(scene, parse) for scene, _, parse in pairs() if len(scene.objects) > 1 and not parse.noise]
    return percent(sum(bool(omitted(parse, scene)) for scene, parse in several), len(several), 0)


def listed(words) -> str:
    """a, b and c"""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def quoted(text: str) -> str:
    return f'"{text}"'


def code(text: str) -> str:
    """Verbatim within a sentence or a cell."""
    return f"`{text.replace('|', chr(0x2502))}`"
