"""Colours that follow from other colours."""

from clipmini.datasets.scenes.words import distance

PAPER, DARK_PAPER, INK = (250, 248, 242), (70, 80, 96), (24, 24, 28)
ON_PAPER = 200  # least distance of a line from the paper that it is drawn on
RGB = tuple[int, int, int]


def pale(rgb: RGB) -> RGB:
    """The second colour of a pattern: paler, or darker where the first is pale itself."""
    if sum(rgb) > 480:
        return tuple(v * 4 // 10 for v in rgb)
    return tuple(255 - (255 - v) * 3 // 10 for v in rgb)


def on_paper(rgb: RGB, paper: RGB) -> RGB:
    """The colour itself, or a darker or lighter one where it would not show on this paper."""
    if distance(rgb, paper) >= ON_PAPER:
        return rgb
    return shade(rgb, 3) if paper == PAPER else tuple(255 - (255 - v) * 5 // 8 for v in rgb)


def shade(rgb: RGB, steps: int = 1) -> RGB:
    """A little darker, or lighter where it is dark."""
    return tuple(v * (8 - steps) // 8 for v in rgb) if sum(rgb) > 300 else tuple(v + 20 * steps for v in rgb)
