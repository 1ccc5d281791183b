"""What a picture shows, measured from its pixels alone: where things are, their colour, shape, fill; which letter is on them.

Nothing here asks the scene what its objects are, or how the generator draws them. A scene is only a way to obtain pictures:
the same things on two plain grounds, or the ground without them.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import rgb_to_hsv
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, spatial

from clipmini.datasets.scenes import draw
from clipmini.datasets.scenes.words import COLOURS, PLACES, RGB, WORDS

SIDE = 160
# In sides of the picture: how far a bold rim goes beyond the thing that it surrounds, how wide the rim of a pattern is, and
# how near to the picture's edge things come.
RIM, PATTERN_RIM, EDGE = 26 / 512, 8 / 512, 6 / 512
STEPS = np.array([RGB[c] for c in COLOURS])


@dataclass(frozen=True, eq=False)
class Thing:
    """A connected patch. mask: without holes; own: the pixels that it covers; x, y, r: its enclosing circle, in sides."""

    mask: np.ndarray
    own: np.ndarray
    picture: np.ndarray
    x: float
    y: float
    r: float
    inked: bool = False

    @classmethod
    def of(cls, mask, own, picture, inked=False) -> "Thing":
        c, r = enclosing(outer_corners(mask))
        near = ndimage.binary_dilation(mask, iterations=9) if inked else mask  # a line lies half outside
        return cls(mask, own & near, picture, *np.array([*c, r]) / len(mask), inked)

    @cached_property
    def colour(self) -> str:
        """On paper it is that of the ink."""
        found = self.picture[self.own]
        return ink_of(found) if self.inked else colour_of(found)

    @cached_property
    def shape(self) -> str:
        return shape_of(self.mask)

    @cached_property
    def size(self) -> str:
        """Radii in between do not occur."""
        return "small" if self.r < 76 / 512 else "medium" if self.r < 120 / 512 else "large"

    @cached_property
    def place(self) -> str:
        """The cell of three by three that the middle lies in; nothing lies near the lines between them."""
        column, row = (int(v > 184 / 512) + int(v > 328 / 512) for v in (self.x, self.y))
        return PLACES[3 * row + column]


def pixels(scene, side=SIDE) -> np.ndarray:
    """(side, side, 3) integers: the scene in full light, without noise."""
    return np.asarray(draw(scene._replace(noise=0, gain=256), side)).astype(int)


def ground(scene, side=SIDE) -> np.ndarray:
    """The same picture without its things."""
    return pixels(scene._replace(objects=(), action=None, word=""), side)


def matte(scene, side=SIDE) -> np.ndarray:
    """How much of each pixel is covered, 0 to 1: what does not change with the ground is a thing."""
    light, dark = (pixels(scene._replace(background="plain", tints=(t, t)), side) for t in ("paper", "night"))
    full = np.abs(np.subtract(WORDS["tints"]["paper"], WORDS["tints"]["night"])).sum()
    return 1 - np.abs(light - dark).sum(2) / full


def things(scene, side=SIDE) -> list[Thing]:
    """All patches of a still, from left to right."""
    picture = pixels(scene, side)
    solid, own = SILHOUETTES.get(scene.style, _painted)(scene, picture)
    labels, n = ndimage.label(solid, np.ones((3, 3)))
    patches = [p for p in (labels == i for i in range(1, n + 1)) if p.sum() > 20]  # a sharp tip may leave a speck
    found = [Thing.of(patch, own, picture, scene.style in ON_PAPER) for patch in patches]
    return sorted(found, key=lambda t: t.x)


def lone_thing(scene, side=SIDE) -> Thing | None:
    """The only thing of a picture, drawn so large that its shape can be measured; None if there are several."""
    found = things(scene, side)
    if found and found[0].r * side < 24:
        found = things(scene, 2 * side)
    return found[0] if len(found) == 1 else None


def _painted(scene, picture):
    cover = matte(scene, len(picture))
    return ndimage.binary_fill_holes(cover > 0.5), cover > 0.995


def _rimmed(scene, picture):
    """Without the rim, which lies half outside."""
    side = len(picture)
    cover = matte(scene, side) > 0.995 if scene.style == "cartoon" else _apart(picture, ground(scene, side)) >= 30
    whole = ndimage.binary_fill_holes(cover)
    solid = depth(whole, RIM - EDGE) > RIM * side
    edge = whole & ~ndimage.binary_erosion(whole, iterations=2)
    like_edge = np.abs(picture - np.median(picture[edge], 0)).sum(2) < 60
    rim = ndimage.binary_dilation(ndimage.binary_propagation(edge, mask=like_edge | edge))
    own = ndimage.binary_erosion(cover) & solid
    return solid, own & ~rim if (own & ~rim).sum() > 0.6 * own.sum() else own  # black within black


def _sketched(scene, picture):
    """Within the line, which lies half outside."""
    line = _on_paper(picture) >= 60
    solid = depth(ndimage.binary_fill_holes(line), RIM / 2 - EDGE) > RIM / 2 * len(picture)
    return solid, _inked(line, picture)


def _engraved(scene, picture):
    """The spaces between the cuts are closed."""
    cuts = _on_paper(picture) >= 60
    grow = round(0.016 * len(picture))
    padded = np.pad(cuts, 2 * grow)
    far = ndimage.distance_transform_edt(~padded) > grow
    solid = ndimage.distance_transform_edt(~far)[2 * grow : -2 * grow, 2 * grow : -2 * grow] > grow
    return ndimage.binary_fill_holes(solid), _inked(cuts, picture)


def _apart(picture, other) -> np.ndarray:
    """How far two pictures, or a picture and a colour, are apart, summed over red, green and blue."""
    return np.abs(picture - other).sum(2)


def _on_paper(picture) -> np.ndarray:
    """How far each pixel is from the paper: the colour of most of the picture's edge."""
    return _apart(picture, np.median(np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]), axis=0))


