"""Pictures of which some are grey: a tensor (N, 3, H, W) that keeps one channel of those, and gathers what is asked for."""

import torch
import torch.nn.functional as F
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils._pytree import tree_map

aten = torch.ops.aten


class Mixed(Tensor):
    """A tensor of uint8 pictures, as if all had three channels; whatever is not written here makes them so first.

    Args:
        grey: (A, 1, H, W).
        colour: (B, 3, H, W).
        place: (N,) a row of colour, or ~row of grey where it is negative.
    """

    @staticmethod
    def __new__(cls, grey: UInt8[Tensor, "A 1 H W"], colour: UInt8[Tensor, "B 3 H W"], place: Int[Tensor, "N"]):
        shape = (len(place), 3, *grey.shape[2:])
        self = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.uint8, device=grey.device)
        self.grey, self.colour, self.place = grey, colour, place
        return self

    def __repr__(self) -> str:
        return f"Mixed({len(self.grey):,} grey and {len(self.colour):,} coloured pictures, {tuple(self.shape[2:])})"

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.grey.nbytes + self.colour.nbytes + self.place.nbytes

    def gather(self, rows: Int[Tensor, "M"]) -> UInt8[Tensor, "M 3 H W"]:
        """These pictures, as an ordinary tensor; with one channel repeated in place where all of them are grey."""
        place = self.place[rows]
        if bool((place < 0).all()):
            return self.grey[~place].expand(-1, 3, -1, -1)
        pictures = self.grey.new_empty(len(place), 3, *self.shape[2:])
        pictures[place < 0] = self.grey[~place[place < 0]]
        pictures[place >= 0] = self.colour[place[place >= 0]]
        return pictures

    def dense(self) -> UInt8[Tensor, "N 3 H W"]:
        """All of them, as an ordinary tensor."""
        return self.gather(torch.arange(len(self), device=self.device))

    def rows(self, rows: Int[Tensor, "M"]) -> "Mixed":
        """These pictures, sharing the memory of all."""
        return Mixed(self.grey, self.colour, self.place[rows])

    def shrunk(self, side: int) -> "Mixed":
        """Each picture averaged down to fewer pixels, (N, 3, side, side)."""
        parts = (self.grey, self.colour)
        small = (F.interpolate(part, size=(side, side), mode="bilinear", antialias=True) for part in parts)
        return Mixed(*small, self.place)

    def numpy(self):
        return self.dense().numpy()

    def contiguous(self) -> "Mixed":
        return self

    def to(self, device) -> "Mixed | Tensor":
        """On another device, as it is; of another type, all of it."""
        if isinstance(device, torch.dtype):
            return self.dense().to(device)
        return Mixed(*(part.to(device) for part in (self.grey, self.colour, self.place)))

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        first, rest = args[0], args[1:]
        if isinstance(first, cls):
            if func is aten.index.Tensor and len(rest[0]) == 1 and rest[0][0].ndim == 1:
                return first.gather(_numbers(rest[0][0]))
            if func is aten.index_select.default and rest[0] == 0:
                return first.gather(rest[1])
            if func is aten.select.int and rest[0] == 0:
                return first.gather(torch.tensor([rest[1]], device=first.device))[0]
            if func is aten.slice.Tensor and (not rest or rest[0] == 0):
                return Mixed(first.grey, first.colour, func(first.place, *rest, **kwargs))
            if func is aten.split.Tensor and (len(rest) < 2 or rest[1] == 0):
                return [Mixed(first.grey, first.colour, part) for part in first.place.split(rest[0])]
            if func in (aten.detach.default, aten.alias.default):
                return first
        dense = tree_map(lambda x: x.dense() if isinstance(x, cls) else x, (args, kwargs))
        return func(*dense[0], **dense[1])


def _numbers(rows: Tensor) -> Tensor:
    """Rows by number, where a mask was given."""
    return rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows
