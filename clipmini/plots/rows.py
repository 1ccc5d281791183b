"""Figures with a row a name: bars, dots, differences, each with its interval."""

import textwrap
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from clipmini.intervals import t_interval
from clipmini.plots.inputs import as_array, check_list
from clipmini.plots.style import BLUE, GREY, INK, LABEL_WIDTH, ORANGE


def plot_bars(ax: Axes, names: Sequence[str], values: ArrayLike, intervals: ArrayLike | None = None, *,
              chance: float | None = None, unit: str = "%", baselines: Collection[str] = ()) -> Axes:
    """Draw horizontal bars with their intervals, the first name on top, and write each value beside its bar.

    Args:
        names: B labels.
        values: (B,), fractions in 0..1 when the unit is "%" (shown as percentages), else in `unit`.
        intervals: (B, 2), low and high end of each interval, on the scale of `values`.
        chance: value of guessing, drawn as a dashed line; on the scale of `values`.
        unit: written after each value and under the axis.
        baselines: the names that are drawn in grey.
    Raises:
        ValueError: if the counts differ, an interval does not hold its value, or a baseline is not among the names.
    """
    check_list("names", names)
    check_list("baselines", baselines)
    scale = 100.0 if unit == "%" else 1.0
    values = as_array(values) * scale
    if values.shape != (len(names),):
        raise ValueError(f"values must be ({len(names)},), one for each name; got shape {values.shape}")
    if strangers := set(baselines) - set(names):
        raise ValueError(f"baselines {sorted(strangers)} are not among the names {list(names)}")
    y, ends = np.arange(len(names)), values
    ax.barh(y, values, height=0.62, color=[GREY if name in baselines else BLUE for name in names])
    if intervals is not None:
        low, ends = _interval_ends(as_array(intervals) * scale, values)
        ax.errorbar(values, y, xerr=(values - low, ends - values), fmt="none", ecolor=INK, elinewidth=1.6, capsize=4)
    if chance is not None:
        ax.axvline(chance * scale, color=ORANGE, linestyle="--", linewidth=1.6, label="guessing")
    right = max(ends.max(initial=0), (chance or 0) * scale)
    for i, end in enumerate(ends):
        ax.text(end + 0.02 * right, i, _with_unit(values[i], unit), va="center")
    ax.set(xlim=(0, 1.2 * right or None), xlabel="accuracy (%)" if unit == "%" else unit)
    ax.set_yticks(y, names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    return ax


def plot_strip(ax: Axes, groups: Mapping[str, ArrayLike], colors: Sequence[str] = (GREY, ORANGE, BLUE)) -> Axes:
    """Draw every value of each group as a dot, a row for each group, the first on top; spread a little so that dots show.

    Args:
        groups: what to write beside each row, and its values, (V,), any unit.
        colors: one for each group.
    Raises:
        ValueError: if a group is empty, or there are fewer colours than groups.
    """
    check_list("colors", colors)
    if len(colors) < len(groups) or any(len(values) == 0 for values in groups.values()):
        raise ValueError(f"expected groups with at least one value and a colour each; got {list(groups)}, {list(colors)}")
    for row, (values, color) in enumerate(zip(groups.values(), colors, strict=False)):
        spread = 0.5 * (np.arange(len(values)) * 0.618 % 1 - 0.5)  # even, and the same each time
        ax.plot(as_array(values), row + spread, "o", color=color, markersize=5, alpha=0.8, markeredgewidth=0)
    ax.set_yticks(range(len(groups)), [textwrap.fill(name, LABEL_WIDTH) for name in groups])
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
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


def _with_unit(value: float, unit: str) -> str:
    """61%, 4.2%, 3.1 ms: two digits are all that most of our intervals allow."""
    if unit == "%":
        return f"{value:.1f}%" if 0 < value < 9.95 else f"{value:.0f}%"
    return f"{value:.3g} {unit}".strip()


def _interval_ends(intervals: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends, (B,) each, refused where they do not hold the value: widths are a likely mistake."""
    if intervals.shape != (len(values), 2):
        raise ValueError(f"intervals must be ({len(values)}, 2), low and high of each bar; got shape {intervals.shape}")
    low, high = intervals.T
    if (low > values + 1e-6).any() or (high < values - 1e-6).any():
        raise ValueError("each interval must hold its value: give (low, high), not widths")
    return np.minimum(low, values), np.maximum(high, values)
