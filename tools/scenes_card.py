"""Write every number, table and figure of the page book/scenes.md from the generator itself.

python tools/scenes_card.py: numbers, tables and figures. With --measure, times and sizes on disk are taken anew as well.
The tables become files that the page includes; the numbers in its sentences become substitutions at the top of the page.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import scenes_figures as figures
import yaml
from scenes_numbers import (
    MEASURED,
    SAMPLE,
    TABLES,
    code,
    facts,
    fingerprint,
    measure,
    pairs,
    percent,
)

from clipmini.datasets import scenes
from clipmini.datasets.scenes import planted, rows
from clipmini.datasets.scenes.grammar import WEIGHTS
from clipmini.datasets.scenes.sample import BUCKETS
from clipmini.datasets.scenes.tasks import COMBINATION, DOMAIN, SEEN, Task
from clipmini.datasets.scenes.words import KINDS, WORDS
from clipmini.datasets.scenes.world import ODD, RENDITION, SKETCH, V2, VIDEO, WILD, World
from clipmini.files import atomic_write, data_folder

PAGE = Path(__file__).resolve().parent.parent / "book" / "scenes.md"
PROOF = "scenes_proof.json"
STANDS_FOR = {
    "reference": "ImageNet", "v2": "ImageNetV2", "sketch": "ImageNet Sketch", "renditions": "ImageNet-R",
    "odd views": "ObjectNet", "adversarial": "ImageNet-A", "film": "ImageNet-Vid", "video": "YouTube-BB",
}
WORLD_OF = {"v2": V2, "sketch": SKETCH, "renditions": RENDITION, "odd views": ODD, "adversarial": WILD, "video": VIDEO}


# --- tables


def table(head: list[str], body: list[list], align: str = "") -> str:
    """A table; align: l or r for each column."""
    rule = [":--" if a == "l" else "--:" for a in (align or "l" * len(head))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, rule, *body]) + "\n"


def get() -> str:
    """How to load, with what the lines print."""
    scene, text, said = pairs()[0]
    choices = rows.answer("relation", scenes.TASKS["relation"], "val", 0)
    picture = tuple(rows.render([scene], 32).shape[1:])
    return f'''```python
import clipmini as cm
from clipmini.datasets import scenes

train = cm.datasets.load("scenes", "train")  # or resolution=64
train.images.shape  # ({scenes.SIZES["train"]}, {", ".join(map(str, picture))})
train.captions[0]   # {text!r}

scene, said = scenes.read_note(train.notes[0])
len(scene.objects)         # {len(scene.objects)}
scene.objects[0].shape     # {scene.objects[0].shape!r}
said.mentions[0].who       # {said.mentions[0].who}: which objects it means
said.mentions[0].shape     # {said.mentions[0].shape!r}

task = cm.datasets.load("scenes/relation", "val")
task.choices[0][0]  # {choices[2][0]!r}
task.choices[0][1]  # {choices[2][1]!r}
task.labels[0]      # {choices[1]}: that one is right
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
    total, forms = sum(weight for _, weight in WEIGHTS), Counter(said.form for *_, said in pairs())
    body = []
    for form, weight in WEIGHTS:
        example = next(text for _, text, said in pairs() if said.form == form and not said.failings and 10 < len(text) < 64)
        body.append([f"*{form}*: {example}", percent(weight, total), percent(forms[form], SAMPLE)])
    return table(["production, for example", "tried", "comes out"], body, "lrr")


def failings() -> str:
    """The rates that are set, what comes of them, and an example."""
    rates = scenes.REFERENCE.failings
    kinds = (
        ("a wrong word", "wrong", rates.wrong), ("a foreign word", "foreign", rates.foreign),
        ("alt text", "alt text", rates.alt_text), ("a file name", "file name", rates.file_name),
        ("of another picture", "unrelated", rates.unrelated),
    )
    body = []
    for name, failing, rate in kinds:
        hit = [(scene, text, said) for scene, text, said in pairs() if any(f.startswith(failing) for f in said.failings)]
        example = next(with_truth(*pair) for pair in hit if len(pair[2].failings) == 1 and 12 <= len(pair[1]) < 64)
        body.append([f"*{name}*: {example}", percent(rate), percent(len(hit), SAMPLE)])
    return table(["failing, for example", "set", "comes out"], body, "lrr")


def with_truth(scene, text: str, said) -> str:
    """The caption, and what a wrong word of it should say."""
    for m in said.mentions if said.failings[0].startswith("wrong") else ():
        attribute = said.failings[0].split()[1]
        right = getattr(scene.objects[m.who[0]], attribute)
        if getattr(m, attribute) and getattr(m, attribute) not in (right, KINDS.get(right)):
            return f"{text} (in truth: {right})"
    return text


def rates() -> str:
    """Which share of each task's test pictures has a copy in the split "planted"."""
    copies, on = Counter(p.task for p in planted.table()), Counter(p.task for p in planted.table() if p.on_label)
    body = [[name, f"{planted.ALL[name].size:,}", percent(rate), copies[name], on[name]]
            for name, rate in sorted(planted.RATES.items(), key=lambda item: (-item[1], item[0]))]
    return table(["task", "test pictures", "rate", "copies", "caption tells"], body, "lrrrr")


