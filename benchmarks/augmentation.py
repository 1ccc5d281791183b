"""How many pictures a second does each augmentation change, on one core?

A batch of 256 random pictures in colours at 32 px; for "drawings" also in one channel. Then the ratio of the pictures a second of
"drawings" to those of torchvision's transforms v2 of the same content, an affine map and a change of colours, drawn for each
picture; the two alternate. Mean and 95% t-interval.
"""

import argparse
from functools import partial

import torch
from scenes_speed import report, timed
from torchvision.transforms import v2

from clipmini.datasets.augmentation import AUGMENTATIONS, augment, draw
from clipmini.datasets.transforms import MEAN, STD

BATCH, REPEATS = 256, 10
THEIRS = v2.Compose([
    v2.ToDtype(torch.float32, scale=True),
    v2.RandomAffine(15, (0.05, 0.05), (0.8, 1.2), 11, v2.InterpolationMode.BILINEAR),
    v2.ColorJitter(brightness=0.15, contrast=(0.6, 1.3), saturation=(0.3, 1.5)),
    v2.Normalize(MEAN, STD),
])


def ours(name: str, images: torch.Tensor, generator: torch.Generator) -> None:
    for _ in range(REPEATS):
        augment(images, draw(name, BATCH, generator))


def theirs(images: torch.Tensor) -> None:
    torch.stack([THEIRS(image) for image in images])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (BATCH, 3, 32, 32), generator=generator, dtype=torch.uint8)
    works = {name: partial(ours, name, images, generator) for name in AUGMENTATIONS}
    works["drawings, of one channel"] = partial(ours, "drawings", images[:, :1], generator)
    for name, work in works.items():
        work()
        report(f"{name}, pictures a second", [REPEATS * BATCH / timed(work) for _ in range(rounds)])
    theirs(images)
    times = [(timed(works["drawings"]) / REPEATS, timed(partial(theirs, images))) for _ in range(rounds)]
    report("drawings, over torchvision's pictures a second", [their / our for our, their in times], ".1f")
