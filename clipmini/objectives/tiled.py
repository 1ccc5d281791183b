"""The contrastive loss without its (N, N) matrix: a tile of it at a time, forward and backward.

Shapes: N pairs, E embedding.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


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
