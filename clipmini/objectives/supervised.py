"""A closed vocabulary: a softmax classifier over numbered things, which reads no word (the paper's rival, section 3)."""

from collections.abc import Iterator

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from clipmini.datasets import Pairs
from clipmini.datasets.batch import Batch
from clipmini.models.clip import CLIP
from clipmini.objectives.objective import Objective


class Supervised(Objective):
    """Cross-entropy of a linear layer on image features; which thing a picture shows is the batch's concept_ids.

    Args: embed_dim: of the features. classes: how many things there are, numbered from 0.
    """

    def __init__(self, embed_dim: int, classes: int):
        super().__init__()
        self.head = nn.Linear(embed_dim, classes)

    def check_data(self, data: Pairs) -> None:
        """Raises ValueError for data that do not number their things from 0 to classes - 1."""
        if data.concept is None:
            raise ValueError(f"{data.name}, split {data.split}, does not say which concept each picture shows")
        low, high = int(data.concept.min()), int(data.concept.max())
        if low < 0 or high >= self.head.out_features:
            raise ValueError(f"expected concepts 0 to {self.head.out_features - 1}, got {low} to {high}")

    def encode(self, model: CLIP, batch: Batch) -> Iterator[Float[Tensor, "N E"]]:
        yield model.encode_image(batch.images)

    def loss(self, model: CLIP, rows: tuple[Tensor, ...], batch: Batch) -> Float[Tensor, ""]:
        return F.cross_entropy(self.head(rows[0].float()), batch.concept_ids)
