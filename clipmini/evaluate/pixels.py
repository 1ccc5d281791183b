"""What a trained model has to beat."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

TILE = 4096  # images, and training images, that are compared at a time: as floats, all would not fit the memory


def nearest_neighbour_scores(
    train: UInt8[Tensor, "M C H W"], labels: Int[Tensor, "M"], classes: int, images: UInt8[Tensor, "N C H W"]
) -> Float[Tensor, "N classes"]:
    """For each image and class, the cosine of ink to the class's closest training image: no learning at all.

    Ink is what a channel lacks to white, so a cosine of pictures in colours compares colours, too. A class without a training
    image scores -1, below every other.

    Args:
        train: (M, C, H, W), training images.
        labels: (M,), their classes: names, or concepts.
        classes: how many there are.
        images: (N, C, H, W), of the same size.
    Returns:
        (N, classes), cosines.
    Raises:
        ValueError: if the sizes differ.
    """
    if train.shape[1:] != images.shape[1:]:
        raise ValueError(f"expected images of one size, got {tuple(train.shape[1:])} and {tuple(images.shape[1:])}")
    scores = torch.full((len(images), classes), -1.0)
    for batch, best in zip(images.split(TILE), scores.split(TILE), strict=True):
        ink = _ink(batch)
        for known, theirs in zip(train.split(TILE), labels.split(TILE), strict=True):
            best.scatter_reduce_(1, theirs.expand(len(batch), -1), ink @ _ink(known).T, "amax")
    return scores


def recombined_scores(scores: Float[Tensor, "N C"], names: Sequence[str], k: int = 5) -> Float[Tensor, "N C"]:
    """Names put together from the words of the nearest neighbours' names: composition without learning.

    Args:
        scores: (N, C), of `nearest_neighbour_scores`.
        names: C names.
        k: names that count for a picture.
    Returns:
        (N, C), cosine of each name's bag of words with the sum of the bags of the k best names, their scores as weights;
        a name that no training picture has can win.
    """
    index = {word: i for i, word in enumerate(dict.fromkeys(word for name in names for word in name.split()))}
    bags = torch.zeros(len(names), len(index))
    for bag, name in zip(bags, names, strict=True):
        bag[[index[word] for word in name.split()]] = 1
    bags, out = F.normalize(bags, dim=1), []
    for batch in scores.split(512):
        weights, nearest = batch.topk(k, dim=1)
        neighbours = torch.zeros_like(batch).scatter(1, nearest, weights)
        out.append(F.normalize(neighbours @ bags, dim=1) @ bags.T)
    return torch.cat(out)


def crop_to_ink(images: UInt8[Tensor, "N 3 H W"], threshold: int = 192) -> UInt8[Tensor, "N 3 H W"]:
    """Each image's inked box, stretched to the whole frame: a baseline's kindest preprocessing."""
    height, width = images.shape[-2:]
    out = []
    for image in images:
        ink = (image < threshold).any(dim=0)
        rows, columns = ink.any(dim=1).nonzero(), ink.any(dim=0).nonzero()
        if len(rows):
            image = image[:, rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[-1, 0] + 1]
        resized = F.interpolate(image[None].float(), size=(height, width), mode="bilinear", antialias=True)
        out.append(resized[0].round().to(torch.uint8))
    return torch.stack(out)


def _ink(images: Tensor) -> Tensor:
    ink = 1 - images.float().flatten(1) / 255
    return F.normalize(ink, dim=1)
