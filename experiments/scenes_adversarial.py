"""Look for adversarial examples: pictures of the wild world that a supervised classifier gets wrong (after ImageNet-A).

The classifier learns the 208 answers of the reference task from its own world, with full supervision. What it gets wrong is
written to data/scenes-adversarial.json as rows of the endless sequence of task "adversarial", with a hash of what was drawn.
"""

import json
import sys
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmini.config import PRESETS
from clipmini.datasets.scenes.rows import answer, draw_answers, render
from clipmini.datasets.scenes.shifts import ADVERSARIAL, CLASSES, SHIFTS
from clipmini.datasets.transforms import normalize
from clipmini.files import atomic_write, data_folder
from clipmini.models.resnet import ModifiedResNet
from tools.scenes.hashes import digest

SEED, STEPS, BATCH, LR = 0, 2000, 128, 3e-3
POOL = 8000  # rows of the wild world to look through, a split
WANTED = 1040  # wrong ones to keep, a split: five times the answers


def pictures(name: str, split: str, rows: range, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(N, 3, 32, 32) normalised pictures of a task's rows, and their right answers."""
    task = replace(SHIFTS[name], rows=None)
    scenes, labels, _ = zip(*(answer(name, task, split, row, seed) for row in rows), strict=True)
    return normalize(torch.from_numpy(render(scenes, 32))), torch.tensor(labels)


def classifier() -> nn.Module:
    """The mini ResNet with an answer for each output, trained on fresh pictures of the reference world."""
    torch.manual_seed(SEED)
    model = ModifiedResNet(replace(PRESETS["mini-resnet"].vision, width=32), len(CLASSES))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, STEPS)
    for step in range(STEPS):
        images, labels = pictures("reference", "train", range(step * BATCH, (step + 1) * BATCH), seed=1)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


@torch.inference_mode()
def right(model: nn.Module, name: str, split: str, rows: range) -> Tensor:
    """(N,) whether the classifier gives the right answer for each row."""
    parts = [pictures(name, split, rows[i : i + 500]) for i in range(0, len(rows), 500)]
    return torch.cat([model(images).argmax(dim=1) == labels for images, labels in parts])


def pool_hash() -> str:
    """Of the first pictures of the pool: while they stay, the rows that were found stay what they are."""
    return digest(draw_answers("adversarial", SHIFTS["adversarial"], "test", range(64), 32))


def main() -> None:
    model = classifier()
    print(f"reference: {right(model, 'reference', 'val', range(len(CLASSES) * 9)).float().mean():.1%} right")
    found = {"drawn": pool_hash(), "pool": POOL}
    for split in ("val", "test"):
        hits = right(model, "adversarial", split, range(POOL))
        found[f"{split} right"] = round(hits.float().mean().item(), 4)
        found[split] = (~hits).nonzero().flatten().tolist()[:WANTED]
        print(f"{split}: {hits.float().mean():.1%} right, {len(found[split])} kept")
    with atomic_write(data_folder() / ADVERSARIAL) as partial:
        partial.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    sys.exit(main())
