"""The figures of the solutions in `notebooks/11_released_weights.ipynb`: all of them, or those of the numbers given."""

import csv
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import skimage
import torch
from PIL import Image

import clipmini as cm
from clipmini.models.clip import CLIP
from tools.exercises.chapter import run

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
    odds = np.exp(100 * (matrix - np.diag(matrix))) * ~np.eye(8, dtype=bool)  # of each wrong caption, a column a photograph
    p = 1 / (1 + 999 / 7 * odds.sum(axis=0))
    print(f"999 like the seven wrong ones: the least sure {p.min():.1%}, mean {p.mean():.1%}")
    for g in (leads.min(), 0.1, 0.15):
        few, many = (1 / (1 + (captions - 1) * np.exp(-100 * g)) for captions in (8, 1000))
        print(f"a lead of {g:.2f}: {few:.2%} among 8, {many:.1%} among 1,000; {(leads > g - 0.001).sum()} of 8 have it")


def twice() -> None:
    std = torch.tensor(cm.transforms.STD).view(3, 1, 1)
    names, _ = published()
    photos = [Image.open(next(PHOTOS.glob(f"{name}.*"))).convert("RGB") for name in names]
    photos = [photo for photo in photos if min(photo.size) > 256]
    bicubic, bilinear = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    for side, way in ((256, bicubic), (150, bicubic), (224, bilinear)):
        changes = []
        for photo in photos:
            size = [side * d // min(photo.size) for d in photo.size]
            change = cm.transforms.preprocess(photo.resize(size, way), 224) - cm.transforms.preprocess(photo, 224)
            changes.append((255 * std * change).abs().mean().item())
        print(f"{len(photos)} photographs through {side} px, {way.name.lower()}: {np.mean(changes):.1f} grey levels"
              f" ({min(changes):.1f} to {max(changes):.1f})")


def columns_first(state: dict) -> dict:
    """The patches of each picture counted down the columns."""
    positions = state["visual.positional_embedding"]
    side = int((len(positions) - 1) ** 0.5)
    grid = positions[1:].view(side, side, -1).transpose(0, 1).flatten(0, 1)
    return state | {"visual.positional_embedding": torch.cat([positions[:1], grid])}


def norms_exchanged(state: dict) -> dict:
    """In each block the normalisation before the attention and the one before the layers behind it."""
    other = {"ln_1": "ln_2", "ln_2": "ln_1"}
    return {key: state[".".join(other.get(part, part) for part in key.split("."))] for key in state}


def small_epsilon(state: dict) -> CLIP:
    model = cm.weights.from_openai(state)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-12
    return model


def more() -> None:
    model, tok, _ = cm.load("glyphs-vit")
    state, glyphs = cm.weights.to_openai(model), cm.datasets.load("glyphs", "new_names")
    deal = torch.tensor(np.random.default_rng(0).permutation(len(glyphs))[: len(glyphs) // 8 * 8]).view(-1, 8)

    def found(model: CLIP) -> torch.Tensor:
        return cm.metrics.hits_at_k(cm.scores.classify(model, tok, glyphs), glyphs.right, k=5)

    def cells(model: CLIP) -> torch.Tensor:
        """The 64 cosines of each set of eight glyphs with their names, in hundredths."""
        seen = cm.embed(model, tok, glyphs)
        return (100 * seen.text[deal] @ seen.image[deal].transpose(1, 2)).round()

    before, expected = found(model), cells(model)
    z = NormalDist().inv_cdf(1 - 0.025 / 3)  # three comparisons at once
    spoilt = {
        "columns first": cm.weights.from_openai(columns_first(state)),
        "norms exchanged": cm.weights.from_openai(norms_exchanged(state)),
        "epsilon 1e-12": small_epsilon(state),
    }
    for name, wrong in spoilt.items():
        hits = found(wrong)
        d = 100 * (hits.float() - before.float())
        sums = torch.zeros(len(glyphs.classes)).index_add(0, glyphs.labels, d - d.mean())
        turned = torch.rad2deg(2 * torch.asin((cm.embed(wrong, tok, glyphs).image
                                               - cm.embed(model, tok, glyphs).image).norm(dim=1) / 2)).mean()
        moved = (cells(wrong) != expected).sum(dim=(1, 2))
        print(f"{name}: R@5 {hits.float().mean():.1%}, {d.mean():+.1f} ± {z * sums.norm() / len(d):.1f} points;"
              f" glyphs turn by {turned:.2f} degrees; of 64 cells {moved.float().mean():.1f} change"
              f" ({moved.min()} to {moved.max()} in {len(deal)} sets)")


EXERCISES = {"1": stranger, "2": lead, "3": twice, "4": more}

if __name__ == "__main__":
    run(EXERCISES, __doc__)
