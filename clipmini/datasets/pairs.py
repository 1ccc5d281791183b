"""What every data set is: images, and what is known of each."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from clipmini.datasets.mixed import Mixed

# The fields with a value for each image; whether it means the same beside another data set, so that a sum keeps it.
PER_IMAGE = {
    "captions": True,
    "wordings": True,
    "concept": False,
    "source": False,
    "labels": False,
    "positives": False,
    "choices": False,
    "films": False,
    "notes": True,
}


EXPECTED = "expected a tensor of uint8 images, 0 to 255, of shape (N, 3, H, W)"


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Images with captions, labels, or both.

    images: (N, 3, H, W) uint8. captions: N texts or None. wordings: of each image all its texts, the caption first, where it has
    several. concept: (N,) which thing is shown, whoever made the image. source: (N,) indices into sources, who made it.
    labels: (N,) indices into classes, or None.
    templates: sentences with one {} for a class name. positives: (N, P) every class that is right for an image,
    padded with -1, where more than one may be; None where the label alone is. choices: for each image the captions that
    label is an index into, where every image has its own. films: (N,) which film each image is a frame of. notes: a line for
    each image with all else that is known of it, to be read by its data set.
    """

    name: str
    split: str
    images: UInt8[Tensor, "N 3 H W"]
    captions: list[str] | None = None
    wordings: list[tuple[str, ...]] | None = None
    concept: Int[Tensor, "N"] | None = None
    source: Int[Tensor, "N"] | None = None
    sources: list[str] = field(default_factory=list)
    labels: Int[Tensor, "N"] | None = None
    classes: list[str] = field(default_factory=list)
    templates: tuple[str, ...] = ("{}",)
    positives: Int[Tensor, "N P"] | None = None
    choices: list[tuple[str, ...]] | None = None
    films: Int[Tensor, "N"] | None = None
    notes: list[str] | None = None

    def __post_init__(self):
        images = self.images
        if not isinstance(images, Tensor):
            raise ValueError(f"{EXPECTED}, got {type(images).__name__}: torch.from_numpy makes a tensor of an array")
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"{EXPECTED}, got {images.dtype} {tuple(images.shape)}")
        if (n := len(images)) == 0:
            raise ValueError(f"{self.name}, split {self.split}: there are no images")
        for what in PER_IMAGE:
            values = getattr(self, what)
            if values is not None and not isinstance(values, Sized):
                raise ValueError(f"{what}: expected one for each of {n} images, got {type(values).__name__}: pass list({what})")
            if values is not None and len(values) != n:
                raise ValueError(f"{n} images but {len(values)} {what}")
        if self.captions is not None:
            _check_texts(self.captions)
        if self.choices is not None:
            _check_choices(self.choices)
        if self.wordings is not None:
            _check_wordings(self.wordings, self.captions)

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

    def subset(self, rows: Int[Tensor, "M"] | Bool[Tensor, "N"] | Sequence | slice) -> "Pairs":
        """The same data set, with only these rows, in this order.

        Args: rows: by number, negative ones from the end; as a slice; or as a mask, true for the images to keep.
        Raises: ValueError if there are none, one is out of range, or a mask has another length.
        """
        rows = _numbers(rows, len(self)).to(self.images.device)
        parts = {what: values for what in PER_IMAGE if (values := getattr(self, what)) is not None}
        kept = {k: v[rows] if isinstance(v, Tensor) else [v[i] for i in rows.tolist()] for k, v in parts.items()}
        mixed = isinstance(self.images, Mixed)
        images = self.images.take(rows) if mixed else self.pixels[rows].expand(-1, 3, -1, -1)
        return replace(self, images=images, **kept)

    def __add__(self, other: "Pairs") -> "Pairs":
        """These pairs and the other ones after them, to train on: images, captions, and wordings and notes if both have some.

        Labels, concepts and the like stay behind: they mean something else in the other data set.
        Raises: ValueError if either has no captions, or the images differ in size.
        """
        for pairs in (self, other):
            if pairs.captions is None:
                raise ValueError(f"{pairs.name}, split {pairs.split}: pairs without captions cannot be added")
        if self.images.shape[1:] != other.images.shape[1:]:
            sizes = f"{tuple(self.images.shape[1:])} and {tuple(other.images.shape[1:])}"
            raise ValueError(f"pairs are added to pairs with images of the same size, got {sizes}")
        both = [(what, getattr(self, what), getattr(other, what)) for what, same in PER_IMAGE.items() if same]
        return Pairs(
            name=self.name,
            split=f"{self.split} + {other.split}",
            images=torch.cat([self.images, other.images]),
            **{what: [*ours, *theirs] for what, ours, theirs in both if ours and theirs},
        )

    def without_captions(self) -> "Pairs":
        """The same images as a labelled task only."""
        return replace(self, captions=None, wordings=None)


def _numbers(rows, n: int) -> Int[Tensor, "M"]:
    """Which of n rows are meant, by number."""
    rows = range(n)[rows] if isinstance(rows, slice) else rows.cpu() if isinstance(rows, Tensor) else rows
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.size and rows.dtype.kind not in "iub":
        raise ValueError(f"expected rows as whole numbers, a slice, or a mask of {n}, got {rows.dtype} of shape {rows.shape}")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise ValueError(f"a mask of {len(rows)} does not fit {n} images")
        rows = rows.nonzero()[0]
    if len(rows) == 0:
        raise ValueError("no rows are left: a subset has at least one image")
    if outside := [int(i) for i in rows if not -n <= i < n]:
        raise ValueError(f"rows go from 0 to {n - 1}, or from -{n} to -1, got {outside[0]}")
    return torch.from_numpy(rows.astype(np.int64))


def _check_choices(choices: Sequence[Sequence[str]]) -> None:
    """Raises ValueError, with the row, for what is no collection of texts: one text would be taken letter by letter."""
    for i, texts in enumerate(choices):
        if isinstance(texts, str) or not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"choices {i}: expected a tuple of captions to choose from, got {texts!r:.80}")


def _check_wordings(wordings: Sequence[Sequence[str]], captions: Sequence[str] | None) -> None:
    """Raises ValueError, with the row, where they do not begin with the caption, or are no texts."""
    if captions is None:
        raise ValueError("wordings need captions: the first of each is the caption")
    for i, (texts, caption) in enumerate(zip(wordings, captions, strict=True)):
        if isinstance(texts, str) or not texts or texts[0] != caption:
            raise ValueError(f"wordings {i}: expected a tuple of texts that begins with the caption {caption!r}, got {texts!r}")
    _check_texts([text for texts in wordings for text in texts])


def _check_texts(captions: Sequence[str]) -> None:
    """Raises ValueError, with the row, for what is not a text, and for half a character, which no file can hold."""
    if isinstance(captions, str):
        raise ValueError(f"captions are a list of texts, got one text: {captions[:40]!r}")
    for i, text in enumerate(captions):
        if not isinstance(text, str):
            raise ValueError(f"caption {i} is not a text: {text!r}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = text[error.start]
            raise ValueError(f"caption {i} holds {half!r}, half of a character: replace or remove it") from None
