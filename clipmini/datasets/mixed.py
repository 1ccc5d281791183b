"""Pictures in one colour beside pictures in colours, in one tensor of which the first kind takes a third.

Shapes: N pictures (A of them in one channel, B in three), H x W px.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int, UInt8
from torch import Tensor

aten = torch.ops.aten
IN_PLACE = "pictures that are Mixed cannot be changed in place: change what .dense() gives"


class Mixed(Tensor):
    """A tensor (N, 3, H, W) of uint8 that gathers its rows when it is asked for them.

    Rows, by number or by a mask, come as a plain tensor; slices and parts of a `split` are Mixed and copy no pixel; so is what
    `.to(device)` and `.clone()` give. Any other operation makes a plain tensor of it all first.

    Args:
        one: (A, 1, H, W), the pictures whose three channels are equal.
        three: (B, 3, H, W), the others.
        place: (N,) int64, where each picture is: its row of `three`, or ~row of `one` (-1 is the first).
    Raises: ValueError if the parts do not fit together.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, one: UInt8[Tensor, "A 1 H W"], three: UInt8[Tensor, "B 3 H W"], place: Int[Tensor, "N"]) -> "Mixed":
        _check(one, three, place)
        return Tensor._make_wrapper_subclass(cls, (len(place), 3, *one.shape[2:]), dtype=one.dtype, device=one.device)

    def __init__(self, one: Tensor, three: Tensor, place: Tensor):
        self.one, self.three, self.place = one, three, place

    @property
    def nbytes(self) -> int:
        """Bytes that its parts take, where Tensor counts those of three channels."""
        return sum(part.nbytes for part in (self.one, self.three, self.place))

    def dense(self) -> UInt8[Tensor, "N 3 H W"]:
        """The same pictures as a plain tensor."""
        few = self.take(slice(None))
        both = torch.cat([few.one.expand(-1, 3, -1, -1), few.three])
        return both.index_select(0, torch.where(few.place < 0, ~few.place, len(few.one) + few.place))

    def take(self, rows: Int[Tensor, "M"] | slice) -> "Mixed":
        """These pictures and no others, each as small as before."""
        place = self.place[rows]
        grey = place < 0
        moved = torch.where(grey, -grey.cumsum(0), (~grey).cumsum(0) - 1)
        return Mixed(self.one.index_select(0, ~place[grey]), self.three.index_select(0, place[~grey]), moved)

    def rows(self, rows: Int[Tensor, "M"]) -> "Mixed":
        """These pictures, in the memory of all."""
        return Mixed(self.one, self.three, self.place[rows])

    def shrunk(self, side: int) -> "Mixed":
        """Each picture averaged down to fewer pixels, (N, 3, side, side)."""
        small = (F.interpolate(part, size=(side, side), mode="bilinear", antialias=True) for part in (self.one, self.three))
        return Mixed(*small, self.place)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __setitem__(self, rows, values):
        raise ValueError(IN_PLACE)

    def __repr__(self) -> str:
        return f"Mixed({len(self)} pictures of {tuple(self.shape[2:])} px: {self.nbytes:,} bytes, device={self.device})"

    def numpy(self, *, force: bool = False):
        return self.dense().numpy(force=force)

    def tolist(self) -> list:
        return self.dense().tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if isinstance(args[0], Mixed) and function in ROWS and (out := ROWS[function](*args, **kwargs)) is not None:
            return out
        given = dict(zip((argument.name for argument in function._schema.arguments), args, strict=False)) | kwargs
        written = [a.name for a in function._schema.arguments if a.alias_info and a.alias_info.is_write]
        if any(isinstance(given.get(name), Mixed) for name in written):
            raise ValueError(IN_PLACE)
        args, kwargs = torch.utils._pytree.tree_map_only(Mixed, Mixed.dense, (args, kwargs))
        return function(*args, **kwargs)


def _index(images: Mixed, rows: list[Tensor | None]) -> Tensor | None:
    first, *others = rows
    return _rows(images, first) if first is not None and all(other is None for other in others) else None


def _rows(images: Mixed, rows: Tensor) -> Tensor:
    place = images.place[rows]
    return Mixed(images.one, images.three, place.flatten()).dense().view(*place.shape, *images.shape[1:])


def _select(images: Mixed, dim: int, row: int) -> Tensor | None:
    return _rows(images, torch.tensor(row, device=images.device)) if dim == 0 else None


def _index_select(images: Mixed, dim: int, rows: Tensor) -> Tensor | None:
    return _rows(images, rows.view(-1)) if dim == 0 else None


def _slice(images: Mixed, dim: int = 0, start=None, end=None, step: int = 1) -> Mixed | None:
    return Mixed(images.one, images.three, images.place[start:end:step]) if dim == 0 else None


def _split(images: Mixed, size: int | list[int], dim: int = 0) -> list[Mixed] | None:
    return [Mixed(images.one, images.three, place) for place in images.place.split(size)] if dim == 0 else None


def _to(images: Mixed, *, dtype=None, device=None, non_blocking=False, memory_format=None, **how) -> Mixed | None:
    if dtype not in (None, images.dtype) or memory_format == torch.channels_last:
        return None
    parts = images.take(slice(None))  # a slice leaves behind what it does not show
    return Mixed(*(part.to(device, non_blocking=non_blocking) for part in (parts.one, parts.three, parts.place)))


# What stays with the rows; None where another dimension or kind of number is asked for.
ROWS = {
    aten.index.Tensor: _index,
    aten.index_select.default: _index_select,
    aten.select.int: _select,
    aten.slice.Tensor: _slice,
    aten.split.Tensor: _split,
    aten.split_with_sizes.default: _split,
    aten._to_copy.default: _to,
    aten.clone.default: _to,
    aten.detach.default: lambda images: Mixed(images.one, images.three, images.place),
}


def _check(one: Tensor, three: Tensor, place: Tensor) -> None:
    """Raises ValueError for parts that are no pictures of one size, or places that there are not."""
    for pictures, channels in ((one, 1), (three, 3)):
        if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] != channels:
            got = f"{pictures.dtype} {tuple(pictures.shape)}"
            raise ValueError(f"expected a tensor of uint8 images of shape (N, {channels}, H, W), got {got}")
    if one.shape[2:] != three.shape[2:]:
        raise ValueError(f"expected images of one size, got {tuple(one.shape[2:])} and {tuple(three.shape[2:])}")
    if place.dtype != torch.int64 or place.ndim != 1:
        raise ValueError(f"expected places as int64 (N,), got {place.dtype} {tuple(place.shape)}")
