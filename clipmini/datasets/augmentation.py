"""Augmentation: a name stands for a distribution over changes; a batch draws one for each picture, and applies them.

Draws come once a batch, from a generator on the CPU, so that a seed means the same on any device and for any part of the batch.
Shapes: N pictures of C channels, H x W px.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from clipmini.config import choose
from clipmini.datasets.transforms import standardize, to_unit


@dataclass(frozen=True)
class Changes:
    """What is done to each of N pictures, (N,) each.

    zoom_x, zoom_y: part of the side that is seen. shift_x, shift_y: halves of a side. angle: radians. slant: sideways over up.
    thicken: px that dark strokes grow by, negative where they shrink. blur: 0 for none, 1 for a local average.
    paint: None, or (N, 2, 3, 4), what becomes of a colour: [:, 0] for pictures in colours, [:, 1] for grey ones; each new
    channel is a sum of red, green and blue, so weighted, and of a constant.
    """

    zoom_x: Tensor
    zoom_y: Tensor
    shift_x: Tensor
    shift_y: Tensor
    angle: Tensor
    slant: Tensor
    thicken: Tensor
    blur: Tensor
    paint: Tensor | None = None

    def __getitem__(self, rows: slice) -> "Changes":
        return Changes(*(part[rows] for part in _parts(self)))

    def to(self, device: torch.device) -> "Changes":
        return Changes(*(part.to(device) for part in _parts(self)))


def _parts(changes: Changes) -> tuple[Tensor, ...]:
    parts = (getattr(changes, field.name) for field in dataclasses.fields(changes))
    return tuple(part for part in parts if part is not None)  # paint, the last one, need not be there


def _join(one: Changes, other: Changes) -> Changes:
    return Changes(*(torch.cat(pair) for pair in zip(_parts(one), _parts(other), strict=True)))


LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue look (ITU-R BT.601)


def uniform(n: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "N"]:
    """(N,) numbers between low and high, the same whatever PyTorch's default precision and device are."""
    return low + (high - low) * torch.rand(n, generator=generator, dtype=torch.float32, device="cpu")


def none(n: int) -> Float[Tensor, "N"]:
    """(N,) zeros: nothing of this kind is done."""
    return torch.zeros(n, dtype=torch.float32, device="cpu")


def crop(n: int, generator: torch.Generator) -> Changes:
    """The paper's only augmentation: a random square crop of the resized image."""
    zoom = uniform(n, 0.9, 1.0, generator)
    shift_x, shift_y = ((1 - zoom) * uniform(n, -1, 1, generator) for _ in range(2))
    return Changes(zoom, zoom, shift_x, shift_y, none(n), none(n), none(n), none(n))


def mild(n: int, generator: torch.Generator) -> Changes:
    """A page held a little crooked: slight rotation, zoom and shift."""
    return _move(n, generator, angle=5, zoom=0.12, stretch=0.05, slant=0.1, shift=0.1)


def handwriting(n: int, generator: torch.Generator) -> Changes:
    """As if written by hand: slanted, stretched, thicker and thinner strokes, blurred. The first half of a batch stays mild.

    The middle picture of an odd number goes to either half by chance, so one picture alone stays mild every other time.
    """
    half = (n + 1) // 2 if n % 2 and uniform(1, 0, 1, generator) < 0.5 else n // 2
    rough = _move(n - half, generator, angle=12, zoom=0.25, stretch=0.2, slant=0.45, shift=0.15)
    smooth = mild(half, generator)
    rough = dataclasses.replace(rough, thicken=uniform(n - half, -0.4, 0.8, generator), blur=uniform(n - half, 0, 1, generator))
    return _join(smooth, rough)


def drawings(n: int, generator: torch.Generator) -> Changes:
    """As if another artist had drawn it: moved, in other colours, a third of the grey ones in an ink on a ground.

    Never mirrored: an arrow to the left is no arrow to the right.
    """
    moved = _move(n, generator, angle=15, zoom=0.2, stretch=0.15, slant=0.2, shift=0.1)
    colours, inked = jitter(n, generator), ink(n, generator)
    is_inked = (uniform(n, 0, 1, generator) < 1 / 3).view(-1, 1, 1)
    return dataclasses.replace(moved, paint=torch.stack([colours, torch.where(is_inked, inked, colours)], dim=1))


AUGMENTATIONS: dict[str, Callable[[int, torch.Generator], Changes] | None] = {
    "none": None,
    "crop": crop,
    "mild": mild,
    "handwriting": handwriting,
    "drawings": drawings,
}


def draw(name: str, n: int, generator: torch.Generator) -> Changes | None:
    """The changes of a batch of n pictures; None where nothing changes.

    Raises: ValueError, with the choices, for an unknown name; if the generator is not on the CPU.
    """
    if generator.device.type != "cpu":
        raise ValueError(f"expected a generator on the CPU, so that a seed means the same anywhere, got {generator.device}")
    distribution = choose("augmentation", name, AUGMENTATIONS)
    return distribution and distribution(n, generator)


def augment(images: UInt8[Tensor, "N C H W"], changes: Changes | None) -> Float[Tensor, "N 3 H W"]:
    """Pictures of one or three channels, changed and normalised where they lie. Returns: float32.

    Raises: ValueError if the images are not uint8.
    """
    images = to_unit(images)
    return standardize(images if changes is None else apply(images, changes.to(images.device)))


def apply(images: Float[Tensor, "N C H W"], changes: Changes) -> Float[Tensor, "N C H W"]:
    """Each picture moved; those that are to be rough, thickened and blurred; all painted, if any are."""
    grey = None if changes.paint is None else is_grey(images)
    images = warp(images, changes)
    rough = ((changes.thicken != 0) | (changes.blur != 0)).nonzero()[:, 0]
    if len(rough):
        images[rough] = blur(thicken(images[rough], changes.thicken[rough]), changes.blur[rough])
    if grey is None:
        return images
    return paint(images, torch.where(grey.view(-1, 1, 1), changes.paint[:, 1], changes.paint[:, 0]))


def warp(images: Float[Tensor, "N C H W"], changes: Changes) -> Float[Tensor, "N C H W"]:
    """An affine map a picture; what comes in from outside repeats the border."""
    if len(images) == 0:
        return images  # affine_grid refuses it
    c, cos, sin = changes, changes.angle.cos(), changes.angle.sin()
    across = [c.zoom_x * cos, c.zoom_x * (c.slant * cos - sin), c.shift_x]
    down = [c.zoom_y * sin, c.zoom_y * (c.slant * sin + cos), c.shift_y]
    theta = torch.stack(across + down, dim=1).view(-1, 2, 3).to(images.dtype)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def thicken(images: Float[Tensor, "N C H W"], amount: Float[Tensor, "N"]) -> Float[Tensor, "N C H W"]:
    """Dark strokes grow, or shrink, by a part of a pixel."""
    amount = amount.view(-1, 1, 1, 1)
    thicker = -F.max_pool2d(-images, 3, stride=1, padding=1)
    thinner = F.max_pool2d(images, 3, stride=1, padding=1)
    return images + amount.clamp(min=0) * (thicker - images) + (-amount).clamp(min=0) * (thinner - images)


def blur(images: Float[Tensor, "N C H W"], amount: Float[Tensor, "N"]) -> Float[Tensor, "N C H W"]:
    """A mix of the picture with its local averages, as a coarse scan shows it."""
    padded = F.pad(images, [2, 2, 2, 2], mode="replicate")
    soft = F.avg_pool2d(F.avg_pool2d(padded, 3, stride=1), 3, stride=1)
    return images + amount.view(-1, 1, 1, 1) * (soft - images)


def is_grey(images: Float[Tensor, "N C H W"]) -> Bool[Tensor, "N"]:
    """Which pictures have three equal channels, or but one."""
    return (images == images[:, :1]).flatten(1).all(dim=1)


def paint(images: Float[Tensor, "N C H W"], colours: Float[Tensor, "N 3 4"]) -> Float[Tensor, "N 3 H W"]:
    """Each new channel a sum of the old ones and a constant, cut off at 0 and 1."""
    colours = colours.to(images.dtype)[..., None, None]
    if images.shape[1] == 1:
        out = colours[:, :, :3].sum(dim=2) * images
    else:
        out = sum(colours[:, :, channel] * images[:, channel : channel + 1] for channel in range(3))
    return (out + colours[:, :, 3]).clamp_(0, 1)


def jitter(n: int, generator: torch.Generator) -> Float[Tensor, "N 3 4"]:
    """The light changes: saturation, contrast, how much there is of each of red, green and blue, and of all of them."""
    saturation, contrast = (uniform(n, low, high, generator).view(-1, 1, 1) for low, high in ((0.3, 1.5), (0.6, 1.3)))
    brighter = uniform(n, -0.15, 0.15, generator).view(-1, 1, 1)
    tint = 1 + _triples(n, -0.25, 0.15, generator)
    same, mean = (torch.tensor(rows, dtype=torch.float32, device="cpu") for rows in ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [LUMA]))
    colours = contrast * (saturation * same + (1 - saturation) * mean)
    constant = (0.5 * (1 - contrast) + brighter).expand(-1, 3, -1)  # a contrast around a middle grey
    return tint * torch.cat([colours, constant], dim=2)


def ink(n: int, generator: torch.Generator) -> Float[Tensor, "N 3 4"]:
    """Black becomes an ink of any colour that looks at most half as bright as white, white a light ground."""
    luma = torch.tensor(LUMA, dtype=torch.float32, device="cpu").view(1, 3, 1)
    dark, ground = _triples(n, 0, 1, generator), _triples(n, 0.75, 1, generator)
    dark = dark * (0.5 / (dark * luma).sum(dim=1, keepdim=True).clamp(min=0.5))
    return torch.cat([(ground - dark) * luma.view(1, 1, 3), dark], dim=2)


def _triples(n: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "N 3 1"]:
    """One number each for red, green and blue."""
    return uniform(3 * n, low, high, generator).view(n, 3, 1)


def _move(
    n: int, generator: torch.Generator, *, angle: float, zoom: float, stretch: float, slant: float, shift: float
) -> Changes:
    """Each amount at most so large, either way; angle: degrees."""
    size, wide = (1 + uniform(n, -most, most, generator) for most in (zoom, stretch))
    shift_x, shift_y = (uniform(n, -shift, shift, generator) for _ in range(2))
    turned = math.pi / 180 * uniform(n, -angle, angle, generator)
    slanted = uniform(n, -slant, slant, generator)
    return Changes(size * wide, size / wide, shift_x, shift_y, turned, slanted, none(n), none(n))
