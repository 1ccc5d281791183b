"""Texts cut into tokens."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from clipmini.plots.style import BLUE, ORANGE


def plot_tokens(ax: Axes, rows: Sequence[tuple[str, Sequence[str]]]) -> Axes:
    """Draw texts cut into tokens, a row of boxes for each, with a gap where a token has its space.

    A token that is no whole character, U+FFFD as `Tokenizer.decode` gives it, is an orange box with a dot.

    Args:
        rows: what to write above each row, and its tokens as text.
    Raises:
        ValueError: if there is no row, or a row or one of its tokens is empty.
    """
    if not rows or any(not tokens or "" in tokens for _, tokens in rows):
        raise ValueError(f"expected rows of a label and at least one token, none empty; got {rows!r:.200}")
    widest = 0.0
    for row, (label, tokens) in enumerate(rows):
        ax.text(0, row - 0.42, f"{label}: {len(tokens)} token{'s' * (len(tokens) > 1)}", va="center")
        x = 0.0
        for token in tokens:
            shown, part = token.strip(), "\N{REPLACEMENT CHARACTER}" in token
            x += 0.45 * (token[0] == " " and x > 0)
            width = 1.0 if part else max(len(shown), 1)
            ax.add_patch(Rectangle((x + 0.06, row - 0.19), width - 0.12, 0.38, lw=1.3,
                                   fc="#FBE3D5" if part else "#DCEBF5", ec=ORANGE if part else BLUE))
            ax.text(x + width / 2, row, "·" if part else shown, ha="center", va="center", family="monospace")
            x += width + 0.45 * (token[-1] == " ")
        widest = max(widest, x)
    ax.set(xlim=(0, widest), ylim=(len(rows) - 0.7, -0.65))
    ax.set_axis_off()
    return ax