def shifts() -> str:
    body = [[f"*{name}*", STANDS_FOR[name], seen_of(name), differs(WORLD_OF.get(name))] for name in scenes.SHIFTS]
    return table(["task", "stands for", "group", "what differs from the reference world"], body, "llll")


def seen_of(name: str) -> str:
    return scenes.SHIFTS[name].seen


def differs(world: World | None) -> str:
    """In which settings a world differs from the reference, in words."""
    changed = [name for name in vars(scenes.REFERENCE) if world and getattr(world, name) != getattr(scenes.REFERENCE, name)]
    return "; ".join(f"{name} {setting(world, name)}" for name in changed) or "nothing"


def setting(world: World, name: str) -> str:
    value, before = getattr(world, name), getattr(scenes.REFERENCE, name)
    if name == "styles":
        return ", ".join(style for style, _ in value)
    if name == "sizes":
        return ", ".join(f"{size} {a} to {b}" for size, (a, b) in value._asdict().items() if (a, b) != getattr(before, size))
    if name in ("gain", "noise"):
        return f"{value[0]} to {value[1]} (was {before[0]} to {before[1]})"
    if name in ("fills", "backgrounds"):
        total = sum(weight for _, weight in value)
        return ", ".join(f"{key} {percent(weight, total, 0)}" for key, weight in value if weight)
    return f"{value} (was {before})"


def proof() -> str:
    """What trained readers reach: a section of the page, or a sentence until it is measured."""
    if not (data_folder() / PROOF).is_file():
        return "How well a supervised network reads these pictures is being measured; the table will stand here.\n"
    parts = json.loads((data_folder() / PROOF).read_text())
    makers = {"single": proof_of_pixels, "captions": proof_of_texts}
    return "\n".join(make(parts[name]) for name, make in makers.items() if name in parts)


def proof_of_pixels(part: dict) -> str:
    """Every task, and below it the pairs that are easily confused, each told from the other."""
    body = []
    for name, found in part["tasks"].items():
        for pair, s in readers_of(found).items():
            chance = 0.5 if " or " in pair else found["chance"]
            body.append([name if pair == "all" else f"{name}: {pair}", score(s), percent(chance)])
    return table(["task", "right", "chance"], body, "lrr") + when(part)


def proof_of_texts(part: dict) -> str:
    readers = list(readers_of(next(iter(part["tasks"].values()))))
    body = [[name, *(score(s[reader]) for reader in readers), percent(s["chance"])] for name, s in part["tasks"].items()]
    return table(["task", *readers, "chance"], body, "l" + "r" * (len(readers) + 1)) + when(part)


def readers_of(found: dict) -> dict[str, dict]:
    """What was measured of a task, by reader."""
    return {reader: s for reader, s in found.items() if isinstance(s, dict)}


def score(found: dict) -> str:
    """A mean with its interval: over seeds if there are several, else over pictures."""
    low, high = found.get("over seeds") or found["over pictures"]
    return f"{percent(found['mean'])} ({percent(max(low, 0))} to {percent(min(high, 1))})"


def when(part: dict) -> str:
    """Of how many seeds and pictures the numbers above are, and of which generator."""
    some = next(iter(readers_of(next(iter(part["tasks"].values()))).values()))
    seeds = f"{some['seeds']} seed{'s' * (some['seeds'] > 1)}"
    over = "seeds" if "over seeds" in some else "pictures"
    version = "" if part["version"] == scenes.version() else f" Measured on version {code(part['version'])} of the generator."
    return f"\n{seeds}, about {round(some['n'], -2):,} test pictures a task; in brackets the 95% interval over {over}.{version}\n"


