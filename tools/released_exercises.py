"""The figures of the solutions in `notebooks/11_released_weights.ipynb`: all of them, or those of the numbers given."""

import csv
import sys
from pathlib import Path

import numpy as np
import skimage
import torch
from PIL import Image

import clipmini as cm
from clipmini.weights.archive import FP32
from clipmini.weights.released import METADATA, infer_config

PHOTOS = Path(skimage.__file__).parent / "data"


def published() -> tuple[list[str], np.ndarray]:
    """Names of the eight photographs, and the published cosines (8, 8), a row for each caption."""
    with open(cm.files.package_data("openai_eight_similarity.csv"), encoding="utf-8", newline="") as file:
        (_, *names), *rows = csv.reader(file)
    return names, np.array([row[1:] for row in rows], dtype=float)


def size() -> None:
    for name in ("ViT-B/32", "ViT-L/14"):
        with torch.device("meta"):
            weights = cm.weights.to_openai(cm.CLIP.from_preset(name))
        single = {key: value.numel() for key, value in weights.items() if any(part in key for part in FP32)}
        total = sum(value.numel() for value in weights.values())
        table = single["token_embedding.weight"]
        rough, exact = (2 * total + 2 * part for part in (table, sum(single.values())))
        print(f"{name}: {total:,} numbers; {rough / 1e6:.1f} MB with the table alone in fp32, {exact / 1e6:.1f} MB with all")


def lead() -> None:
    for captions in (8, 1000):
        for p in (0.9, 0.99):
            needed = np.log((captions - 1) * p / (1 - p)) / 100
            print(f"{p:.0%} among {captions:,}: {needed:.3f}")
    _, matrix = published()
    leads = np.diag(matrix) - (matrix - np.eye(8)).max(axis=0)
    print(f"leads over the runner-up: {leads.min():.2f} to {leads.max():.2f}, mean {leads.mean():.2f}")


def resnet() -> None:
    path, _, real = cm.zoo.archive("RN50")
    state = {key: value for key, value in cm.weights.read_archive(path).items() if key not in METADATA}
    print(f"{'released' if real else 'stand-in'}: {len(state)} arrays; {infer_config(state).vision}")
    for key in ("visual.layer1.0.conv1.weight", "visual.attnpool.positional_embedding", "visual.attnpool.c_proj.weight"):
        print(f"{key} {tuple(state[key].shape)}")
    stages = [len({key.split(".")[2] for key in state if key.startswith(f"visual.layer{i}.")}) for i in range(1, 5)]
    print(f"blocks a stage: {stages}")


def twice() -> None:
    std = torch.tensor(cm.transforms.STD).view(3, 1, 1)
    names, _ = published()
    photos = [Image.open(next(PHOTOS.glob(f"{name}.*"))).convert("RGB") for name in names]
    for side in (448, 150):
        changes = []
        for photo in photos:
            size = [side * d // min(photo.size) for d in photo.size]
            before = photo.resize(size, Image.Resampling.BICUBIC)
            change = cm.transforms.preprocess(before, 224) - cm.transforms.preprocess(photo, 224)
            changes.append((255 * std * change).abs().mean().item())
        print(f"through {side} px: {np.mean(changes):.1f} grey levels ({min(changes):.1f} to {max(changes):.1f})")


EXERCISES = {"1": size, "2": lead, "3": resnet, "4": twice}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(EXERCISES)
    if strangers := [number for number in wanted if number not in EXERCISES]:
        sys.exit(f"no exercise {strangers[0]!r}; choose from: {', '.join(EXERCISES)}")
    for number in wanted:
        print(f"exercise {number}")
        EXERCISES[number]()
