"""A classifier written in words (paper section 3.1).

Shapes: N images, C classes, E embedding.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from clipmini.datasets import Pairs
from clipmini.datasets.prompts import fill
from clipmini.evaluate.features import embed, embed_texts
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.tokenizer.texts import each_text


def zeroshot_classifier(
    model: CLIP, tok: Tokenizer, class_names: Iterable[str], templates: Iterable[str]
) -> Float[Tensor, "C E"]:
    """A classifier written in words (paper section 3.1.4): unit rows, one a class.

    Each class name goes into each template; their unit features are averaged and normalised again.

    Args:
        class_names: C names, in any collection.
        templates: sentences with {} where the class name goes; where several are, it goes into each.
    Returns:
        (C, E), fp32, or fp64 where the weights are.
    Raises:
        ValueError: if there is no class or no template, one text in place of a list, or a template lacks its {}.
    """
    names, templates = list(each_text("class name", class_names)), list(each_text("template", templates))
    if not names or not templates:
        raise ValueError(f"expected class names and templates, got {len(names)} and {len(templates)}")
    prompts = [fill(template, name) for name in names for template in templates]
    features = embed_texts(model, tok, prompts).view(len(names), len(templates), -1)
    return F.normalize(features.mean(dim=1), dim=-1)


def classify(model: CLIP, tok: Tokenizer, data: Pairs) -> Tensor:
    """(N, C) cosine of each image with each class's prompt, or with each of its own choices.

    Raises: ValueError if the data set has no labels.
    """
    if data.labels is None:
        raise ValueError(f"{data.name}:{data.split} has captions but no labels to score; choose a labelled task or split")
    images = embed(model, tok, data.without_captions()).image
    if data.choices is not None:
        texts = embed_texts(model, tok, [text for choices in data.choices for text in choices])
        return torch.einsum("ne,nce->nc", images, texts.view(len(data), -1, images.shape[1]))
    return images @ zeroshot_classifier(model, tok, data.classes, data.templates).T
