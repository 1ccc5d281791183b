"""Colours that follow from other colours."""

PAPER, INK = (250, 248, 242), (24, 24, 28)
RGB = tuple[int, int, int]


def pale(rgb: RGB) -> RGB:
    """The second colour of a pattern: paler, or darker where the first is pale itself."""
    if sum(rgb) > 480:
        return tuple(v * 4 // 10 for v in rgb)
    return tuple(255 - (255 - v) * 3 // 10 for v in rgb)


def on_paper(rgb: RGB) -> RGB:
    """The colour itself, or a darker one where it would not show on paper."""
    return rgb if sum(rgb) < 560 else shade(rgb, 2 if sum(rgb) < 720 else 4)


def shade(rgb: RGB, steps: int = 1) -> RGB:
    """A little darker, or lighter where it is dark."""
    return tuple(v * (8 - steps) // 8 for v in rgb) if sum(rgb) > 300 else tuple(v + 20 * steps for v in rgb)
