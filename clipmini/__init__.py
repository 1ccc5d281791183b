"""clipmini: CLIP from scratch, small enough to read in an evening."""

from clipmini import baselines, datasets, metrics, plots, transforms, weights, zoo
from clipmini.clip import CLIP
from clipmini.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig, TrainConfig, ViTConfig
from clipmini.features import embed, embed_texts, zeroshot_classifier
from clipmini.losses import clip_loss
from clipmini.tokenizer import TextTooLong, Tokenizer
from clipmini.training import train
from clipmini.zoo import load

__version__ = "0.1.0"
__all__ = [
    "CLIP",
    "PRESETS",
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
    "plots",
    "train",
    "transforms",
    "weights",
    "zeroshot_classifier",
    "zoo",
]
