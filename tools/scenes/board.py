"""A white card on which small pictures and words are put, for the figures of the pages about data sets."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from tools import ROOT

STATIC = ROOT / "book" / "_static" / "scenes"
LIMIT = 100_000  # bytes of a figure
INK, MUTED, EDGE, WRONG, OTHER = "#222222", "#5f5f5f", "#c8c8c8", "#c04000", "#0072b2"
TILE, GAP = 128, 16  # a picture on a card, and what is between two

Run = tuple[str, str]  # words and their ink


class Card:
    """A white board that grows downwards; what is put on it is measured in pixels."""

    def __init__(self, width: int):
        self.image = Image.new("RGB", (width, 3000), "white")
        self.brush = ImageDraw.Draw(self.image)
        self.bottom = 0

    def picture(self, x: int, y: int, picture: Image.Image, side: int = TILE) -> None:
        self.image.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
        if side >= TILE:  # a light picture would have no border on a white card
            self.brush.rectangle((x - 1, y - 1, x + side, y + side), outline=EDGE)
        self.bottom = max(self.bottom, y + side)

    def words(self, x: int, y: int, runs: str | Sequence[Run], width: int, size: int, ink: str = INK,
              centre: bool = True, bold: bool = False) -> int:
        """Write text or coloured runs of it, wrapped and centred; returns where the next line would begin."""
        font = font_of(size, bold)
        pieces = [(word, tint) for text, tint in ([(runs, ink)] if isinstance(runs, str) else runs) for word in text.split()]
        for line in lines(pieces, font, width):
            left = x + (width - font.getlength(" ".join(word for word, _ in line))) / 2 if centre else x
            for word, tint in line:
                self.word(left, y, word, font, tint)
                left += font.getlength(word + " ")
            y += round(size * 1.22)
        self.bottom = max(self.bottom, y)
        return y

    def word(self, x: float, y: float, word: str, font: ImageFont.FreeTypeFont, tint: str) -> None:
        self.brush.text((x, y), word, fill=tint, font=font)
        if tint in (WRONG, OTHER):  # readable without colour: struck through, or underlined
            level = y + font.size * (0.62 if tint == WRONG else 1.12)
            self.brush.line((x, level, x + font.getlength(word), level), fill=tint, width=max(font.size // 11, 2))

    def save(self, name: str, folder: Path = STATIC) -> Path:
        path, height = folder / f"{name}.png", min(self.bottom + 12, self.image.height)
        picture = self.image.crop((0, 0, self.image.width, height))
        # 256 colours, none of them far from any pixel: the usual choice of colours loses what is rare, such as one small thing.
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        picture.save(path, optimize=True)
        if path.stat().st_size > LIMIT:
            raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes, more than {LIMIT:,}: put fewer pictures on it")
        return path


@cache
def font_of(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", file)), size)


def lines(pieces: list[Run], font: ImageFont.FreeTypeFont, width: int) -> Iterator[list[Run]]:
    """The pieces in lines that are at most so wide; a piece that is wider breaks after its hyphens and underscores."""
    line: list[Run] = []
    for word, tint in pieces:
        while font.getlength(word) > width:
            n = max(i for i in range(1, len(word)) if font.getlength(word[:i]) <= width)
            n = max((word.rfind(c, 0, n) + 1 for c in "-_"), default=0) or n
            yield from [line] * bool(line)
            line, word = [(word[:n], tint)], word[n:]
            yield line
            line = []
        if line and font.getlength(" ".join(w for w, _ in [*line, (word, tint)])) > width:
            yield line
            line = []
        line = [*line, (word, tint)]
    yield line


def grid(card: Card, pictures: Sequence[Image.Image], texts: Sequence[str], columns: int, size: int = 23, top: int = 12,
         tile: int = TILE) -> int:
    """Pictures row by row, each with its text below. Returns where the next row would begin."""
    step = tile + GAP
    left = (card.image.width - columns * step) // 2
    for start in range(0, len(pictures), columns):
        bottom = top + tile
        for k, picture in enumerate(pictures[start : start + columns]):
            card.picture(left + k * step + GAP // 2, top, picture, tile)
            text = texts[start + k] if texts else ""
            if text:
                bottom = max(bottom, card.words(left + k * step + 3, top + tile + 4, text, step - 6, size))
        top = bottom + 12
    return top
