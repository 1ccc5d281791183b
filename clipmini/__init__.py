"""clipmini: CLIP from scratch, small enough to read in an evening."""

import importlib

from clipmini import baselines, datasets, metrics, plots, scores, transforms, weights, zoo
from clipmini.clip import CLIP
from clipmini.config import PRESETS, RECIPES, CLIPConfig, ResNetConfig, TextConfig, TrainConfig, ViTConfig
from clipmini.features import embed, embed_texts, zeroshot_classifier
from clipmini.losses import clip_loss
from clipmini.scores import scorecard
from clipmini.tokenizer import TextTooLong, Tokenizer
from clipmini.training import train
from clipmini.zoo import load

__version__ = "0.1.0"
__all__ = [
    "CLIP",
    "PRESETS",
    "RECIPES",
    "CLIPConfig",
    "ResNetConfig",
    "TextConfig",
    "TextTooLong",
    "Tokenizer",
    "TrainConfig",
    "ViTConfig",
    "baselines",
    "clip_loss",
    "datasets",
    "embed",
    "embed_texts",
    "load",
    "metrics",
    "notebook",
    "plots",
    "scorecard",
    "scores",
    "train",
    "transforms",
    "weights",
    "zeroshot_classifier",
    "zoo",
]


def __getattr__(name: str):
    """`clipmini.notebook` on first use: it needs Jupyter, which a script may lack."""
    if name == "notebook":
        return importlib.import_module("clipmini.notebook")
    raise AttributeError(f"module 'clipmini' has no attribute {name!r}")
