"""Figures of a matrix: a shade a cell."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from clipmini.plots.inputs import as_array, centre_square, check_count, check_list
from clipmini.plots.style import INK, LABEL_WIDTH


def plot_similarity(ax: Axes, matrix: ArrayLike, images: Sequence | None = None, texts: Sequence[str] | None = None,
                    *, annotate: bool = False, vmin: float | None = None, vmax: float | None = None) -> Axes:
    """Draw a similarity matrix as a heat map: a row for each text, a column for each image.

    The heat map is `ax.images[0]`, so `fig.colorbar(ax.images[0], ax=axes)` adds one scale for several panels.

    Args:
        matrix: (T, I), similarity of text t and image i, any unit.
        images: I pictures, each (3, H, W), (H, W, 3) or (H, W); their centre squares go above the columns.
        texts: T strings, wrapped beside the rows.
        annotate: write each value into its cell, to two decimals.
        vmin, vmax: ends of the colour scale; the data's where None.
    Raises:
        ValueError: if the matrix is not two-dimensional, or images or texts do not fit it.
    """
    matrix = as_array(matrix)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"matrix must be two-dimensional, (texts, images), and not empty; got shape {matrix.shape}")
    check_count("images", images, matrix.shape[1], "one for each column")
    check_count("texts", texts, matrix.shape[0], "one for each row")
    heat = ax.imshow(matrix, vmin=vmin, vmax=vmax, aspect="equal")
    top = -0.5
    if images is not None:
        top = -1.56  # pictures 0.94 cells wide, 0.12 above the map
        for i, image in enumerate(images):
            ax.imshow(centre_square(image), extent=(i - 0.47, i + 0.47, -0.62, top), aspect="equal")
    ax.set(xlim=(-0.5, matrix.shape[1] - 0.5), ylim=(matrix.shape[0] - 0.5, top), xticks=[])
    few = matrix.shape[0] <= 10  # more rows are too close together for a second line
    labels = [textwrap.fill(text, LABEL_WIDTH) if few else text for text in ([] if texts is None else texts)]
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if annotate:
        for (row, column), value in np.ndenumerate(matrix):
            ink = "white" if heat.norm(value) > 0.55 else INK
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
    return ax


def plot_triangle(ax: Axes, values: ArrayLike, rows: Sequence[str], columns: Sequence[str]) -> Axes:
    """Draw fractions as a table of percentages in which an exact zero is an empty cell: who hears of whom.

    Args:
        values: (R, C), fractions in 0..1, or more; shades end at the largest.
        rows, columns: R and C labels.
    Raises:
        ValueError: if the labels do not fit the values.
    """
    check_list("rows", rows)
    check_list("columns", columns)
    values = as_array(values)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"values must be ({len(rows)}, {len(columns)}), a row and a column a label; got shape {values.shape}")
    heat = ax.imshow(np.ma.masked_equal(values, 0), vmin=0, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if value:
            ink = "white" if heat.norm(value) > 0.55 else INK
            ax.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="#DDDDDD", linewidth=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_color("#DDDDDD")
    return ax
