"""Ablations of the visual towers: what does each departure from the first ViT and ResNet buy? Trains without it on glyphs.

    python -m experiments.ablations --seeds 1 2 3      about 20 minutes a seed on two cores; results in
    data/ablations.json, what is there already is not trained again

The same recipe, pairs and seeds for all variants of a family; only the visual tower changes. Read on never-seen names and on
handwriting, both development splits.
"""

import itertools
from dataclasses import replace

import torch.nn.functional as F

import clipmini as cm
from clipmini.files import data_folder
from clipmini.models.variants import UNDO
from experiments.records import Records
from experiments.training import command_line, train

RECORDS = Records(data_folder() / "ablations.json")
STEPS = 500
RECIPES = {"vit": cm.RECIPES["glyphs-vit"], "resnet": cm.RECIPES["glyphs-resnet"]}
HOT = 4  # times the recipe's learning rate, where a missing normalisation might show


def variants(family: str) -> dict[str, object]:
    """CLIP's own, and without each departure."""
    return {"as in CLIP": lambda model: model} | {f"without {name}": undo for name, undo in UNDO[family].items()}


def run(family: str, undo, config: cm.TrainConfig) -> dict:
    """One training and what it reaches."""
    try:
        trained = train(f"mini-{family}", config, undo)
    except FloatingPointError as error:
        return {"diverged": str(error)}
    found = {"loss": trained.last_loss, "losses": trained.losses[::10], "seconds": trained.seconds}
    found |= scores(trained.model, trained.tok)
    return found | {"parameters": sum(p.numel() for p in trained.model.visual.parameters())}


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
    runs = [(family, 1, name) for family in RECIPES for name in variants(family)]
    runs += [("vit", HOT, "as in CLIP"), ("vit", HOT, "without ln_pre")]
    runs = [chosen for chosen in runs if chosen[0] in families]
    for seed, (family, times, name) in itertools.product(seeds, runs):
        config = replace(RECIPES[family], steps=STEPS, seed=seed, lr=times * RECIPES[family].lr)
        keys = family, f"{config.lr:g}", name, seed
        if not RECORDS.has(*keys):
            found = run(family, variants(family)[name], config)
            RECORDS.keep(found, *keys)
            print(family, config.lr, name, seed, {k: v for k, v in found.items() if k != "losses"}, flush=True)


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--families", nargs="+", choices=RECIPES, default=list(RECIPES))
    options = parser.parse_args()
    main(options.seeds, options.families)
