"""What does each departure from the original ViT and ResNet buy? Trains every variant on glyphs, and keeps what it reaches.

    python tools/departures.py --seeds 1 2 3      about 20 minutes a seed on two cores; results in data/departures.json, what is
    there already is not trained again

The same recipe, pairs and seeds for all variants of a family; only the visual tower changes. Read on never-seen names and on
handwriting, both development splits.
"""

import argparse
import time
from dataclasses import replace

import torch
import torch.nn.functional as F
from records import Records

import clipmini as cm
from clipmini.files import data_folder
from clipmini.models.variants import UNDO

RECORDS = Records(data_folder() / "departures.json")
STEPS = 500
RECIPES = {"vit": cm.RECIPES["glyphs-vit"], "resnet": cm.RECIPES["glyphs-resnet"]}
HOT = 4  # times the recipe's learning rate, where a missing normalisation might show
LAST = 50  # steps whose mean loss counts


def variants(family: str) -> dict[str, object]:
    """CLIP's own, and without each departure."""
    return {"as in CLIP": lambda model: model} | {f"without {name}": undo for name, undo in UNDO[family].items()}


def run(family: str, undo, config: cm.TrainConfig, tok: cm.Tokenizer, data) -> dict:
    """One training and what it reaches."""
    torch.manual_seed(config.seed)
    model = undo(cm.CLIP.from_preset(f"mini-{family}"))
    started = time.perf_counter()
    try:
        losses = [log.loss for log in cm.train(model, tok, data, config)]
    except FloatingPointError as error:
        return {"diverged": str(error)}
    seconds = time.perf_counter() - started
    found = {"loss": sum(losses[-LAST:]) / LAST, "losses": losses[::10], "seconds": seconds} | scores(model, tok)
    return found | {"parameters": sum(p.numel() for p in model.visual.parameters())}


def scores(model: cm.CLIP, tok: cm.Tokenizer) -> dict[str, float]:
    """Retrieval of never-seen names, handwriting, and how often an answer survives a shift by one pixel."""
    names, digits = cm.datasets.load("glyphs", "val"), cm.datasets.load("digits", "dev")
    classifier = cm.zeroshot_classifier(model, tok, names.classes, names.templates)
    still = cm.embed(model, tok, names.without_captions()).image
    moved = cm.embed(model, tok, shifted(names).without_captions()).image
    answers, others = still @ classifier.T, moved @ classifier.T
    return {
        "names R@5": cm.metrics.top_k(answers, names.right, k=5),
        "digits top-1": cm.metrics.top_k(cm.scores.classify(model, tok, digits), digits.labels, k=1),
        "same answer after a shift": (answers.argmax(1) == others.argmax(1)).float().mean().item(),
        "cosine with the shifted": F.cosine_similarity(still, moved).mean().item(),
    }


def shifted(data):
    """Every picture moved by one pixel to the right."""
    images = data.pixels.roll(1, -1)
    images[..., 0] = data.pixels[..., 0]
    return replace(data, images=images.expand(-1, 3, -1, -1))


def main(seeds: list[int], families: list[str]) -> None:
    data = cm.datasets.load("glyphs", "train")
    tok = cm.Tokenizer.train(data.captions, cm.PRESETS["mini-vit"].text.vocab_size)
    runs = [(family, 1, name) for family in RECIPES for name in variants(family)]
    runs += [("vit", HOT, "as in CLIP"), ("vit", HOT, "without ln_pre")]
    runs = [chosen for chosen in runs if chosen[0] in families]
    for seed in seeds:
        for family, times, name in runs:
            config = replace(RECIPES[family], steps=STEPS, seed=seed, lr=times * RECIPES[family].lr)
            keys = family, f"{config.lr:g}", name, seed
            if RECORDS.has(*keys):
                continue
            found = run(family, variants(family)[name], config, tok, data)
            RECORDS.keep(found, *keys)
            print(family, config.lr, name, seed, {k: v for k, v in found.items() if k != "losses"}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--families", nargs="+", choices=RECIPES, default=list(RECIPES))
    args = parser.parse_args()
    main(args.seeds, args.families)
