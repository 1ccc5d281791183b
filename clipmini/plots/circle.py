"""Pairs on a circle: two-dimensional embeddings, and where they are pushed."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import ArrayLike

from clipmini.plots.inputs import as_array, as_picture, check_count
from clipmini.plots.style import BLUE, GREY, ORANGE


def plot_circle(ax: Axes, texts: ArrayLike, images: ArrayLike, pictures: Sequence, *,
                text_moves: ArrayLike | None = None, image_moves: ArrayLike | None = None) -> Axes:
    """Draw pairs of unit vectors in the plane: pictures outside the circle, names inside by number, a line between partners.

    Args:
        texts, images: (N,), angles in radians.
        pictures: N pictures, each (3, H, W), (H, W, 3) or (H, W).
        text_moves, image_moves: (N,), changes of angle in radians, drawn as arrows from where each vector points; none
            where the change is below two degrees.
    Raises:
        ValueError: if the counts differ.
    """
    texts, images = as_array(texts), as_array(images)
    check_count("images", images, len(texts), "one for each text")
    check_count("pictures", pictures, len(texts), "one for each text")
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color=GREY, linewidth=1))
    for i, picture in enumerate(pictures):
        outer, inner = _already_near(images, i), _already_near(texts, i)  # what shares a place is stacked
        start, end = _on_circle(texts[i], 0.86), _on_circle(images[i], 1)
        ax.plot(*zip(start, end, strict=True), color=GREY, linewidth=1, zorder=1)
        ax.add_artist(AnnotationBbox(OffsetImage(as_picture(picture), zoom=0.45), _on_circle(images[i], 1.22 + 0.55 * outer),
                                     pad=0.1, bboxprops={"edgecolor": BLUE, "linewidth": 1}))
        ax.annotate(str(i + 1), _on_circle(images[i], 1.48 + 0.55 * outer), ha="center", va="center", color=BLUE,
                    fontsize="small")
        ax.annotate(str(i + 1), _on_circle(texts[i], 0.79 - 0.19 * inner), ha="center", va="center", color="white",
                    fontsize="small", zorder=3, bbox={"boxstyle": "circle,pad=0.15", "color": ORANGE})
    for angles, moves, radius, color in ((texts, text_moves, 0.94, ORANGE), (images, image_moves, 1.06, BLUE)):
        moves = np.zeros(len(texts)) if moves is None else as_array(moves)
        check_count("moves", moves, len(texts), "one for each vector")
        for angle, move in zip(angles, moves, strict=True):
            if abs(move) > np.radians(2):
                ax.annotate("", _on_circle(angle + move, radius), _on_circle(angle, radius), zorder=4,
                            arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0})
    edge = 1.6 + 0.5 * any(_already_near(images, i) for i in range(len(images)))
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    ax.set_axis_off()
    return ax


def _already_near(angles: np.ndarray, i: int) -> int:
    """How many earlier angles are within six degrees of angle i."""
    return int((np.cos(angles[:i] - angles[i]) > np.cos(np.radians(6))).sum())


def _on_circle(angle: float, radius: float) -> tuple[float, float]:
    return radius * np.cos(angle), radius * np.sin(angle)
