"""What does each part of the training recipe buy? Trains with it and without, and keeps what each run reaches.

    python -m experiments.recipe --seeds 1 2 3      about 20 minutes a seed on two cores; results in data/recipe.json,
    what is there already is not trained again

`mini-vit`, recipe `glyphs-vit` cut to 500 steps; the same first weights, pairs and seeds for all. Names: the development split.
"""

import itertools
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import torch
from torch import nn

import clipmini as cm
from clipmini.files import data_folder
from clipmini.training.optimizer import make_optimizer
from clipmini.training.schedule import learning_rate
from experiments.records import Records
from experiments.training import command_line, train

RECORDS = Records(data_folder() / "recipe.json")
RECIPE = replace(cm.RECIPES["glyphs-vit"], steps=500)


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


def run(variant: Variant, seed: int, names) -> dict:
    """One training and what it reaches."""
    config = replace(RECIPE, seed=seed, **variant.settings)
    with patch.multiple("clipmini.training.loop", **variant.functions) if variant.functions else nullcontext():
        try:
            model, tok, logs, _ = trained = train("mini-vit", config)
        except FloatingPointError as error:
            return {"diverged": str(error)}
    gains = torch.cat([part.weight.detach() for part in model.modules() if isinstance(part, nn.LayerNorm)])
    matrices = [p.detach() for p in model.parameters() if p.ndim >= 2]
    return {
        "names R@5": cm.metrics.top_k(cm.scores.classify(model, tok, names), names.right, k=5),
        "loss": trained.last_loss,
        "losses": trained.losses[::5],
        "gradient norms": [log.gradient_norm for log in logs[::5]],
        "logit scale": logs[-1].logit_scale,
        "mean gain": gains.mean().item(),
        "mean weight": torch.cat([w.flatten() for w in matrices]).square().mean().sqrt().item(),
    }


def main(seeds: list[int]) -> None:
    names = cm.datasets.load("glyphs", "val")
    for seed, (name, variant) in itertools.product(seeds, VARIANTS.items()):
        if not RECORDS.has(name, seed):
            found = run(variant, seed, names)
            RECORDS.keep(found, name, seed)
            print(name, seed, {k: v for k, v in found.items() if not isinstance(v, list)}, flush=True)


if __name__ == "__main__":
    main(command_line(__doc__).parse_args().seeds)
