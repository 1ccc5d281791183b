"""What lies behind the objects: plain, shaded, patterned, strewn with crumbs, or a photograph."""

from functools import lru_cache

from PIL import Image, ImageDraw

from clipmini.datasets.scenes.inks import DARK_PAPER, PAPER, RGB, shade
from clipmini.datasets.scenes.patterns import pattern, shaded
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import SIDE, Scene
from clipmini.datasets.scenes.words import TINTS


def ground(scene: Scene, side: int) -> Image.Image:
    """An empty canvas of `side` pixels."""
    if scene.style in ("sketch", "engraving"):
        return Image.new("RGB", (side, side), paper(scene))
    if scene.style == "photograph":
        return _photograph(scene, side)
    first, second = scene.tints
    if scene.background == "plain":
        return Image.new("RGB", (side, side), TINTS[first])
    if scene.background == "gradient":
        ends = TINTS[first], TINTS[second] if second != first else shade(TINTS[first])
        return shaded((side, side), *ends, scene.seed % 4)
    kind = "crumbs" if scene.background == "cluttered" else ("checks", "weave")[scene.seed % 2]
    tile = _tile(kind, first, side)
    room = tile.width - side
    left, top = scene.seed // 2 % room, scene.seed // 1009 % room
    return tile.crop((left, top, left + side, top + side))


def paper(scene: Scene) -> RGB:
    """What is drawn and engraved on: light, or dark if something white is to be seen on it."""
    return DARK_PAPER if any(o.colour == "white" for o in scene.objects) else PAPER


def _photograph(scene: Scene, side: int) -> Image.Image:
    """A square cut from one of scikit-learn's two photographs, flattened in contrast so that objects stand out."""
    photo = _photos()[scene.seed % 2]
    n = 96 + scene.seed // 2 % 160
    left, top = scene.seed // 320 % (photo.width - n), scene.seed // 640 % (photo.height - n)
    return photo.resize((side, side), Image.Resampling.BOX, (left, top, left + n, top + n))


@lru_cache(maxsize=1)
def _photos() -> list[Image.Image]:
    from sklearn.datasets import load_sample_images  # takes a second to import

    return [Image.fromarray(photo // 2 + 64) for photo in load_sample_images().images]


@lru_cache(maxsize=36)
def _tile(kind: str, tint: str, side: int) -> Image.Image:
    """A patterned ground, half as large again as the canvas: every scene cuts its own piece."""
    size, ground = side * 3 // 2, TINTS[tint]
    tile = Image.new("RGB", (size, size), ground)
    if kind == "crumbs":
        _strew(ImageDraw.Draw(tile), Rng(kind, tint), ground, side, size)
    else:
        tile.paste(shade(ground), mask=pattern(kind, side, size))
    return tile


def _strew(brush: ImageDraw.ImageDraw, rng: Rng, ground: tuple, side: int, size: int) -> None:
    """Crumbs too small and too faint to count as objects."""
    for _ in range(90):
        x, y, w, h = rng.below(size), rng.below(size), rng.between(6, 22), rng.between(6, 22)
        box = (x, y, x + w * side // SIDE, y + h * side // SIDE)
        (brush.ellipse if rng.chance(0.5) else brush.rectangle)(box, fill=shade(ground, rng.between(1, 3)))
