"""The one place where a trained model meets data: embed a data set, turn class names into a classifier.

Shapes: N images, C classes, E embedding.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from clipmini.datasets import Pairs
from clipmini.datasets.transforms import normalize
from clipmini.models.clip import CLIP, evaluating
from clipmini.models.layers import at_least_fp32
from clipmini.tokenizer import Tokenizer
from clipmini.tokenizer.texts import each_text


@dataclass(frozen=True)
class Features:
    """Of a data set: image and text (N, E), unit rows if projected, else raw and each of its own width; labels (N,).

    In fp32, or fp64 where the weights are; None where the data set has none.
    """

    image: Float[Tensor, "N image_width"]
    text: Float[Tensor, "N text_width"] | None
    labels: Int[Tensor, "N"] | None


def embed(model: CLIP, tok: Tokenizer, data: Pairs, project: bool = True, batch_size: int = 512) -> Features:
    """Image features, and text features of the captions if there are any, on the CPU.

    Args:
        data: N images, and captions or labels or both.
        project: unit rows in the shared space; False: raw features before the projection (for linear probes).
        batch_size: images, and texts, that are encoded at a time.
    """
    device, dtype = model.logit_scale.device, model.dtype
    with evaluating(model):
        batches = (normalize(part.to(device)).to(dtype) for part in data.pixels.split(batch_size))
        image = at_least_fp32(torch.cat([model.encode_image(images, project) for images in batches]))
        if project:
            image = F.normalize(image, dim=-1)
    text = None if data.captions is None else embed_texts(model, tok, data.captions, project, batch_size)
    return Features(image.cpu(), text, data.labels)


def embed_texts(
    model: CLIP, tok: Tokenizer, texts: Iterable[str], project: bool = True, batch_size: int = 512
) -> Float[Tensor, "N features"]:
    """Text features on the CPU; a text that occurs often is encoded once.

    Args:
        texts: N texts, in any collection.
        project: unit rows in the shared space; False: raw features before the projection.
        batch_size: texts that are encoded at a time.
    Returns:
        (N, E), fp32, or fp64 where the weights are.
    Raises:
        ValueError: if there are no texts, one text in place of a list, or an item (which) that is no text.
    """
    texts = list(each_text("text", texts))
    if not texts:
        raise ValueError("there are no texts to embed")
    unique = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    tokens = tok(list(unique), model.context_length)
    device = model.logit_scale.device
    with evaluating(model):
        parts = [model.encode_text(part.to(device), project) for part in tokens.split(batch_size)]
        text = at_least_fp32(torch.cat(parts))
        if project:
            text = F.normalize(text, dim=-1)
    return text[[unique[t] for t in texts]].cpu()