def _inked(mask, picture):
    """Of pixels on paper, the half that differs most from it: not the blurred edges."""
    far = _on_paper(picture)
    return mask & (far >= np.median(far[mask]))


ON_PAPER = ("sketch", "engraving")
SILHOUETTES = {"cartoon": _rimmed, "photograph": _rimmed, "sketch": _sketched, "engraving": _engraved}


def outer_corners(mask) -> np.ndarray:
    """The corners of the convex hull, (n, 2)."""
    y, x = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    points = np.stack([x, y], 1).astype(float)
    return points[spatial.ConvexHull(points).vertices]


def enclosing(points) -> tuple[np.ndarray, float]:
    """The smallest circle around points: a step towards the farthest one, ever shorter."""
    z = points @ np.array([1, 1j])
    c = z.mean()
    for i in range(2, 200):
        c += (z[np.abs(z - c).argmax()] - c) / i
    return np.array([c.real, c.imag]), np.abs(z - c).max() + 0.5


def moments(mask) -> dict[str, float]:
    """What does not depend on where a shape is, how large, or how it is turned.

    folds: the n of its strongest n-fold symmetry; wave: how strong. round: shorter to longer axis. off: from its centre of
    mass to that of its circle. full, solid, boxed: how much it fills of its circle, of its hull, of the box along its axes.
    """
    hull = outer_corners(mask)
    c, r = enclosing(hull)
    y, x = np.nonzero(mask)
    z = (x - x.mean() + 1j * (y - y.mean())) / r
    waves = {k: np.abs((np.abs(z) * np.exp(1j * k * np.angle(z))).sum()) / np.abs(z).sum() for k in range(3, 7)}
    (short, long), axes = np.linalg.eigh(np.cov(z.real, z.imag))
    box = np.prod(np.ptp(hull @ axes, axis=0) + 1)
    return {
        "folds": max(waves, key=waves.get),
        "wave": max(waves.values()),
        "round": np.sqrt(short / long),
        "off": abs(x.mean() + 1j * y.mean() - complex(*c)) / r,
        "full": mask.sum() / (np.pi * r * r),
        "solid": mask.sum() / _area(hull),
        "boxed": mask.sum() / box,
    }


def shape_of(mask) -> str:
    """A shape by its symmetry, its roundness, and how much of its hull and of its circle it fills."""
    m = moments(mask)
    if m["off"] > 0.15 and m["solid"] < 0.8:
        return "crescent"
    if m["off"] > 0.08 and m["solid"] > 0.9 and m["round"] > 0.6:
        return "drop"
    if m["round"] > 0.87:
        if m["wave"] < 0.055:
            return "circle"
        convex = m["solid"] > 0.85
        names = {3: "triangle", 4: "square" if convex else "cross"}
        names |= {5: "pentagon", 6: "hexagon"} if convex else {5: "five-pointed star", 6: "six-pointed star"}
        return names[m["folds"]]
    if m["full"] < 0.35 and m["solid"] < 0.9:
        return "bolt"
    if m["solid"] < 0.86:
        return "arrow"
    if m["round"] > 0.72:
        return "heart"
    return "rectangle" if m["boxed"] > 0.86 else "ellipse" if m["boxed"] > 0.68 else "diamond"


def _area(points) -> float:
    x, y = points.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def colour_of(found) -> str:
    """Of (n, 3) pixels, the palette's colour at either end of their range; the other end is a pattern's second colour."""
    spread = found - found.mean(0)
    along = spread @ np.linalg.svd(spread.T @ spread)[0][:, 0]
    low, high = np.quantile(along, (0.01, 0.99))
    ends = np.array([np.median(found[along <= low], 0), np.median(found[along >= high], 0)])
    strange = [_no_tone(ends[0], ends[1]), _no_tone(ends[1], ends[0])]
    far = np.abs(ends[:, None] - STEPS).max(2) + np.array(strange)[:, None]
    return COLOURS[far.min(0).argmin()]


