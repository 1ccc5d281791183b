"""The contrastive objective (paper section 2.3, Figure 3), whole or in tiles."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from clipmini.config import choose
from clipmini.datasets import Pairs
from clipmini.datasets.batch import Batch
from clipmini.models.clip import CLIP
from clipmini.models.layers import at_least_fp32
from clipmini.objectives.checks import check_pairs
from clipmini.objectives.objective import Objective
from clipmini.objectives.tiled import TiledLoss


def clip_loss(
    image: Float[Tensor, "N E"],
    text: Float[Tensor, "N E"],
    logit_scale: Tensor | float,
    *,
    targets: Int[Tensor, "N"] | None = None,
    chunk_size: int | None = None,
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE over a batch of pairs (paper section 2.3, Figure 3).

    Computed in fp32 where the features are of half precision, autocast or not, and in fp64 where they are of that.

    Args:
        image, text: (N, E), features of any length, dimensionless.
        logit_scale: (), already exponentiated, dimensionless.
        targets: None, where pair i is the only match of row i; or (N,) integer caption ids, where pairs with equal ids
            are all matches, each row's and each column's target spread evenly over them.
        chunk_size: None computes the (N, N) matrix; a number computes the same in tiles of that many rows and columns,
            of which one exists at a time, forward and backward. 512 to 2,048 is fast. Tiles have a first derivative only.
    Returns:
        (), mean of the two cross-entropies in nats; ln N at chance.
    Raises:
        ValueError: if there is no pair, the two batches differ in shape, are no floating-point tensors, a feature vector
            is zero, the scale is not a positive number, targets has another length or kind, or chunk_size is not a
            positive whole number; NotFinite, which is one, for NaN or infinity in the features.
        NotImplementedError: for a second derivative of tiles, and for tiles in a transform of torch.func.
    """
    check_pairs(image, text, logit_scale, targets, chunk_size)
    with torch.autocast(image.device.type, enabled=False):  # bf16 rounds a logit of 100 to halves
        image, text = at_least_fp32(image), at_least_fp32(text)
        image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
        if chunk_size is not None:
            scale = torch.as_tensor(logit_scale, dtype=image.dtype, device=image.device)
            return TiledLoss.apply(image, text, scale, targets, chunk_size)
        logits = logit_scale * image @ text.T
        labels = match_targets(targets, logits)
        by_image = F.cross_entropy(logits, labels)
        by_text = F.cross_entropy(logits.T, labels)
        return (by_image + by_text) / 2


def match_targets(ids: Int[Tensor, "N"] | None, logits: Float[Tensor, "N N"]) -> Tensor:
    """Class indices (N,) on the diagonal, or (N, N) probabilities, each row even over equal ids."""
    if ids is None:
        return torch.arange(logits.shape[0], device=logits.device)
    same = (ids[:, None] == ids[None, :]).to(logits.dtype)
    return same / same.sum(dim=1, keepdim=True)


TILE = 1024  # rows and columns of the similarity matrix that exist at a time, where a batch has more


def concept_ids(batch: Batch) -> Int[Tensor, "N"]:
    """Those of a batch. Raises: ValueError if it has none: then each pair would be its only match, without a word."""
    if batch.concept_ids is None:
        raise ValueError("the batch does not say which concept each picture shows: its data have none")
    return batch.concept_ids


MATCHES: dict[str, Callable[[Batch], Tensor | None]] = {
    "identity": lambda batch: None,  # the paper's: pair i, and no other
    "captions": lambda batch: batch.caption_ids,
    "concepts": concept_ids,
}


class Contrastive(Objective):
    """The paper's objective. matches: which pairs of a batch are each other's: "identity", equal "captions" or "concepts"."""

    def __init__(self, matches: str = "captions"):
        super().__init__()
        self.matches, self.targets = matches, choose("kind of matches", matches, MATCHES)

    def check_data(self, data: Pairs) -> None:
        """Raises ValueError where concepts are to match, and there are none."""
        if self.matches == "concepts" and data.concept is None:
            raise ValueError(
                f"{data.name}, split {data.split}, does not say which concept each picture shows: choose from: identity, captions"
            )

    def encode(self, model: CLIP, batch: Batch) -> Iterator[Float[Tensor, "N E"]]:
        yield model.encode_image(batch.images)
        yield model.encode_text(batch.tokens)

    def loss(self, model: CLIP, rows: tuple[Tensor, Tensor], batch: Batch) -> Float[Tensor, ""]:
        image, text = rows
        tile = TILE if len(image) > TILE else None
        return clip_loss(image, text, model.logit_scale.exp(), targets=self.targets(batch), chunk_size=tile)
