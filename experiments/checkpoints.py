"""Train the checkpoints that ship in data/, and write the card of each. `make checkpoints` runs it."""

import argparse

import torch

import clipmini as cm
from clipmini.files import atomic_write, data_folder
from experiments.training import pairs, train

PRESETS = {"glyphs-resnet": "mini-resnet", "glyphs-vit": "mini-vit"}
TASKS = [("glyphs", "val"), ("glyphs", "new_names"), ("glyphs", "new_font"), ("digits", "dev"), ("digits", "test")]
CARD = """# {name}

Preset `{preset}`: {parameters:,} parameters, stored in half precision ({bytes:,} bytes), read back in fp32.

**Data.** {pairs:,} glyphs of the DejaVu fonts with {names:,} Unicode names (`glyphs`, split `train`). It has read the
words "digit seven" under printed sevens; it has seen neither handwriting, nor a STIX font, nor any name of `val` and
`new_names`.

**Recipe.** `{recipe}`

**Scores**, one run, 95% Wilson intervals over pictures, those of one name counted as one cluster. The recipe was
chosen by `val` and `digits:dev`; `new_names` and `new_font` were printed beside them in tuning runs, so they are not
untouched. `digits:test` was used to choose nothing; it was read once for each weights' card, of which the Vision
Transformer had two before its present shape. The untrained model has the same architecture and fresh weights. "n"
counts pictures.

| task | metric | who | score | interval | n |
|---|---|---|---|---|---|
{rows}

Not for anything but learning: it knows glyphs of 32 x 32 pixels and their names, nothing else.
"""


def make(name: str) -> None:
    """Train one checkpoint and write its weights."""
    model, tok, *_ = train(PRESETS[name], cm.RECIPES[name])
    cm.weights.save(model, data_folder() / f"{name}.safetensors", tokenizer=tok, dtype=torch.float16)


def write_card(name: str) -> None:
    """Score a checkpoint as it ships, in half precision, and write its card."""
    path = data_folder() / f"{name}.safetensors"
    shipped, tok = cm.weights.load(path)
    card = CARD.format(
        name=name,
        preset=PRESETS[name],
        parameters=sum(p.numel() for p in shipped.parameters()),
        bytes=path.stat().st_size,
        pairs=len(pairs()),
        names=len(set(pairs().captions)),
        recipe=cm.RECIPES[name],
        rows="\n".join(score_row(task, s) for task in TASKS for s in cm.scorecard(shipped, tok, *task)),
    )
    with atomic_write(data_folder() / f"{name}.md") as partial:
        partial.write_text(card)
    print(card)


def score_row(task: tuple[str, str], score) -> str:
    low, high = score.interval
    interval = "exact" if low == high else f"{low:.1%} to {high:.1%}"
    return f"| {':'.join(task)} | {score.metric} | {score.who} | {score.value:.1%} | {interval} | {score.n:,} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(PRESETS), help=f"default: {' '.join(PRESETS)}")
    parser.add_argument("--cards", action="store_true", help="only score the weights that are there, and write their cards")
    options = parser.parse_args()
    for checkpoint in options.names:
        if checkpoint not in PRESETS:
            raise SystemExit(f"unknown checkpoint {checkpoint!r}; choose from: {', '.join(PRESETS)}")
        if not options.cards:
            make(checkpoint)
        write_card(checkpoint)
