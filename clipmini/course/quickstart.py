"""The quickstart's exercises."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmini.course.report import compare
from clipmini.objectives.contrastive import clip_loss


def loss(function: Callable) -> str:
    """`my_loss(image, text, scale)`: (N, E) features of any length, the scale already exponentiated -> (), nats."""
    draw = torch.Generator().manual_seed(0)
    image, text, scale = torch.randn(7, 5, generator=draw), torch.randn(7, 5, generator=draw), torch.tensor(3.0)
    one, other = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    mistakes = {
        "the rows have not been made unit vectors: a long vector wins by its length.": both(scale * image @ text.T),
        "only the rows of the matrix are asked; ask its columns, too, and take the mean.": across(scale * one @ other.T),
        "only the columns of the matrix are asked; ask its rows, too, and take the mean.": across(scale * other @ one.T),
        "that is the sum of the two directions; take their mean.": 2 * both(scale * one @ other.T),
        "that is a sum over the pairs; take their mean.": 7 * both(scale * one @ other.T),
        "similarities are multiplied by the scale, not divided by it.": both(one @ other.T / scale),
        "the scale has not been used.": both(one @ other.T),
        "the scale is exponentiated already.": both(scale.exp() * one @ other.T),
        "the sign is wrong: a loss is small where the right pairs are similar.": -both(scale * one @ other.T),
        "the vectors are made unit along the batch; each row is one picture: dim=-1.": both(
            scale * F.normalize(image, dim=0) @ F.normalize(text, dim=0).T
        ),
    }
    hint = "Try two pairs by hand: unit rows, their products times the scale, cross-entropy with the diagonal, both ways."
    return compare(function, (image, text, scale), clip_loss(image, text, scale), mistakes, hint)


def across(logits: Tensor) -> Tensor:
    return F.cross_entropy(logits, torch.arange(len(logits)))


def both(logits: Tensor) -> Tensor:
    return (across(logits) + across(logits.T)) / 2
