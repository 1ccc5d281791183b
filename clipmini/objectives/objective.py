"""What an objective is: rows from pairs, and one number from all the rows."""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from clipmini.datasets import Pairs
from clipmini.datasets.batch import Batch
from clipmini.models.clip import CLIP


class Objective(nn.Module):
    """What training minimises, in two halves, so that a batch can be encoded in parts. Its own parameters are trained, too."""

    def check_data(self, data: Pairs) -> None:
        """Raise ValueError for data that it cannot be trained on; `train` asks before it begins."""

    def encode(self, model: CLIP, batch: Batch) -> Iterator[Float[Tensor, "N ..."]]:
        """Yield tensors whose row i comes from pair i alone, each with a graph of its own.

        A generator, so that the graph of one tower can go before the next tower runs.
        """
        raise NotImplementedError

    def loss(self, model: CLIP, rows: tuple[Tensor, ...], batch: Batch) -> Float[Tensor, ""]:
        """One number from what `encode` yielded for the whole batch, in fp32; here pairs may meet."""
        raise NotImplementedError

    def forward(self, model: CLIP, images: Tensor, tokens: Tensor, caption_ids: Tensor | None = None) -> Float[Tensor, ""]:
        """The loss of a whole batch: images (N, 3, H, W) normalised, tokens (N, L), caption_ids (N,)."""
        batch = Batch(pixels=images, tokens=tokens, caption_ids=caption_ids)
        return self.loss(model, tuple(self.encode(model, batch)), batch)


class Whole(Objective):
    """Any module (model, images, tokens, caption_ids) -> () as an objective. It encodes for itself, so its batch stays whole."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def encode(self, model: CLIP, batch: Batch) -> Iterator[Float[Tensor, ""]]:
        yield self.module(model, batch.images, batch.tokens, batch.caption_ids)

    def loss(self, model: CLIP, rows: tuple[Tensor, ...], batch: Batch) -> Float[Tensor, ""]:
        return rows[0]
