"""The tables of the page about the data set scenes, each a function that returns its text."""

import json
from collections import Counter

from clipmini.datasets import scenes
from clipmini.datasets.scenes import duplicates, rows
from clipmini.datasets.scenes.grammar import WEIGHTS
from clipmini.datasets.scenes.sample import BUCKETS
from clipmini.datasets.scenes.scene import SIDE
from clipmini.datasets.scenes.words import KINDS, WORDS
from clipmini.datasets.scenes.world import ODD, RENDITION, SKETCH, V2, VIDEO, WILD, World
from clipmini.evaluate.metrics import wilson_interval
from clipmini.files import data_folder
from tools.scenes.numbers import (
    ASKED,
    MEASURED,
    SAMPLE,
    SHORTCUTS,
    code,
    counted,
    fingerprint,
    pairs,
    percent,
)

PROOF = "scenes_proof.json"
WORLD_OF = {"v2": V2, "sketch": SKETCH, "renditions": RENDITION, "odd views": ODD, "adversarial": WILD, "video": VIDEO}


def table(head: list[str], body: list[list], align: str = "") -> str:
    """A table; align: l or r for each column."""
    rule = [":--" if a == "l" else "--:" for a in (align or "l" * len(head))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, rule, *body]) + "\n"


def get() -> str:
    """How to load, with what the lines return."""
    scene, text, _ = pairs()[0]
    picture = tuple(rows.render([scene], 32).shape[1:])
    return f'''```python
import clipmini as cm
from clipmini.datasets import scenes

# or resolution=64
train = cm.datasets.load("scenes", "train")
# ({scenes.SIZES["train"]}, {", ".join(map(str, picture))}), uint8
train.images.shape
# {text!r}
train.captions[0]
```
'''


def get_task() -> str:
    """How to load a task."""
    _, label, choices = rows.answer("relation", scenes.TASKS["relation"], "val", 0)
    return f'''```python
task = cm.datasets.load("scenes/relation", "val")
# {choices[0]!r}
# {choices[1]!r}
task.choices[0]
# {label}: the {"first" if label == 0 else "second"} is right
task.labels[0]
```
'''


def note() -> str:
    """What is known of the first training pair: an attribute a line, of its first object and of what the caption says."""
    scene, text, parse = pairs()[0]
    o, m = scene.objects[0], parse.mentions[0]
    objects = f"{len(scene.objects)} object{'s' * (len(scene.objects) > 1)}"
    held = [
        ("`scene.objects`", objects),
        *values("scene.objects[0]", o, ("shape", "colour", "size", "fill", "x", "y", "r")),
        *values("scene", scene, ("background", "tints", "style", "word", "action")),
        ("the caption", code(text)),
        ("`parse.form`, its production", code(repr(parse.form))),
        *values("parse.mentions[0]", m, ("who", "count", "shape", "colour", "size")),
        *values("parse", parse, ("noise",)),
    ]
    return table(["`scene, parse = scenes.read_note(train.notes[0])`", "holds"], held, "ll")


def values(name: str, of, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(f"`{name}.{key}`", code(repr(getattr(of, key)))) for key in keys]


def composition() -> str:
    """How often each thing is in the first training pairs."""
    found, body = [scene for scene, *_ in pairs()], []
    objects = [o for scene in found for o in scene.objects]
    per_scene = {"objects": [len(s.objects) for s in found], "ground": [s.background for s in found]}
    per_object = {name: [getattr(o, name) for o in objects] for name in ("size", "fill")}
    for name, values in (per_scene | per_object).items():
        shares = ", ".join(f"{value} {percent(n, len(values), 0)}" for value, n in sorted(Counter(values).items(), key=str_of))
        body.append([name, shares])
    several = [scene for scene in found if len(scene.objects) > 1]
    for name, n, whole in (
        ("something happens", sum(bool(s.action) for s in found), len(found)),
        ("a word is written", sum(bool(s.word) for s in found), len(found)),
        ("some object carries a letter or digit", sum(any(o.glyph for o in s.objects) for s in found), len(found)),
        ("of several objects, two cover each other or lie within each other", sum(map(touching, several)), len(several)),
    ):
        body.append([name, percent(n, whole)])
    return table(["what", "share"], body, "ll")


def str_of(item: tuple) -> str:
    return str(item[0])


def touching(scene) -> bool:
    """Whether the circles around two objects meet; of two that are drawn apart they do not."""
    placed = [(o.x, o.y, o.r) for o in scene.objects]
    return any(
        (x - u) ** 2 + (y - v) ** 2 < (r + s) ** 2 for i, (x, y, r) in enumerate(placed) for u, v, s in placed[:i]
    )


def other() -> str:
    """How to get other training sets than the one that is kept."""
    return '''```python
from dataclasses import replace

# the training scenes again, but no caption fails
clean = replace(scenes.REFERENCE, caption_noise=scenes.NO_CAPTION_NOISE)
scenes.generate(clean, 200_000)

# twice as many pairs, drawn anew, still apart from test
scenes.generate(scenes.REFERENCE, 400_000, seed=3)

# with copies of test pictures, of which more below
train + cm.datasets.load("scenes", "planted")

# one scene to order
heart = {"shape": "heart", "colour": "red"}
scenes.compose(seed=7, objects=(heart,), background="plain")
```
'''


