"""Worlds: how often each thing happens. A world and a seed decide every byte."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import NamedTuple

from clipmini.datasets.scenes.motion import TWO_SIDED
from clipmini.datasets.scenes.scene import UNIT
from clipmini.datasets.scenes.words import ACTIONS, BACKGROUNDS, FILLS, MAX_OBJECTS

LAYOUTS = ("scattered", "inside", "between")
STYLES = ("paint", "sketch", "engraving", "cartoon", "mosaic", "photograph", "serif")
# Light and noise are computed in 16 bits, which hold no more; from frame to frame of a film the light changes by 5.
GAINS, NOISES = (16, 510), (0, 255)

Weights = tuple[tuple[str | int, float], ...]


def weights(**values: float) -> Weights:
    """A table of weights that cannot change: (name, weight) pairs."""
    return tuple(values.items())


def equal(names) -> Weights:
    return tuple((name, 1) for name in names)


class Radii(NamedTuple):
    """The radius of each size, from..to, in 1/16 of the 32nd part of the side."""

    small: tuple[int, int]
    medium: tuple[int, int]
    large: tuple[int, int]


def _check_weights(name: str, table: Weights, choices: Sequence) -> None:
    if not isinstance(table, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in table):
        raise ValueError(f"{name} are weights, a tuple of (name, weight) pairs as weights(...) makes them, got {table!r}")
    for key, weight in table:
        if key not in choices or type(key) is not type(choices[0]):  # 2.0 is no count
            raise ValueError(f"unknown entry of {name}: {key!r}; choose from: {', '.join(map(str, choices))}")
        if not isinstance(weight, Real) or not 0 <= weight < float("inf"):
            raise ValueError(f"{name}: a weight is a number and must not be negative, got {weight!r} for {key!r}")
    if sum(weight for _, weight in table) <= 0:
        raise ValueError(f"{name}: at least one weight must be positive, got {dict(table)}")


def _check_range(name: str, values: tuple[int, int], allowed: tuple[int, int]) -> None:
    whole = isinstance(values, tuple) and len(values) == 2 and all(isinstance(v, int) for v in values)
    if not whole or not allowed[0] <= values[0] <= values[1] <= allowed[1]:
        raise ValueError(f"{name} goes from..to, two whole numbers that rise within {allowed[0]}..{allowed[1]}, got {values!r}")


def _check_chance(name: str, chance: float) -> None:
    if not isinstance(chance, Real) or not 0 <= chance <= 1:
        raise ValueError(f"{name} is a chance between 0 and 1, got {chance!r}")


@dataclass(frozen=True, kw_only=True)
class CaptionNoise:
    """How often a caption fails as the web's captions do: chances in 0..1.

    omit: an object is left out; wrong: a word is wrong; alt_text, file_name: noise around or in place of a sentence;
    foreign: a word of another language; unrelated: the caption of another picture.
    """

    omit: float = 0.25
    wrong: float = 0.03
    alt_text: float = 0.06
    file_name: float = 0.02
    foreign: float = 0.03
    unrelated: float = 0.01

    def __post_init__(self):
        for name, chance in vars(self).items():
            _check_chance(name, chance)


NO_CAPTION_NOISE = CaptionNoise(omit=0, wrong=0, alt_text=0, file_name=0, foreign=0, unrelated=0)


@dataclass(frozen=True, kw_only=True)
class World:
    """The distribution that scenes and captions are drawn from.

    counts: weights of 1, 2, ... objects. layouts, fills, backgrounds, styles, actions: weights by name.
    sizes: the radius of each. tilt: degrees to either side.
    jitter: of each colour channel, to either side. gain: light from..to, 256 is neutral; noise: amplitude from..to, of 255.
    overlap: chance that objects may cover each other. glyph: that a large object with room for a letter carries one.
    word, action: that a word is written, that something happens. caption_noise: how often captions fail.
    """

    counts: Weights = tuple(enumerate((40, 27, 14, 9, 6, 4), 1))
    layouts: Weights = weights(scattered=86, inside=8, between=6)
    fills: Weights = weights(solid=50, outlined=10, striped=10, dotted=10, hatched=10, gradient=10)
    backgrounds: Weights = equal(BACKGROUNDS)
    styles: Weights = weights(paint=1)
    actions: Weights = tuple((name, 2 if name in TWO_SIDED else 1) for name in ACTIONS)
    sizes: Radii = Radii(small=(52, 68), medium=(92, 116), large=(136, 180))
    tilt: int = 20
    jitter: int = 10
    gain: tuple[int, int] = (216, 276)
    noise: tuple[int, int] = (0, 10)
    overlap: float = 0.25
    glyph: float = 0.8
    word: float = 0.05
    action: float = 0.12
    caption_noise: CaptionNoise = CaptionNoise()

    def __post_init__(self):
        known = {
            "counts": range(1, MAX_OBJECTS + 1), "layouts": LAYOUTS, "fills": FILLS,
            "backgrounds": BACKGROUNDS, "styles": STYLES, "actions": ACTIONS,
        }
        for name, choices in known.items():
            _check_weights(name, getattr(self, name), choices)
        if not isinstance(self.sizes, Radii) or not isinstance(self.caption_noise, CaptionNoise):
            got = f"{type(self.sizes).__name__} and {type(self.caption_noise).__name__}"
            raise ValueError(f"sizes are Radii and caption_noise is a CaptionNoise, got {got}")
        for size, radii in self.sizes._asdict().items():
            _check_range(f"the radius of {size}", radii, (UNIT, 14 * UNIT))
        _check_range("gain", self.gain, GAINS)
        _check_range("noise", self.noise, NOISES)
        _check_range("tilt, to either side,", (0, self.tilt), (0, 180))
        _check_range("jitter, to either side,", (0, self.jitter), (0, 255))
        for name in ("overlap", "glyph", "word", "action"):
            _check_chance(name, getattr(self, name))


REFERENCE = World()
# Collected anew by another hand: meant to match, and never quite the same.
V2 = replace(
    REFERENCE,
    sizes=Radii(small=(46, 64), medium=(84, 112), large=(128, 184)),
    fills=weights(solid=36, outlined=14, striped=12, dotted=12, hatched=14, gradient=12),
    backgrounds=weights(plain=15, gradient=20, textured=30, cluttered=35),
    tilt=30,
    jitter=22,
    gain=(180, 300),
    noise=(4, 20),
)
# Outlines on paper.
SKETCH = replace(REFERENCE, styles=weights(sketch=1), action=0, noise=(0, 4), gain=(246, 262))
# Renditions: engraved, in bold black lines, or laid in mosaic.
RENDITION = replace(REFERENCE, styles=weights(engraving=1, cartoon=1, mosaic=1), action=0)
# Seen from odd angles, too near or too far, in messy rooms.
ODD = replace(
    REFERENCE,
    sizes=Radii(small=(36, 46), medium=(110, 130), large=(184, 208)),
    backgrounds=weights(textured=1, cluttered=2),
    tilt=180,
)
# Anything goes: where the adversarial examples are looked for.
WILD = replace(V2, tilt=60, sizes=Radii(small=(40, 60), medium=(76, 120), large=(126, 196)))
# On photographs; with letters of another font.
PHOTOGRAPH = replace(REFERENCE, styles=weights(photograph=1), action=0)
SERIF = replace(REFERENCE, styles=weights(serif=1))
# Cheap cameras: dim, noisy.
VIDEO = replace(REFERENCE, gain=(200, 280), noise=(6, 16))

WORLDS = {
    "reference": REFERENCE,
    "v2": V2,
    "sketch": SKETCH,
    "rendition": RENDITION,
    "odd": ODD,
    "wild": WILD,
    "photograph": PHOTOGRAPH,
    "serif": SERIF,
    "video": VIDEO,
}
