"""The figures of the solutions in `notebooks/11_released_weights.ipynb`: all of them, or those of the numbers given."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage
import torch
from exercises import run
from PIL import Image

import clipmini as cm
from clipmini.weights.released import METADATA, infer_config

PHOTOS = Path(skimage.__file__).parent / "data"


def published() -> tuple[list[str], np.ndarray]:
    """Names of the eight photographs, and the published cosines (8, 8), a row for each caption."""
    with open(cm.files.package_data("openai_eight_similarity.csv"), encoding="utf-8", newline="") as file:
        (_, *names), *rows = csv.reader(file)
    return names, np.array([row[1:] for row in rows], dtype=float)


def keys_first(state: dict) -> dict:
    return {key: torch.cat([value.chunk(3)[part] for part in (1, 0, 2)]) if key.startswith("visual.") and ".in_proj_" in key
            else value for key, value in state.items()}


def turned(state: dict) -> dict:
    return {key: value.T if key.startswith("visual.") and "out_proj.weight" in key else value for key, value in state.items()}


def stranger() -> None:
    model, tok, _ = cm.load("glyphs-vit")
    state, digits = cm.weights.to_openai(model), cm.datasets.load("digits", "dev")
    digits = replace(digits, templates=("digit {}",))
    kinds = {"nothing": dict, "keys first": keys_first, "transposed": turned}
    for done, spoil in kinds.items():
        for undone, repair in kinds.items():
            scores = cm.scores.classify(cm.weights.from_openai(repair(spoil(state))), tok, digits)
            hits = cm.metrics.hits_at_k(scores, digits.right, k=1).float().mean().item()
            low, high = cm.metrics.wilson_interval(hits, len(digits))
            print(f"spoilt: {done}, repaired: {undone}: {hits:.1%} ({low:.1%} to {high:.1%})")
    for key in (key for key in state if key.startswith("visual.") and ".0.attn.in_proj_weight" in key):
        print(key, *(f"{part.std():.3f}" for part in state[key].chunk(3)))


def lead() -> None:
    for captions in (8, 1000):
        for p in (0.9, 0.99):
            needed = np.log((captions - 1) * p / (1 - p)) / 100
            print(f"{p:.0%} among {captions:,}: {needed:.3f}")
    _, matrix = published()
    leads = np.diag(matrix) - (matrix - np.eye(8)).max(axis=0)
    print(f"leads over the runner-up: {leads.min():.2f} to {leads.max():.2f}, mean {leads.mean():.2f}")
    for g in (leads.min(), 0.1, 0.15):
        few, many = (1 / (1 + (captions - 1) * np.exp(-100 * g)) for captions in (8, 1000))
        print(f"a lead of {g:.2f}: {few:.2%} among 8, {many:.1%} among 1,000; {(leads > g - 0.001).sum()} of 8 have it")


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


EXERCISES = {"1": stranger, "2": lead, "3": resnet, "4": twice}

if __name__ == "__main__":
    run(EXERCISES, __doc__)