def times() -> str:
    measured, n, body = json.loads(MEASURED.read_text()), scenes.SIZES["train"], []
    for resolution, rate in measured["pictures a second, one core"].items():
        side = int(resolution)
        size = measured["train bytes"] + n * 3 * (side**2 - 32**2)
        body.append([f"{side} x {side}", f"{rate:,.0f}", f"{size / 1e9:.1f} GB"])
    return table(["pixels", "pictures a second, one core", "train on disk"], body, "lrr")


def splits() -> str:
    body = []
    for split in ("train", "val", "test", "v2"):
        kept = BUCKETS["test" if split == "v2" else split]
        body.append([code(split), f"{scenes.SIZES[split]:,}", f"{kept.start} to {kept.stop - 1}", code(fingerprint(split))])
    return table(["split", "pairs", "buckets", "fingerprint"], body, "lrll")


def attributes() -> str:
    """Every value and every word for it."""
    said = {name: [known(entry) for entry in WORDS[name].values()] for name in
            ("shapes", "colours", "sizes", "fills", "places", "backgrounds")}
    said["kinds"] = list(dict.fromkeys(entry["kind"] for entry in WORDS["shapes"].values()))
    said["relations"] = [", ".join(word for words in entry.values() for word in words) for entry in WORDS["relations"].values()]
    said["actions"] = [", ".join(entry["verb"] + entry.get("passive", [])) for entry in WORDS["actions"].values()]
    return "\n\n".join(f"**{name}**: {'; '.join(values)}." for name, values in said.items()) + "\n"


def known(entry: dict | list) -> str:
    """All words for one value."""
    return ", ".join([*entry["words"], *entry.get("after", [])] if isinstance(entry, dict) else entry)


def grammar() -> str:
    """One example of each production, how often it is tried, and how often it comes out."""
    total, forms = sum(weight for _, weight in WEIGHTS), Counter(parse.form for *_, parse in pairs())
    body = []
    for form, weight in WEIGHTS:
        example = next(text for _, text, parse in pairs() if parse.form == form and not parse.noise and 10 < len(text) < 64)
        body.append([f"*{form}*: {example}", percent(weight, total), percent(forms[form], SAMPLE)])
    return table(["production, for example", "tried", "comes out"], body, "lrr")


def failings() -> str:
    """The rates that are set, what comes of them, and an example."""
    rates = scenes.REFERENCE.caption_noise
    kinds = (
        ("a wrong word", "wrong", rates.wrong), ("a foreign word", "foreign", rates.foreign),
        ("alt text", "alt text", rates.alt_text), ("a file name", "file name", rates.file_name),
        ("of another picture", "unrelated", rates.unrelated),
    )
    body = []
    for name, failing, rate in kinds:
        hit = [(scene, text, parse) for scene, text, parse in pairs() if any(f.startswith(failing) for f in parse.noise)]
        example = next(with_truth(*pair) for pair in hit if len(pair[2].noise) == 1 and 12 <= len(pair[1]) < 64)
        body.append([f"*{name}*: {example}", percent(rate), percent(len(hit), SAMPLE)])
    return table(["failing, for example", "set", "comes out"], body, "lrr")


def with_truth(scene, text: str, parse) -> str:
    """The caption, and what a wrong word of it should say."""
    for m in parse.mentions if parse.noise[0].startswith("wrong") else ():
        attribute = parse.noise[0].split()[1]
        right = getattr(scene.objects[m.who[0]], attribute)
        if getattr(m, attribute) and getattr(m, attribute) not in (right, KINDS.get(right)):
            return f"{text} (in truth: {right})"
    return text


def rates() -> str:
    """Which share of each task's test pictures has a copy in the split "planted"."""
    copies, on = Counter(p.task for p in duplicates.table()), Counter(p.task for p in duplicates.table() if p.on_label)
    body = [[name, f"{duplicates.ALL[name].size:,}", percent(rate), copies[name], on[name]]
            for name, rate in sorted(duplicates.RATES.items(), key=lambda item: (-item[1], item[0]))]
    return table(["task", "test pictures", "rate", "copies", "caption tells"], body, "lrrrr")


def shifts() -> str:
    """Settings down, shifts across; a dot where a shift leaves a setting as it is."""
    before = settings(scenes.REFERENCE)
    others = {name: settings(world) for name, world in WORLD_OF.items()}
    body = []
    for name, value in before.items():
        changed = [other[name] if other[name] != value else "·" for other in others.values()]
        if set(changed) != {"·"}:
            body.append([name, value, *changed])
    return table(["", "reference", *others], body, "l" * (2 + len(others)))


