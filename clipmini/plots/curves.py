"""Figures of what changes by the step."""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from clipmini.intervals import t_interval
from clipmini.plots.inputs import as_array
from clipmini.plots.style import GREY

RUN_CURVES = {"loss": "loss (nats)", "logit_scale": "logit scale", "gradient_norm": "gradient norm",
              "images_per_second": "images/s"}


def plot_curve(ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = None, color: str | None = None,
               smooth: int = 1, batch: int | None = None, xlabel: str = "step", ylabel: str = "loss (nats)") -> Axes:
    """Draw a training curve, and if wanted the loss of a model that guesses.

    Args:
        x, y: (S,), step and value.
        label, color: name for `ax.legend()`; the style's next colour where None.
        smooth: mean over this many neighbours; the raw curve stays visible, faint.
        batch: N; draws a dashed line at ln N, the contrastive loss when every match is equally likely.
    Raises:
        ValueError: if x and y are not of one length, or smooth or batch is not positive.
    """
    x, y = as_array(x), as_array(y)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0:
        raise ValueError(f"x and y must be (S,), of one length and not empty; got shapes {x.shape} and {y.shape}")
    if smooth < 1 or (batch is not None and batch < 1):
        raise ValueError(f"smooth and batch must be at least 1; got smooth={smooth}, batch={batch}")
    (line,) = ax.plot(x, _running_mean(y, smooth), label=label, color=color)
    if smooth > 1:
        ax.plot(x, y, color=line.get_color(), alpha=0.25, linewidth=1, zorder=1)
    if batch is not None:
        ax.axhline(log(batch), color=GREY, linestyle="--", linewidth=1.6)
        ax.annotate(f"guessing: ln {batch} = {log(batch):.2f}", (1, log(batch)), (0, 4), ha="right",
                    xycoords=("axes fraction", "data"), textcoords="offset points", color="#555555", fontsize="small")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def plot_run(axes: np.ndarray, logs: Sequence, probe: Mapping[int, float] | None = None) -> np.ndarray:
    """Draw a training on at least five axes: loss, logit scale, gradient norm, images/s, and a task that was probed.

    Args:
        axes: at least five, what `plt.subplots` returns; those left over are blanked.
        logs: what `cm.train` yields.
        probe: step and score, a fraction in 0..1.
    Raises:
        ValueError: if there are fewer than five axes.
    """
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) < len(RUN_CURVES) + 1:
        raise ValueError(f"a run is drawn on {len(RUN_CURVES) + 1} axes; got {len(axes)}")
    steps, smooth = [log.step for log in logs], max(1, len(logs) // 50)
    for ax, (field, label) in zip(axes, RUN_CURVES.items(), strict=False):
        if steps:
            plot_curve(ax, steps, [getattr(log, field) for log in logs], smooth=smooth, ylabel=label)
    if probe:
        plot_curve(axes[len(RUN_CURVES)], list(probe), [100 * score for score in probe.values()], ylabel="probe (%)")
    for ax in axes[len(RUN_CURVES) + bool(probe) :]:
        ax.set_axis_off()
    return axes


def plot_bands(ax: Axes, x: ArrayLike, runs: Mapping[str, ArrayLike], **labels: str) -> Axes:
    """Draw a curve a name, the mean of its runs, in a band that is Student's 95% interval of that mean at each x.

    Args:
        x: (X,), steps or whatever the runs have in common.
        runs: the legend's names, and (S, X) values each, a row a seed, any unit.
        labels: xlabel, ylabel.
    Raises:
        ValueError: if a name has fewer than two runs.
    """
    for name, values in runs.items():
        values = as_array(values)
        low, high = np.transpose([t_interval(at.tolist()) for at in values.T])
        plot_curve(ax, x, values.mean(axis=0), label=name, **labels)
        ax.fill_between(x, low, high, color=ax.lines[-1].get_color(), alpha=0.2, linewidth=0)
        ax.lines[-1].set_marker("o")
    ax.legend()
    return ax


def _running_mean(y: np.ndarray, width: int) -> np.ndarray:
    """Mean over `width` neighbours; at the ends over those that exist."""
    window = np.ones(min(width, len(y)))
    return np.convolve(y, window, "same") / np.convolve(np.ones(len(y)), window, "same")
