"""Figures made of pictures."""

import textwrap
from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from clipmini.plots.inputs import as_array, as_picture, check_count, check_list
from clipmini.plots.style import BLUE, INK, TITLE_WIDTH


def plot_images(axes: Axes | np.ndarray, images: Sequence, titles: Sequence[str] | None = None) -> np.ndarray:
    """Show pictures side by side, one on each axes, without ticks or frames; left-over axes are blanked.

    Args:
        axes: at least N axes, in any arrangement (what `plt.subplots` returns).
        images: N pictures, each (3, H, W), (H, W, 3) or (H, W), uint8 or floats in 0..1.
        titles: N strings for above the pictures.
    Returns:
        the axes, flattened to (A,).
    Raises:
        ValueError: if there are fewer axes than pictures, or titles do not match, or a picture has another shape.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    if len(images) > len(axes):
        raise ValueError(f"{len(images)} images need as many axes; got {len(axes)}")
    check_count("titles", titles, len(images), "one for each image")
    for ax in axes:
        ax.set_axis_off()
    for ax, image, title in zip(axes, images, [""] * len(images) if titles is None else titles, strict=False):
        ax.imshow(as_picture(image))
        ax.set_title(textwrap.fill(title, TITLE_WIDTH), loc="center", fontsize="medium", fontweight="normal", pad=4)
    return axes


def plot_answers(ax: Axes, image: ArrayLike, truth: str, answers: Sequence[str], right: Collection[str] = ()) -> Axes:
    """Draw a picture and, beside it, its name and what a model called it, best first; right answers are bold and ticked.

    Args:
        image: (3, H, W), (H, W, 3) or (H, W).
        truth: its name.
        answers: texts, best first.
        right: all texts that are right.
    Raises:
        ValueError: if answers or right is one text.
    """
    check_list("answers", answers)
    check_list("right", right)
    ax.imshow(as_picture(image), extent=(0, 1, 0, 1))
    ax.set(xlim=(0, 6), ylim=(0, 1))
    ax.set_axis_off()
    lines = [(truth, INK, "bold")]
    for answer in answers:
        ticked = answer in right
        lines.append((f"{'✓' if ticked else '·'} {answer}", BLUE if ticked else INK, "bold" if ticked else "normal"))
    for i, (line, color, weight) in enumerate(lines):
        ax.text(1.15, 1 - (i + 0.5) / len(lines), line, va="center", fontsize="medium", weight=weight, color=color)
    return ax


def plot_map(ax: Axes, image: ArrayLike, weights: ArrayLike, *, vmax: float | None = None) -> Axes:
    """Draw a picture and, over it, how much is taken from each of its cells: the more, the bluer.

    Args:
        image: (3, H, W), (H, W, 3) or (H, W), uint8 or floats in 0..1.
        weights: (h, w), not negative, one for each cell of the picture.
        vmax: the weight that is drawn darkest; the largest where None.
    Raises:
        ValueError: if the weights are not a grid, or one is negative.
    """
    weights, image = as_array(weights), as_picture(image)
    if weights.ndim != 2 or weights.size == 0 or weights.min() < 0:
        raise ValueError(f"weights must be a grid (h, w) of numbers that are not negative; got shape {weights.shape}")
    extent = (0, 1, 1, 0)
    ax.imshow(image, extent=extent)
    ax.imshow(weights, extent=extent, vmin=0, vmax=vmax, alpha=0.75, interpolation="nearest")
    ax.set(xlim=(0, 1), ylim=(1, 0))
    ax.set_axis_off()
    return ax