def settings(world: World) -> dict[str, str]:
    """What a shift may change, in words; sizes as percent of the picture's side. A sketch has no fills, on nothing but paper."""
    fills, grounds = (dict(getattr(world, name)) for name in ("fills", "backgrounds"))
    simple, total = sum(grounds.get(name, 0) for name in ("plain", "gradient")), sum(grounds.values())
    styles = [style for style, weight in world.styles if weight]
    lines = styles == ["sketch"]
    return {
        "drawn as": ", ".join(styles),
        "solid fills": "none" if lines else percent(fills["solid"], sum(fills.values()), 0),
        "plain or gradient grounds": "paper" if lines else percent(simple, total, 0),
        **{f"{size} radius": span(f"{100 * r / SIDE:.0f}" for r in radii) + "%" for size, radii in world.sizes._asdict().items()},
        "tilt": f"{world.tilt}°",
        "colour strays": str(world.jitter),
        "light": span(f"{100 * gain / 256:.0f}" for gain in world.gain) + "%",
        "grain": span(world.noise),
    }


def span(values) -> str:
    low, high = values
    return f"{low} to {high}"


def prompts() -> str:
    """What a zero-shot classifier is told of each task: its sentences, and its answers, of which long lists are cut."""
    body = []
    for name, task in duplicates.ALL.items():
        if task.classes:
            some = task.classes if len(task.classes) <= 16 else (*task.classes[:3], "...", task.classes[-1])
            body.append([name, "; ".join(map(code, task.templates)), ", ".join(some)])
    return table(["task", "prompts", "answers"], body, "lll")


def shortcuts() -> str:
    """What gives answers away without being the answer."""
    body = []
    for name, (aside, _) in SHORTCUTS.items():
        right = counted()["shortcuts"][name]
        low, high = wilson_interval(right, ASKED)
        chance = percent(1 / scenes.TASKS[name].answers, 1, 0)
        body.append([f"*{name}*", aside, f"{percent(right, 1, 0)} ({100 * low:.0f} to {100 * high:.0f})", chance])
    return table(["task", "what is looked at instead", "right", "chance"], body, "llrr")


def proved(part: str) -> dict:
    """What trained readers reached, as it was recorded."""
    return json.loads((data_folder() / PROOF).read_text())[part]


def proof() -> str:
    """Every task; and folded away, the pairs that are easily confused, each told from the other, and the other answers."""
    part, body, pairs = proved("single"), [], []
    for name, found in part["tasks"].items():
        for pair, s in readers_of(found).items():
            if pair == "all":
                body.append([name, scenes.TASKS[name].seen, score(s), percent(found["chance"])])
            else:
                pairs.append([name, pair, score(s), percent(0.5 if " or " in pair else found["chance"])])
    told = table(["task", "which", "right", "chance"], pairs, "llrr")
    how = ("In the row of a pair only its two answers compete, over its own pictures. In *the rest* all answers do, over all "
           "pictures that are of no such pair.")
    return (table(["task", "group", "right", "chance"], body, "llrr") + when(part)
            + f"\n````{{dropdown}} Every confusable pair\n{how}\n\n{told}````\n")


SHORT = {
    "bag of words": "bag of words", "causal, one by one": "reads each", "causal, all choices together": "reads all",
    "language model of the captions": "likelier words", "picture and sentence": "with its picture",
    "another row's picture": "with another's",
}


def proof_captions() -> str:
    """Each reader and each task, with half of the interval's width."""
    part = proved("captions")
    body = [[name, *(half(s[reader]) for reader in SHORT), percent(s["chance"], 1, 0)] for name, s in part["tasks"].items()]
    return table(["task", *SHORT.values(), "chance"], body, "l" + "r" * (len(SHORT) + 1)) + when(part)


def half(found: dict) -> str:
    """A mean, and how far its interval goes to the wider side."""
    low, high = (100 * end for end in ends(found))
    mean = 100 * found["mean"]
    return f"{mean:.1f} ± {max(high - mean, mean - low):.1f}"


def readers_of(found: dict) -> dict[str, dict]:
    """What was measured of a task, by reader."""
    return {reader: s for reader, s in found.items() if isinstance(s, dict)}


def ends(found: dict) -> list[float]:
    """The interval over seeds and the one over pictures: of both, the ends that lie further out."""
    intervals = [found[over] for over in ("over seeds", "over pictures") if over in found]
    return [max(min(low for low, _ in intervals), 0), min(max(high for _, high in intervals), 1)]


def score(found: dict) -> str:
    """A mean with its interval in brackets."""
    return f"{percent(found['mean'])} ({span(f'{100 * end:.1f}' for end in ends(found))})"


def when(part: dict) -> str:
    """Of how many seeds and pictures the numbers above are, and of which generator."""
    some = next(iter(readers_of(next(iter(part["tasks"].values()))).values()))
    seeds = f"{some['seeds']} seed{'s' * (some['seeds'] > 1)}"
    over = "by Student's t over seeds or by Wilson over pictures, whichever is wider" if "over seeds" in some else "by Wilson"
    version = "" if part["version"] == scenes.VERSION else f" Measured on version {code(str(part['version']))} of the generator."
    n = f"about {round(some['n'], -2):,} test pictures a task"
    return f"\n{seeds}, {n}; 95% intervals {over}.{version}\n"
