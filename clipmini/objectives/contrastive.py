"""The contrastive objective (paper section 2.3, Figure 3), whole or in tiles."""

from numbers import Integral

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from clipmini.models.eager import has_values, is_transformed
from clipmini.models.layers import at_least_fp32


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


class NotFinite(ValueError, FloatingPointError):
    """Features hold NaN or infinity: a wrong input, or a training that has diverged."""


class TiledLoss(torch.autograd.Function):
    """The same loss of unit rows without the (N, N) matrix: log-sum-exps of rows and columns, less the matches' logits.

    Forward adds one tile after another to running log-sum-exps. Backward computes each tile again: its softmax
    probabilities follow from the logits and the saved log-sum-exps, so nothing else has to be kept.
    """

    @staticmethod
    def forward(
        ctx, image: Tensor, text: Tensor, scale: Tensor, ids: Tensor | None, chunk_size: int
    ) -> Tensor:
        rows = image.new_full((len(image),), -torch.inf)
        columns = rows.clone()
        for i, j in tiles(len(image), chunk_size):
            logits = scale * image[i] @ text[j].T
            rows[i] = torch.logaddexp(rows[i], logits.logsumexp(dim=1))
            columns[j] = torch.logaddexp(columns[j], logits.logsumexp(dim=0))
        matches = scale * torch.einsum("ne,ne->n", image, mean_of_equals(text, ids))
        ctx.save_for_backward(image, text, scale, rows, columns)
        ctx.ids, ctx.chunk_size = ids, chunk_size
        return ((rows + columns) / 2 - matches).mean()

    @staticmethod
    def backward(ctx, grad: Tensor):
        if torch.is_grad_enabled():  # `once_differentiable` would look at grad alone
            raise NotImplementedError("the loss in tiles has no second derivative: leave out chunk_size")
        image, text, scale, rows, columns = ctx.saved_tensors
        image_grad, text_grad = -mean_of_equals(text, ctx.ids), -mean_of_equals(image, ctx.ids)  # pulled to its matches
        for i, j in tiles(len(image), ctx.chunk_size):
            logits = scale * image[i] @ text[j].T
            push = (logits - rows[i, None]).exp_().add_((logits - columns[j]).exp_()).div_(2)  # from what is probable
            image_grad[i].addmm_(push, text[j])
            text_grad[j].addmm_(push.T, image[i])
        grad = grad / len(image)
        scale_grad = grad * torch.einsum("ne,ne->", image, image_grad)
        return image_grad.mul_(grad * scale), text_grad.mul_(grad * scale), scale_grad, None, None


def mean_of_equals(features: Float[Tensor, "N E"], ids: Int[Tensor, "N"] | None) -> Float[Tensor, "N E"]:
    """Row i: the mean of all rows whose id is that of row i; without ids, row i itself."""
    if ids is None:
        return features
    ordered, order = ids.sort()
    first_of_its_id = F.pad(ordered[1:] != ordered[:-1], (1, 0))
    group = torch.empty_like(order).scatter_(0, order, first_of_its_id.cumsum(0))
    sums = torch.zeros_like(features).index_add_(0, group, features)
    count = features.new_zeros(len(ids)).index_add_(0, group, features.new_ones(len(ids)))
    return sums[group] / count[group][:, None]


def tiles(size: int, chunk_size: int):
    """Slices (rows, columns) that cover a square."""
    chunks = [slice(start, min(start + chunk_size, size)) for start in range(0, size, chunk_size)]
    return ((i, j) for i in chunks for j in chunks)


def check_pairs(image: Tensor, text: Tensor, logit_scale: Tensor | float, targets: Tensor | None, chunk_size: int | None):
    """Raise ValueError, saying what came, for what can have no contrastive loss."""
    check_features(image, text)
    check_targets(targets, image.shape[0])
    check_chunk_size(chunk_size, image)
    if getattr(logit_scale, "shape", ()) != ():
        raise ValueError(f"expected one logit_scale, of shape (), got shape {tuple(logit_scale.shape)}")
    if has_values(image, text, logit_scale):  # what follows looks at values, which would split a compiled graph
        check_scale(logit_scale)
        check_directions("image", image)
        check_directions("text", text)


def check_features(image: Tensor, text: Tensor) -> None:
    """Two batches of equal shape (N, E), of floating-point numbers, at least one pair."""
    for name, features in (("image", image), ("text", text)):
        if not (isinstance(features, Tensor) and features.is_floating_point()):
            kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(f"expected {name} features as a floating-point tensor (N, E), got {kind}")
    if image.shape != text.shape or image.ndim != 2:
        raise ValueError(f"expected two batches of equal shape (N, E), got {tuple(image.shape)} and {tuple(text.shape)}")
    if image.shape[0] == 0:
        raise ValueError("expected at least one pair, got none: a batch without pairs has no loss")


def check_targets(targets: Tensor | None, pairs: int) -> None:
    """One integer a pair, or None."""
    if targets is None:
        return
    if not isinstance(targets, Tensor):
        raise ValueError(f"expected caption ids as a tensor ({pairs},), got {type(targets).__name__}: pass torch.tensor(targets)")
    if targets.shape != (pairs,) or targets.is_floating_point():
        kind = f"shape {tuple(targets.shape)} of {targets.dtype}"
        raise ValueError(f"expected {pairs} caption ids, one integer a pair, got {kind}")


def check_chunk_size(chunk_size: int | None, image: Tensor) -> None:
    """A positive whole number, or None; tiles are not for transforms of torch.func."""
    if chunk_size is None:
        return
    if not isinstance(chunk_size, Integral) or chunk_size < 1:
        raise ValueError(f"chunk_size must be a whole number, at least 1, got {chunk_size}")
    if is_transformed(image):
        raise NotImplementedError("the loss in tiles has no rule for the transforms of torch.func: leave out chunk_size")


def check_scale(logit_scale: Tensor | float) -> None:
    """A positive, finite number."""
    if not 0 < logit_scale < torch.inf:
        raise ValueError(
            f"logit_scale must be positive and finite, got {float(logit_scale):g}; models store its logarithm: "
            "pass model.logit_scale.exp()"
        )


def check_directions(name: str, features: Float[Tensor, "N E"]) -> None:
    """Each row has a direction: no NaN, no infinity, not all zero."""
    lengths = at_least_fp32(features.detach()).norm(dim=1)
    bad = ~((lengths > 0) & lengths.isfinite())
    if bad.any():
        row = bad.nonzero()[0].item()
        if lengths[row] == 0:
            raise ValueError(f"row {row} of the {name} features is zero and has no direction")
        raise NotFinite(f"row {row} of the {name} features holds NaN or infinity")
