"""Scenes to pixels: Pillow draws four times too large without smoothing, and averages. Integers all the way."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_256
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from clipmini.datasets.scenes.grounds import ground, paper
from clipmini.datasets.scenes.inks import INK, PAPER, RGB, on_paper, pale
from clipmini.datasets.scenes.motion import frame
from clipmini.datasets.scenes.outlines import ONE, outline
from clipmini.datasets.scenes.patterns import pattern, shaded
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import SIDE, UNIT, Object, Scene

SUPER = 4  # canvas pixels to a pixel
FONT, SERIF_FONT = "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf"
STROKE, FINEST, RIM = 26, 14, 8  # of an outline, the finest outline, the rim of a pattern; in 1/16 of the 32nd part of the side


def draw(scene: Scene, resolution: int) -> Image.Image:
    """The scene in full light and without noise, (resolution, resolution) RGB. An action is one long exposure."""
    side = SUPER * resolution
    canvas = ground(scene, side)
    brush = ImageDraw.Draw(canvas)
    action = scene.action.name if scene.action else ""
    if action and action != "growing":
        _past(canvas, brush, scene, side)
    for o in reversed(scene.objects):  # the first object lies on top
        _object(canvas, brush, o, scene, side, 130 if action == "blinking" else 255)
    if action == "growing":  # what it was lies within what it is
        _past(canvas, brush, scene, side, within=True)
    if scene.word:
        _plate(canvas, scene, side)
    if scene.style == "mosaic":
        return canvas.reduce(2 * SUPER).resize((resolution, resolution), Image.Resampling.NEAREST)
    return canvas.reduce(SUPER)


def expose(pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> np.ndarray:
    """Light and noise added to drawn scenes: (N, 3, H, W) uint8."""
    side = pictures[0].height
    raw = np.frombuffer(b"".join(p.tobytes() for p in pictures), np.uint8).reshape(-1, side * side, 3)
    light, grain, size = raw.transpose(0, 2, 1).astype(np.int16, order="C"), _grain(), 3 * side * side
    for picture, scene in zip(light.reshape(-1, size), scenes, strict=True):
        start = (scene.seed + 7919 * scene.gain) % (len(grain) - size)
        picture *= scene.gain >> 1  # half, so that 255 * 138 >> 7 stays within 16 bits, as unsigned numbers
        picture.view(np.uint16)[...] >>= 7
        picture += scene.noise * grain[start : start + size] >> 7
    return light.clip(0, 255).astype(np.uint8).reshape(-1, 3, side, side)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """Triangular noise in -127..127, from a hash function and so the same everywhere."""
    bytes_ = np.frombuffer(shake_256(b"grain").digest(1 << 21), np.uint8).astype(np.int16)
    return (bytes_[::2] + bytes_[1::2] - 255) >> 1


def _past(canvas: Image.Image, brush: ImageDraw.ImageDraw, scene: Scene, side: int, within: bool = False) -> None:
    """Where the acting objects were, the fainter the longer ago."""
    last = scene.action.frames - 1
    for t in reversed(range(last)) if within else range(last):
        for was, o in zip(frame(scene, t), scene.objects, strict=False):
            if was != o:
                was = was._replace(rgb=pale(was.rgb)) if within else was
                _object(canvas, brush, was, scene, side, 30 + 100 * (t + 1) // last)


def _object(canvas, brush, o: Object, scene: Scene, side: int, alpha: int = 255) -> None:
    """One object; alpha: 0..255, how much of it covers what lies below."""
    points, fill = _points(o, side), o.fill
    if scene.style == "sketch":
        return _sketch(brush, o, points, scene, side)
    if scene.style == "engraving":
        o, fill = o._replace(rgb=on_paper(o.rgb, paper(scene))), "engraved"
    elif scene.style in ("cartoon", "photograph"):  # in bold ink, or cut out of paper with a rim
        rim = INK if scene.style == "cartoon" or sum(o.rgb) > 690 else PAPER
        brush.line(points + points[:4], fill=rim, width=2 * STROKE * side // SIDE, joint="curve")
    if fill == "solid" and alpha == 255:
        brush.polygon(points, fill=o.rgb)
    else:
        _filled(canvas, o, fill, points, side, alpha, paper(scene))
    if o.glyph and alpha == 255:
        mask = _letter(o.glyph, o.r * side // SIDE, SERIF_FONT if scene.style == "serif" else FONT)
        x, y = o.x * side // SIDE - mask.width // 2, o.y * side // SIDE - mask.height // 2
        canvas.paste(INK if sum(o.rgb) > 380 else PAPER, (x, y), mask)


def _points(o: Object, side: int) -> list[int]:
    """The corners on the canvas: x, y, x, y, ..."""
    r, unit = o.r, SIDE * ONE
    x, y = o.x * ONE, o.y * ONE
    return [v for u, w in outline(o.shape, o.angle) for v in ((x + r * u) * side // unit, (y + r * w) * side // unit)]


def _filled(canvas, o: Object, fill: str, points: list[int], side: int, alpha: int, sheet: RGB) -> None:
    """Any fill but solid, within the object's box; sheet: the paper that shows through an engraving."""
    r = o.r * side // SIDE + 1
    left, top = o.x * side // SIDE - r, o.y * side // SIDE - r
    local = [v - (top if i % 2 else left) for i, v in enumerate(points)]
    mask = Image.new("1", (2 * r + 1, 2 * r + 1))
    ImageDraw.Draw(mask).polygon(local, fill=1)
    below = canvas.crop((left, top, left + mask.width, top + mask.height)) if alpha < 255 else None
    if fill == "gradient":
        x, y, right, bottom = box = min(local[::2]), min(local[1::2]), max(local[::2]) + 1, max(local[1::2]) + 1
        shades = shaded((right - x, bottom - y), o.rgb, pale(o.rgb), o.texture % 4, still=85)
        canvas.paste(shades, (left + x, top + y), mask.crop(box))
    elif fill == "outlined":
        width = min(STROKE, max(o.r // 5, FINEST))
        canvas.paste(o.rgb, (left, top), ImageChops.logical_and(mask, _edge(local, mask.size, width, side, joint="curve")))
    else:
        canvas.paste(o.rgb, (left, top), mask)
    if fill in ("striped", "dotted", "hatched", "engraved"):  # within a rim of the first colour
        rim = ImageChops.logical_and(mask, _edge(local, mask.size, RIM, side))
        inner = ImageChops.logical_xor(mask, rim)
        second = sheet if fill == "engraved" else pale(o.rgb)
        canvas.paste(second, (left, top), ImageChops.logical_and(inner, _cut(fill, o.texture, mask.size, side)))
    if below:
        canvas.paste(below, (left, top), Image.new("L", mask.size, 255 - alpha))


def _edge(points: list[int], size: tuple[int, int], width: int, side: int, joint: str | None = None) -> Image.Image:
    """A mask of a line along an outline: `width` of it to either side, in 1/16 of the 32nd part of the canvas."""
    mask = Image.new("1", size)
    ImageDraw.Draw(mask).line(points + points[:4], fill=1, width=2 * width * side // SIDE, joint=joint)
    return mask


def _cut(fill: str, texture: int, size: tuple[int, int], side: int) -> Image.Image:
    """A piece of a pattern; texture: where it begins, and which way stripes run."""
    x, y = (v * side // 128 % (side // 8) for v in (texture, texture // 4))
    kind = f"striped {texture % 4}" if fill == "striped" else fill
    return pattern(kind, side, side).crop((x, y, x + size[0], y + size[1]))


def _sketch(brush, o: Object, points: list[int], scene: Scene, side: int) -> None:
    """A line drawn by an unsteady hand, in the object's colour."""
    rng, wobble = Rng("sketch", scene.seed, o.x), max(side // 110, 1)
    points = [v + rng.between(-wobble, wobble) for v in points]
    brush.line(points + points[:4], fill=on_paper(o.rgb, paper(scene)), width=STROKE * side // SIDE, joint="curve")


def _plate(canvas, scene: Scene, side: int) -> None:
    """A word on a white plate along the lower edge."""
    height = 8 * UNIT * side // SIDE
    text = _letter(scene.word, height * 5 // 8, widest=side - 8)
    canvas.paste((252, 252, 252), (0, side - height, side, side))
    canvas.paste(INK, ((side - text.width) // 2, side - height + (height - text.height) // 2), text)


@lru_cache(maxsize=4096)
def _letter(text: str, half: int, font_file: str = FONT, widest: int | None = None) -> Image.Image:
    """Text about 2 * half canvas pixels high, as a mask without margins."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", font_file)
    font = ImageFont.truetype(str(path), max(half * 14 // 10, 4), layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=font)
    if widest and mask.width > widest:
        mask = mask.resize((widest, mask.height), Image.Resampling.BOX)
    return mask