def _no_tone(colour, other) -> float:
    """How far another colour is from being this one mixed with black or with white."""
    pairs = [(colour, other), (255 - colour, 255 - other)]
    return min(np.abs(b - a * min((a @ b) / max(a @ a, 1), 1)).max() for a, b in pairs)


def ink_of(found) -> str:
    """Light colours are drawn darker on paper: of (n, 3) pixels, the palette's colour of the same hue."""
    red, green, blue = np.median(found, 0) / 255
    near = [_hue_apart(rgb_to_hsv((red, green, blue)), rgb_to_hsv(rgb / 255)) for rgb in STEPS]
    return COLOURS[int(np.argmin(near))]


def _hue_apart(a, b) -> float:
    """How unlike two colours are, if brightness counts little; greys are like greys only."""
    vivid = [c[1] * c[2] > 0.15 for c in (a, b)]
    if vivid[0] != vivid[1]:
        return 9
    turn = abs(a[0] - b[0])
    return abs(np.log((a[2] + 0.02) / (b[2] + 0.02))) + vivid[0] * 12 * min(turn, 1 - turn)


def fill_of(found: Thing) -> str:
    """A fill by its colours, and by the directions in which they change."""
    inside = depth(found.own) > PATTERN_RIM * len(found.mask) + 2
    if (found.mask & ~ndimage.binary_dilation(found.own)).sum() > 0.03 * found.mask.sum():
        return "outlined"
    light = found.picture.sum(2).astype(float)
    low, high = np.quantile(light[found.own], (0.02, 0.98))
    if high - low < 20:
        return "solid"
    y, x = np.gradient(ndimage.gaussian_filter(light, 1))
    edge = (x + 1j * y)[inside]
    if np.abs(edge).max() < 0.1 * (high - low):  # nowhere a sudden change
        return "gradient"
    two, four = (abs((np.abs(edge) * np.exp(1j * k * np.angle(edge))).sum()) / np.abs(edge).sum() for k in (2, 4))
    return "striped" if two > 0.95 else "hatched" if four > 0.5 else "dotted"


def depth(mask, edge=0.0) -> np.ndarray:
    """How far each pixel lies within a mask. edge: how far, in sides, a mask cut off by the picture's edge would go on."""
    beyond = round(edge * len(mask))
    whole = np.pad(np.pad(mask, beyond, mode="edge"), 1)
    return ndimage.distance_transform_edt(whole)[beyond + 1 :, beyond + 1 :][: len(mask), : len(mask)]


@cache
def written(text: str, font: str) -> tuple[np.ndarray, float]:
    """A text in a box of its own size, squeezed into a square, and the box's width to height."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", font)
    image = Image.new("L", (100 * len(text) + 100, 160))
    ImageDraw.Draw(image).text((20, 20), text, fill=255, font=ImageFont.truetype(str(path), 80))
    return squeezed(np.asarray(image) > 127)


def squeezed(mask) -> tuple[np.ndarray, float]:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    square = Image.fromarray(box.astype(np.uint8) * 255).resize((48, 48), Image.Resampling.BOX)
    return np.asarray(square) / 255, box.shape[1] / box.shape[0]


def read(mask, texts, font: str, proportions=1.0) -> str:
    """The text that a mask resembles most. proportions: the weight of the box's width to height."""
    seen, ratio = squeezed(mask)

    def unlike(text):
        drawn, other = written(text, font)
        return np.abs(seen - drawn).mean() + proportions * 0.2 * abs(np.log(ratio / other))

    return min(texts, key=unlike)


def on_it(found: Thing) -> np.ndarray:
    """The pixels of what is written on a thing: those unlike its rim."""
    body = np.median(found.picture[found.own & ~ndimage.binary_erosion(found.own, iterations=2)], axis=0)
    apart = np.abs(found.picture - body).sum(2) * found.own
    return apart > apart.max() / 2


def on_plate(scene, side=2 * SIDE) -> np.ndarray:
    """The pixels of what is written along the lower edge."""
    plate = pixels(scene, side)[side - side // 4 + 4 :].sum(2)
    return plate < 380


def background_of(scene, side=4 * SIDE // 5) -> str:
    """A ground by its colours: one; ever changing; two in equal parts; one, with crumbs."""
    found = ground(scene._replace(style="paint"), side)
    _, counts = np.unique(found.reshape(-1, 3), axis=0, return_counts=True)
    share = np.sort(counts)[::-1] / side**2
    if len(share) == 1:
        return "plain"
    if share[0] > 0.85:
        return "cluttered"
    along = any(np.ptp(found, axis=a).max() == 0 for a in (0, 1))
    return "gradient" if along and share[0] < 0.2 else "textured"
