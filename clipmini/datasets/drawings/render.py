"""SVG to pixels, by resvg."""

import io

import numpy as np
from PIL import Image


class NotDrawn(ValueError):
    """An SVG that does not draw; the text says why."""


def render(svg: str, resolution: int) -> np.ndarray:
    """A drawing on white, its longer side as wide as the picture: (H, W) uint8 where it is grey all over, else (H, W, 3).

    Args: resolution: px a side.
    Raises: NotDrawn if resvg refuses it or leaves the paper white; ValueError if resvg is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise ValueError('drawing at another size needs resvg: pip install resvg_py') from None
    try:
        png = bytes(svg_to_bytes(svg_string=svg, width=resolution, height=resolution, skip_system_fonts=True))
    except ValueError as error:
        raise NotDrawn(str(error)) from error
    return _on_white(Image.open(io.BytesIO(png)), resolution)


def cut_out(png: bytes, resolution: int) -> np.ndarray:
    """What a PNG shows, without the clear margin around it, as `render` gives it.

    Raises: NotDrawn if it is no picture, one of more than 179 megapixels, or nothing of it is seen.
    """
    try:
        picture = Image.open(io.BytesIO(png)).convert("RGBA")
    except (OSError, Image.DecompressionBombError) as error:
        raise NotDrawn(str(error)) from error
    return _on_white(picture.crop(picture.getchannel("A").getbbox()), resolution)


def _on_white(picture: Image.Image, resolution: int) -> np.ndarray:
    """In the middle of a white square, as large as it fits. Raises: NotDrawn if nothing of it is seen."""
    scale = resolution / max(picture.size)
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    if picture.size != size:  # clear pixels have a colour, too, which must not bleed in: hence the premultiplied mode
        picture = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    paper = Image.new("RGBA", (resolution, resolution), "white")
    paper.alpha_composite(picture, ((resolution - picture.width) // 2, (resolution - picture.height) // 2))
    pixels = np.asarray(paper.convert("RGB"))
    if pixels.min() > 200:
        raise NotDrawn("it leaves the paper white")
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return pixels[:, :, 0] if spread.max() < 10 else pixels
