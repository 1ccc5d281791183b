"""The figures of the solutions in `notebooks/08_training.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its last definitions, are executed first; nothing of them is repeated here.
"""

import math
from dataclasses import replace

import torch

import clipmini as cm
from clipmini.cost import multiply_adds, step_memory
from clipmini.objectives.contrastive import Contrastive
from clipmini.training.schedule import learning_rate
from tools.exercises.chapter import run

CHAPTER = "08_training"
PAIRS = 32768


def card(names: dict) -> None:
    for chunk in (128, 256, 512, 1024):
        a, b = 1024 + chunk, 1024 + 2 * chunk
        low, high = (step_memory(cm.PRESETS["ViT-B/32"], cm.TrainConfig(batch_size=n, chunk_size=chunk, precision="bf16"))[2]
                     for n in (a, b))
        pair = (high - low) / (b - a)
        picture = 4 * 3 * 224**2
        total = low + (PAIRS - a) * pair
        print(f"chunks of {chunk}: {pair / 1e3:.0f} kB a pair, of which {picture / 1e3:.0f} its picture in floats; in all"
              f" {total / 1e9:.1f} GB, with pictures as bytes {(total - 0.75 * picture * PAIRS) / 1e9:.1f}", flush=True)


def matrix(names: dict) -> None:
    print(f"one matrix: {4 * PAIRS**2 / 1e9:.2f} GB")
    for name in ("mini-vit", "ViT-B/32"):
        small, large = (step_memory(cm.PRESETS[name], cm.TrainConfig(batch_size=n))[1] for n in (1280, 1792))
        pair = (large - small) / 512
        print(f"{name}: the towers keep {pair / 1e6:.2f} MB a pair; one matrix takes as much at {pair / 4:,.0f} pairs")


def another_way(names: dict) -> None:
    model, pixels, words = names["trained"].double(), names["pixels"], names["words"]
    expected = names["plain_step"](model)
    model.zero_grad()
    with torch.no_grad():
        image, text = model.encode_image(pixels), model.encode_text(words)
    for i in torch.arange(256).split(32):
        with_graph = image.clone(), text.clone()
        with_graph[0][i], with_graph[1][i] = model.encode_image(pixels[i]), model.encode_text(words[i])
        cm.clip_loss(*with_graph, model.logit_scale.exp()).backward()
    found = {name: p.grad for name, p in model.named_parameters()}
    times = (found["logit_scale"] / expected["logit_scale"]).item()
    print(f"logit_scale: {times:.3f} times the plain step's")
    found["logit_scale"] = expected["logit_scale"]
    print(f"all others equal to 1e-9: {names['farthest'](found, expected) < 1e-9}")
    print(f"at {PAIRS:,} pairs in chunks of 256 the loss is computed {PAIRS // 256} times; once it takes"
          f" {PAIRS**2 * 128 / 1e9:.0f} G multiply-adds forward, both towers "
          f"{PAIRS * sum(multiply_adds(cm.PRESETS['mini-vit'])) / 1e9:,.0f} G")


def overflow(names: dict) -> None:
    flow = names["flow"]
    print(f"largest: 2^{flow.max().log2():.1f}")
    shares = {power: names["lost"](flow, 2.0**power)[2].float().mean().item() for power in range(16, 31)}
    for power, over in shares.items():
        if 0 < over < 0.01:
            print(f"times 2^{power}: {over:.5%} overflow")
    print(f"a GradScaler that starts at 2^30 loses {sum(over > 0 for over in shares.values())} steps")


class CentredTooEarly(Contrastive):
    """Takes the mean off where only a chunk is seen."""

    def encode(self, model, batch):
        for rows in super().encode(model, batch):
            yield rows - rows.mean(dim=0)


class Centred(Contrastive):
    """Takes the mean off where all rows are seen."""

    def loss(self, model, rows, batch):
        return super().loss(model, tuple(row - row.mean(dim=0) for row in rows), batch)


def neighbours(names: dict) -> None:
    model, in_chunks = names["trained"].double(), names["in_chunks"]

    def flat(objective, size):
        return torch.cat([g.flatten() for g in in_chunks(model, size, objective).values()])

    whole = flat(Centred("identity"), 0)
    for objective in (CentredTooEarly("identity"), Centred("identity")):
        alike = torch.dist(flat(objective, 0), whole) / whole.norm() < 1e-9
        print(f"{type(objective).__name__}, the batch whole: the same to 1e-9 {alike}")
        found = flat(objective, 32)
        print(f"  in chunks of 32: {names['angle'](found, whole):.1f} degrees off,"
              f" equal to 1e-9 {torch.dist(found, whole) / whole.norm() < 1e-9}")


def the_papers_decay(names: dict) -> None:
    paper = cm.TrainConfig(steps=32 * 400_000_000 // PAIRS, warmup=2000, lr=5e-4)
    short = replace(cm.RECIPES["glyphs-vit"], steps=500)
    at_peak = {c: sum(learning_rate(i, c) for i in range(c.steps)) / c.lr for c in (paper, short)}
    total, ratio = at_peak[paper] * paper.lr * paper.weight_decay, paper.lr / paper.weight_decay
    rate = math.sqrt(ratio * total / at_peak[short])
    print(f"500 steps are worth {at_peak[short]:.0f} at the peak; a total of {total:.1f}, rate over decay {ratio:g}:"
          f" rate {rate:.3f}, decay {rate / ratio:.1f}")


EXERCISES = {"1": card, "2": matrix, "3": another_way, "4": overflow, "5": neighbours, "6": the_papers_decay}

if __name__ == "__main__":
    run(EXERCISES, __doc__, CHAPTER)
