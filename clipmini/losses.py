"""The contrastive objective (paper section 2.3, Figure 3)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def clip_loss(
    image: Float[Tensor, "N E"],
    text: Float[Tensor, "N E"],
    logit_scale: Tensor | float,
    *,
    targets: Int[Tensor, "N"] | None = None,
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE over a batch of pairs (paper section 2.3, Figure 3).

    Args: image, text: (N, E) features, any scale. logit_scale: (), already exponentiated, dimensionless.
    targets: None, where pair i is the only match of row i; or (N,) integer caption ids, where pairs with equal ids are
    all matches, each row's and each column's target spread evenly over them.
    Returns: (), mean of the two cross-entropies in nats; ln N at chance.
    Raises: ValueError if the two batches differ in shape, or targets has another length.
    """
    if image.shape != text.shape or image.ndim != 2:
        shapes = f"{tuple(image.shape)} and {tuple(text.shape)}"
        raise ValueError(f"expected two batches of equal shape (N, E), got {shapes}")
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = logit_scale * image @ text.T
    labels = match_targets(targets, len(image), image.device)
    by_image = F.cross_entropy(logits, labels)
    by_text = F.cross_entropy(logits.T, labels)
    return (by_image + by_text) / 2


def match_targets(ids: Int[Tensor, "N"] | None, size: int, device) -> Tensor:
    """Class indices (N,) on the diagonal, or (N, N) rows of probability spread evenly over equal ids."""
    if ids is None:
        return torch.arange(size, device=device)
    if ids.shape != (size,):
        raise ValueError(f"expected {size} caption ids, one a pair, got shape {tuple(ids.shape)}")
    same = (ids[:, None] == ids[None, :]).float()
    return same / same.sum(dim=1, keepdim=True)