# --- figures with the words that go with them


def figure(name: str, alt: str, caption: str) -> str:
    return f"```{{figure}} _static/scenes/{name}.png\n:name: fig-scenes-{name}\n:alt: {alt}\n\n{caption}\n```\n"


def said_figure() -> str:
    alt = "Six pictures with their captions: " + "; ".join(text for _, _, text, *_ in figures.six()) + "."
    caption = "Six training pairs. The caption is all that a model is told. Printed at 64 pixels a side; our small models see 32."
    return figure("said", alt, caption)


def truth_figure() -> str:
    alt = "The same six pictures, with the truth below: " + " ".join(f"{text}: {line}" for _, _, text, _, line in figures.six())
    caption = ("The same six pairs. Struck through: false of this picture. Underlined: another language. Each is the first "
               "training pair of its kind that is short enough to print.")
    return figure("truth", alt, caption)


def card(name: str, task: Task) -> str:
    """A task with its pictures."""
    n = len(task.rows("test")) if task.rows else task.size
    size = f"{n // task.frames:,} films of {task.frames} frames" if task.frames > 1 else f"{n:,} pictures"
    return f""":::{{grid-item-card}} {name}
:class-body: sd-p-2

{task.question} {task.answers} answers, chance {percent(1 / task.answers)}, {size}.

```{{image}} _static/scenes/task-{figures.slug(name)}.png
:alt: {alt_of(name, task)}
:width: 100%
:class: dark-light
```
:::
"""


def alt_of(name: str, task: Task) -> str:
    right = [choices[label] if choices else task.classes[label] for _, label, choices in figures.answers_of(name, task)]
    kind = "films" if task.frames > 1 else "pictures"
    return f"{len(right)} {kind} of the task {name}. The right answers: {'; '.join(right)}."


def cards(names: list[str], columns: int = 2) -> str:
    inside = "\n".join(card(name, planted.ALL[name]) for name in names)
    return f"::::{{grid}} 1 1 {columns} {columns}\n:gutter: 2\n:padding: 0\n\n{inside}::::\n"


def group(seen: str) -> str:
    """The cards of all tasks of one group; those with sentences to choose from are taller, and come last."""
    names = [name for name, task in scenes.TASKS.items() if task.seen == seen]
    kinds = ([name for name in names if bool(scenes.TASKS[name].classes) == named] for named in (True, False))
    return "\n".join(cards(kind) for kind in kinds if kind)


def shift_cards() -> str:
    known = [name for name in scenes.SHIFTS if name in figures.drawable()]
    films = [name for name in known if scenes.SHIFTS[name].frames > 1]
    return cards([name for name in known if name not in films]) + "\n" + cards(films, 1)


# --- writing


FRAGMENTS = {
    "get": get, "times": times, "splits": splits, "attributes": attributes, "grammar": grammar, "failings": failings,
    "rates": rates, "shifts": shifts, "said": said_figure, "truth": truth_figure, "shift_cards": shift_cards,
    "proof": proof, "tasks_seen": lambda: group(SEEN), "tasks_combination": lambda: group(COMBINATION),
    "tasks_domain": lambda: group(DOMAIN),
}


def fragments() -> dict[Path, str]:
    """What every written file should hold: the tables, and the page with today's numbers at its top."""
    head = yaml.safe_dump({"myst": {"substitutions": facts()}}, sort_keys=True, allow_unicode=True, width=1000)
    body = PAGE.read_text(encoding="utf-8").split("---\n", 2)[2]
    return {TABLES / f"{name}.md": make() for name, make in FRAGMENTS.items()} | {PAGE: f"---\n{head}---\n{body}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="take times and sizes on this machine, too")
    if parser.parse_args().measure:
        MEASURED.write_text(json.dumps(measure(), indent=2) + "\n")
    for path, text in fragments().items():
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    drawn = figures.draw_all()
    (TABLES / "drawn.json").write_text(json.dumps({"version": scenes.version()}) + "\n")
    print(f"{len(FRAGMENTS)} tables and {len(drawn)} figures, {sum(path.stat().st_size for path in drawn) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
