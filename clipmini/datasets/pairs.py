"""What every data set is: images, and what is known of each."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

PER_IMAGE = ("captions", "labels", "positives", "choices", "films", "notes")  # fields with a value for each image


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Images with captions, labels, or both.

    images: (N, 3, H, W) uint8. captions: N texts or None. labels: (N,) indices into classes, or None.
    templates: sentences with one {} for a class name. positives: (N, P) every class that is right for an image,
    padded with -1, where more than one may be; None where the label alone is. choices: for each image the captions that
    label is an index into, where every image has its own. films: (N,) which film each image is a frame of. notes: a line for
    each image with all else that is known of it, to be read by its data set.
    """

    name: str
    split: str
    images: UInt8[Tensor, "N 3 H W"]
    captions: list[str] | None = None
    labels: Int[Tensor, "N"] | None = None
    classes: list[str] = field(default_factory=list)
    templates: tuple[str, ...] = ("{}",)
    positives: Int[Tensor, "N P"] | None = None
    choices: list[tuple[str, ...]] | None = None
    films: Int[Tensor, "N"] | None = None
    notes: list[str] | None = None

    def __post_init__(self):
        n = len(self.images)
        if n == 0:
            raise ValueError(f"{self.name}, split {self.split}: there are no images")
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or self.images.shape[1] != 3:
            raise ValueError(
                f"expected uint8 images of shape (N, 3, H, W), got {self.images.dtype} {tuple(self.images.shape)}"
            )
        for what in PER_IMAGE:
            values = getattr(self, what)
            if values is not None and len(values) != n:
                raise ValueError(f"{n} images but {len(values)} {what}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def pixels(self) -> UInt8[Tensor, "N C H W"]:
        """The images as they lie in memory: one channel where three are views of it, which is a third of the work."""
        return self.images[:, :1] if self.images.stride(1) == 0 else self.images

    @property
    def right(self) -> Int[Tensor, "N P"]:
        """Every class that counts as right for each image, padded with -1: the label, or more where pixels are equal."""
        return self.labels[:, None] if self.positives is None else self.positives

    def subset(self, rows: Int[Tensor, "M"]) -> "Pairs":
        """The same data set, with only these rows, in this order."""
        rows = torch.as_tensor(rows)
        parts = {what: values for what in PER_IMAGE if (values := getattr(self, what)) is not None}
        kept = {k: v[rows] if isinstance(v, Tensor) else [v[i] for i in rows.tolist()] for k, v in parts.items()}
        return replace(self, images=self.pixels[rows].expand(-1, 3, -1, -1), **kept)

    def __add__(self, other: "Pairs") -> "Pairs":
        """These pairs and the other ones after them, to train on: images, captions, and notes if both have some.

        Raises: ValueError if either has no captions, or the images differ in size.
        """
        for pairs in (self, other):
            if pairs.captions is None:
                raise ValueError(f"{pairs.name}, split {pairs.split}: pairs without captions cannot be added")
        if self.images.shape[1:] != other.images.shape[1:]:
            sizes = f"{tuple(self.images.shape[1:])} and {tuple(other.images.shape[1:])}"
            raise ValueError(f"pairs are added to pairs with images of the same size, got {sizes}")
        return Pairs(
            name=self.name,
            split=f"{self.split} + {other.split}",
            images=torch.cat([self.images, other.images]),
            captions=[*self.captions, *other.captions],
            notes=[*self.notes, *other.notes] if self.notes and other.notes else None,
        )

    def without_captions(self) -> "Pairs":
        """The same images as a labelled task only."""
        return replace(self, captions=None)
