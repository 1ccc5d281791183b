"""python -m tools.drawings.card: write the numbers, tables and figures of the page book/drawings.md from the data itself."""

from collections import Counter, defaultdict
from pathlib import Path

import yaml

from clipmini.datasets import drawings
from clipmini.datasets.drawings import gather, manifest, wit
from clipmini.datasets.drawings.tasks import ENOUGH, TASKS
from clipmini.datasets.prompts import fill
from clipmini.files import atomic_write, data_folder
from tools import ROOT
from tools.drawings import figures

PAGE = ROOT / "book" / "drawings.md"
TABLES = ROOT / "book" / "drawings_tables"
WHO = {
    "train": "all others",
    "val": "Mozilla, Iconoir, VMware",
    "val_names": "as new_names",
    "new_names": "those of train",
    "fluent": "Microsoft's emoji",
    "freehand": "Streamline's four sets",
    "silhouettes": "game-icons.net",
    "lines": "Tabler",
    "clipart": "half of the artists of Open Clip Art",
}


def facts() -> dict[str, str]:
    """The numbers in the sentences of the page."""
    rows = manifest.drawings()
    train = drawings.rows("train")
    files = (data_folder() / "drawings").glob("*.webp")
    texts = [" . ".join(row.captions) for row in train]
    queries = wit.queries(row.captions[0] for row in train)
    capped = wit.collect(queries, texts)
    stars = [i for i, row in enumerate(train) if row.captions[0] == "gramastar"]
    counted = {
        "all": len(rows),
        "collections": len(manifest.collections()),
        "studios": len({about["studio"] for about in manifest.collections().values()}),
        "artists": len({row.author for row in rows if row.author}),
        "coloured": sum(row.ink == "colour" for row in rows),
        "train": len(train),
        "train_things": len({row.concept for row in train}),
        "train_captions": len({row.captions[0] for row in train}),
        "train_wordings": len({text for row in train for text in gather.wordings(row)}),
        "new": len({row.concept for row in drawings.rows("new_names")}),
        "queries": len(queries),
        "pairs": sum(" " in query for query in queries),
        "gathered": len(capped.rows),
        "uncapped": len(wit.collect(queries, texts, cap=None).rows),
        "cap": wit.CAP,
        "arrows": capped.found["arrow"],
        "stars": len(stars),
        "stars_kept": len(set(stars) & set(capped.rows)),
        "tasks": len(TASKS),
        "enough": ENOUGH,
        "version": drawings.VERSION,
    }
    by = defaultdict(set)
    for row in train:
        by[row.concept].add(row.collection)
    alone = sum(len(collections) == 1 for collections in by.values()) / len(by)
    said = {name: f"{count:,}" for name, count in counted.items()}
    return said | {"alone": f"{alone:.0%}"} | {"megabytes": f"{sum(path.stat().st_size for path in files) / 1e6:.0f}"}


def splits() -> str:
    known = {row.concept for row in drawings.rows("train")}
    lines = ["| split | drawings | things | of which named in training | copies | drawn by |", "|---|--:|--:|--:|--:|---|"]
    for split in drawings.SPLITS:
        here = drawings.rows(split)
        named = [row.concept for row in here if row.concept in known]
        copied = sum(row.copy != "" for row in here)
        counts = [f"{count:,}" for count in (len(here), len({row.concept for row in here}), len(set(named)), copied)]
        lines.append(f"| `{split}` | {' | '.join(counts)} | {WHO[split]} |")
    return "\n".join(lines) + "\n"


def tasks() -> str:
    lines = ["| task | classes | drawings | chance | classes that training names |", "|---|--:|--:|--:|--:|"]
    read = {text for row in drawings.rows("train") for text in gather.wordings(row)}
    for task in TASKS.values():
        count = sum(map(len, task.classes.values()))
        named = sum(any(fill(template, name).lower() in read for template in task.templates) for name in task.classes)
        few = "" if count >= ENOUGH else " *"
        lines.append(f"| `drawings/{task.name}`{few} | {len(task.classes)} | {count:,} | {1 / len(task.classes):.1%} | {named} |")
    return "\n".join(lines) + "\n"


def collections() -> str:
    counts = Counter(row.collection for row in manifest.drawings())
    lines = ["| collection | by | licence | drawings | side |", "|---|---|---|--:|---|"]
    for name, about in manifest.collections().items():
        side = "both, by artist" if name == "openclipart" else about["split"]
        lines.append(f"| {about['title']} | {about['author']} | {about['licence']} | {counts[name]:,} | {side} |")
    return "\n".join(lines) + "\n"


FRAGMENTS = {make.__name__: make for make in (splits, tasks, collections)}


def fragments() -> dict[Path, str]:
    """What every written file should hold: the tables, and the page with today's numbers at its top."""
    head = yaml.safe_dump({"myst": {"substitutions": facts()}}, sort_keys=True, allow_unicode=True, width=1000)
    body = PAGE.read_text(encoding="utf-8").split("---\n", 2)[2]
    return {TABLES / f"{name}.md": make() for name, make in FRAGMENTS.items()} | {PAGE: f"---\n{head}---\n{body}"}


def main() -> None:
    for path, text in fragments().items():
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    drawn = figures.draw_all()
    print(f"{len(FRAGMENTS)} tables and {len(drawn)} figures")


if __name__ == "__main__":
    main()
