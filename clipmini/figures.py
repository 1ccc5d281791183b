"""Figures of single chapters, in the manner of `plots`: what a tower looks at, and what a change of it does."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from clipmini.metrics import t_interval
from clipmini.plots import BLUE, GREY, INK, LABEL_WIDTH, _array, _picture, plot_curve


def plot_map(ax: Axes, image: ArrayLike, weights: ArrayLike, *, vmax: float | None = None) -> Axes:
    """Draw a picture and, over it, how much is taken from each of its cells: the more, the bluer.

    Args:
        image: (3, H, W), (H, W, 3) or (H, W), uint8 or floats in 0..1.
        weights: (h, w), not negative, one for each cell of the picture.
        vmax: the weight that is drawn darkest; the largest where None.
    Raises:
        ValueError: if the weights are not a grid, or one is negative.
    """
    weights, image = _array(weights), _picture(image)
    if weights.ndim != 2 or weights.size == 0 or weights.min() < 0:
        raise ValueError(f"weights must be a grid (h, w) of numbers that are not negative; got shape {weights.shape}")
    extent = (0, 1, 1, 0)
    ax.imshow(image, extent=extent)
    ax.imshow(weights, extent=extent, vmin=0, vmax=vmax, alpha=0.75, interpolation="nearest")
    ax.set(xlim=(0, 1), ylim=(1, 0))
    ax.set_axis_off()
    return ax


def plot_bands(ax: Axes, x: ArrayLike, runs: Mapping[str, ArrayLike], **labels: str) -> Axes:
    """Draw a curve a name, the mean of its runs, in a band that is Student's 95% interval of that mean at each x.

    Args:
        x: (X,). runs: the legend's names, and (S, X) values each, a row a seed, any unit. labels: xlabel, ylabel.
    Raises:
        ValueError: if a name has fewer than two runs.
    """
    for name, values in runs.items():
        values = _array(values)
        low, high = np.transpose([t_interval(at.tolist()) for at in values.T])
        plot_curve(ax, x, values.mean(axis=0), label=name, **labels)
        ax.fill_between(x, low, high, color=ax.lines[-1].get_color(), alpha=0.2, linewidth=0)
        ax.lines[-1].set_marker("o")
    ax.legend()
    return ax


def plot_differences(ax: Axes, differences: Mapping[str, Sequence[float]]) -> Axes:
    """Draw paired differences, a dot a seed, over Student's 95% interval of their mean; blue where it leaves out zero.

    Args:
        differences: what to write beside each row, the first on top, and its values, one a seed, any unit.
    Raises:
        ValueError: if a row has fewer than two values.
    """
    for row, values in enumerate(differences.values()):
        low, high = t_interval(values)
        ax.plot((low, high), (row, row), color=BLUE if low > 0 or high < 0 else GREY, linewidth=7, solid_capstyle="butt")
        ax.plot(values, np.full(len(values), row), "o", color=INK, markersize=5, markeredgewidth=0)
    ax.axvline(0, color=INK, linewidth=1, zorder=0)
    ax.set_yticks(range(len(differences)), [textwrap.fill(name, LABEL_WIDTH) for name in differences])
    ax.set_ylim(len(differences) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    return ax
