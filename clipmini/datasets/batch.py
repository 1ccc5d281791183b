"""A batch: what an objective is given, whole or a part at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

from jaxtyping import Float, Int, Num
from torch import Tensor

from clipmini.datasets.augmentation import Changes, augment


@dataclass(frozen=True, kw_only=True)
class Batch:
    """N pairs. A slice of a batch is a batch, whose pictures are to the bit those that the whole has there.

    pixels: (N, C, H, W) uint8, changed and normalised when `images` is first asked for; or floats, taken as they are.
    tokens: (N, L) integers. caption_ids: (N,), equal where captions are, or None. concept_ids: (N,), equal where the same
    thing is shown, or None. changes: drawn once for the whole batch.
    """

    pixels: Num[Tensor, "N C H W"]
    tokens: Int[Tensor, "N L"]
    caption_ids: Int[Tensor, "N"] | None = None
    concept_ids: Int[Tensor, "N"] | None = None
    changes: Changes | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def images(self) -> Float[Tensor, "N 3 H W"]:
        """What `encode_image` reads."""
        return self.pixels if self.pixels.is_floating_point() else augment(self.pixels, self.changes)

    def __getitem__(self, rows: slice) -> "Batch":
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(**{name: None if part is None else part[rows] for name, part in parts.items()})

    def split(self, size: int) -> Iterator["Batch"]:
        """Its parts of at most `size` pairs, in order."""
        return (self[start : start + size] for start in range(0, len(self), size))
