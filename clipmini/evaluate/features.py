"""The one place where a trained model meets data: embed a data set, turn class names into a classifier.

Shapes: N images, C classes, E embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from clipmini.datasets import Pairs
from clipmini.datasets.transforms import normalize
from clipmini.models.clip import CLIP, evaluating
from clipmini.tokenizer import Tokenizer


@dataclass(frozen=True)
class Features:
    """image, text: (N, E) unit rows if projected, raw and each of its own width otherwise; labels: (N,). None where none."""

    image: Float[Tensor, "N image_width"]
    text: Float[Tensor, "N text_width"] | None
    labels: Int[Tensor, "N"] | None


def embed(model: CLIP, tok: Tokenizer, data: Pairs, project: bool = True, batch_size: int = 512) -> Features:
    """Image features, and text features of the captions if there are any, on the CPU.

    Args: project: unit rows in the shared space; False: raw features before the projection (for linear probes).
    """
    device = model.logit_scale.device
    with evaluating(model):
        images = [model.encode_image(normalize(part.to(device)), project) for part in data.pixels.split(batch_size)]
        image = torch.cat(images)
        if project:
            image = F.normalize(image, dim=-1)
    text = None if data.captions is None else embed_texts(model, tok, data.captions, project, batch_size)
    return Features(image.cpu(), text, data.labels)


def embed_texts(
    model: CLIP, tok: Tokenizer, texts: Sequence[str], project: bool = True, batch_size: int = 512
) -> Float[Tensor, "N features"]:
    """Text features on the CPU; a text that occurs often is encoded once. Raises ValueError if there are no texts."""
    if len(texts) == 0:
        raise ValueError("there are no texts to embed")
    unique = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    tokens = tok(list(unique), model.context_length)
    device = model.logit_scale.device
    with evaluating(model):
        parts = [model.encode_text(part.to(device), project) for part in tokens.split(batch_size)]
        text = torch.cat(parts)
        if project:
            text = F.normalize(text, dim=-1)
    return text[[unique[t] for t in texts]].cpu()
