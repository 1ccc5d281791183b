"""Write every number, table and figure of the page book/scenes.md from the generator itself.

python -m tools.scenes.card: numbers, tables and figures. With --measure, times and sizes on disk are taken anew as well.
What takes minutes to count is counted once for each version of the generator. The tables become files that the page
includes; the numbers in its sentences become substitutions at the top of the page.
"""

import argparse
import json
from pathlib import Path

import yaml

from clipmini.datasets import scenes
from clipmini.datasets.scenes import duplicates
from clipmini.datasets.scenes.tasks import COMBINATION, DOMAIN, SEEN, Task
from clipmini.files import atomic_write
from tools import ROOT
from tools.scenes import figures, tables
from tools.scenes.numbers import COUNTED, MEASURED, TABLES, count, facts, is_counted, measure, percent

PAGE = ROOT / "book" / "scenes.md"
STANDS_FOR = {
    "reference": "ImageNet", "v2": "ImageNetV2", "sketch": "ImageNet Sketch", "renditions": "ImageNet-R",
    "odd views": "ObjectNet", "adversarial": "ImageNet-A", "film": "ImageNet-Vid", "video": "YouTube-BB",
}


# --- figures with the words that go with them


def figure(name: str, alt: str, caption: str) -> str:
    options = f":name: fig-scenes-{name}\n:class: dark-light\n:alt: {alt}"
    return f"```{{figure}} _static/scenes/{name}.png\n{options}\n\n{caption}\n```\n"


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
    after = f" Made after {STANDS_FOR[name]}; {task.seen}." if name in STANDS_FOR else ""
    return f""":::{{grid-item-card}} {name}
:class-body: sd-p-2

{task.question} {task.answers} answers, chance {percent(1 / task.answers)}, {size}.{after}
`"scenes/{name}"`

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
    inside = "\n".join(card(name, duplicates.ALL[name]) for name in names)
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


OF_TABLES = (
    tables.get, tables.get_task, tables.note, tables.composition, tables.other, tables.times, tables.splits,
    tables.attributes, tables.grammar, tables.failings, tables.prompts, tables.shifts, tables.rates, tables.proof,
    tables.proof_captions, tables.shortcuts,
)
FRAGMENTS = {make.__name__: make for make in OF_TABLES} | {
    "said": said_figure, "truth": truth_figure, "shift_cards": shift_cards, "tasks_seen": lambda: group(SEEN),
    "tasks_combination": lambda: group(COMBINATION), "tasks_domain": lambda: group(DOMAIN),
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
    if not is_counted():
        COUNTED.write_text(json.dumps(count(), indent=2) + "\n")
    for path, text in fragments().items():
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    drawn = figures.draw_all()
    (TABLES / "drawn.json").write_text(json.dumps({"version": scenes.VERSION}) + "\n")
    print(f"{len(FRAGMENTS)} tables and {len(drawn)} figures, {sum(path.stat().st_size for path in drawn) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
