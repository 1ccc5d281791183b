"""What does each part of the training recipe buy? Trains with it and without, and keeps what each run reaches.

    python tools/recipe.py --seeds 1 2 3      about 20 minutes a seed on two cores; results in data/recipe.json, what is there
    already is not trained again

`mini-vit`, recipe `glyphs-vit` cut to 500 steps; the same first weights, pairs and seeds for all. Names: the development split.
"""

import argparse
import itertools
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import torch
from records import Records
from torch import nn

import clipmini as cm
from clipmini.files import data_folder
from clipmini.training.optimizer import make_optimizer
from clipmini.training.schedule import learning_rate

RECORDS = Records(data_folder() / "recipe.json")
STEPS, LAST = 500, 50  # how long; steps whose mean loss counts
RECIPE = replace(cm.RECIPES["glyphs-vit"], steps=STEPS)


def constant(step: int, config: cm.TrainConfig) -> float:
    """Warm-up, and no decay after it."""
    return learning_rate(min(step, config.warmup), config)


def decaying_all(modules: list[nn.Module], config: cm.TrainConfig) -> torch.optim.AdamW:
    """No exceptions: gains, biases, class token and temperature decay as well."""
    optimizer = make_optimizer(modules, config)
    for group in optimizer.param_groups:
        group["weight_decay"] = config.weight_decay
    return optimizer


@dataclass(frozen=True)
class Variant:
    """What is changed of the recipe's settings, and of the training's functions."""

    settings: dict = field(default_factory=dict)
    functions: dict = field(default_factory=dict)


NO_EXCEPTIONS = {"make_optimizer": decaying_all}
VARIANTS = {
    "the recipe": Variant(),
    "constant rate": Variant(functions={"learning_rate": constant}),
    "no warm-up": Variant({"warmup": 0}),
    "rate x 4": Variant({"lr": 4 * RECIPE.lr}),
    "no decay": Variant({"weight_decay": 0.0}),
    "decay x 20": Variant({"weight_decay": 20 * RECIPE.weight_decay}),
    "decay x 20, on all": Variant({"weight_decay": 20 * RECIPE.weight_decay}, NO_EXCEPTIONS),
    "rate / 4": Variant({"lr": RECIPE.lr / 4}),
    "rate / 4, no warm-up": Variant({"lr": RECIPE.lr / 4, "warmup": 0}),
}


def run(variant: Variant, seed: int, tok: cm.Tokenizer, train, names) -> dict:
    """One training and what it reaches."""
    torch.manual_seed(seed)
    model, config = cm.CLIP.from_preset("mini-vit"), replace(RECIPE, seed=seed, **variant.settings)
    with patch.multiple("clipmini.training.loop", **variant.functions) if variant.functions else nullcontext():
        try:
            logs = list(cm.train(model, tok, train, config))
        except FloatingPointError as error:
            return {"diverged": str(error)}
    gains = torch.cat([part.weight.detach() for part in model.modules() if isinstance(part, nn.LayerNorm)])
    matrices = [p.detach() for p in model.parameters() if p.ndim >= 2]
    return {
        "names R@5": cm.metrics.top_k(cm.scores.classify(model, tok, names), names.right, k=5),
        "loss": sum(log.loss for log in logs[-LAST:]) / LAST,
        "losses": [log.loss for log in logs[::5]],
        "gradient norms": [log.gradient_norm for log in logs[::5]],
        "logit scale": logs[-1].logit_scale,
        "mean gain": gains.mean().item(),
        "mean weight": torch.cat([w.flatten() for w in matrices]).square().mean().sqrt().item(),
    }


def main(seeds: list[int]) -> None:
    train, names = cm.datasets.load("glyphs", "train"), cm.datasets.load("glyphs", "val")
    tok = cm.Tokenizer.train(train.captions, cm.PRESETS["mini-vit"].text.vocab_size)
    for seed, (name, variant) in itertools.product(seeds, VARIANTS.items()):
        if not RECORDS.has(name, seed):
            found = run(variant, seed, tok, train, names)
            RECORDS.keep(found, name, seed)
            print(name, seed, {k: v for k, v in found.items() if not isinstance(v, list)}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    main(parser.parse_args().seeds)
