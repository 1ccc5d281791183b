"""clipmini: CLIP from scratch, small enough to read in an evening.

Its folders are the paper's sections, and each imports only from those before it:

    config  files  tensors  download             what a model is; where files lie, and how they are kept
    intervals  plots                             how sure we are; figures
    tokenizer    text to ids                                                          paper 2.4
    datasets     pairs and labelled tasks; what is done to their pictures             2.2
    models       the two towers, and CLIP                                             2.4
    objectives   what training minimises                                              2.3
    weights      released files and ours; cm.load                                     2.4
    training     the loop and its parts                                               2.5
    evaluate     what a trained model knows                                           3
    course       checkers of exercises
    cost  notebook  cli                          above all
"""

import importlib
from importlib.util import find_spec

__version__ = "0.1.0"

HOMES = {  # public name -> the module that has it, or that it is
    **dict.fromkeys(["PRESETS", "RECIPES", "CLIPConfig", "ResNetConfig", "TextConfig", "TrainConfig", "ViTConfig"], "config"),
    **dict.fromkeys(["TextTooLong", "Tokenizer"], "tokenizer"),
    **dict.fromkeys(["embed", "embed_texts"], "evaluate.features"),
    "zeroshot_classifier": "evaluate.zero_shot",
    "scorecard": "evaluate.scores",
    "CLIP": "models.clip",
    "clip_loss": "objectives.contrastive",
    "train": "training.loop",
    "load": "weights.zoo",
}
MODULES = {  # modules that are used by a short name
    **{name: name for name in ("cost", "course", "datasets", "evaluate", "models", "notebook", "objectives", "plots", "weights")},
    "baselines": "evaluate.pixels",
    "metrics": "evaluate.metrics",
    "scores": "evaluate.scores",
    "transforms": "datasets.transforms",
    "zoo": "weights.zoo",
}
__all__ = sorted([*HOMES, *MODULES])


def __getattr__(name: str):
    """A public name, on first use: importing clipmini costs nothing, and a chapter loads what it runs."""
    if name in HOMES:
        value = getattr(importlib.import_module(f"clipmini.{HOMES[name]}"), name)
    elif name in MODULES or (not name.startswith("_") and find_spec(f"clipmini.{name}")):
        value = importlib.import_module(f"clipmini.{MODULES.get(name, name)}")
    else:
        raise AttributeError(f"module 'clipmini' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
