"""The figures of the book: each `plot_x(ax, data)` draws on `ax` and returns it; none opens or saves a figure."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from math import log

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from clipmini.files import package_data

BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#9A9A9A", "#222222"  # Okabe and Ito's blue and orange
TITLE_WIDTH = 15  # characters after which the title above a picture is wrapped
LABEL_WIDTH = 22  # characters after which the text beside a row is wrapped


def use_style() -> None:
    """Make every figure drawn from here on follow the book's style (`data/clipmini.mplstyle`)."""
    plt.style.use(package_data("clipmini.mplstyle"))


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
    matrix = _array(matrix)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"matrix must be two-dimensional, (texts, images), and not empty; got shape {matrix.shape}")
    _check_count("images", images, matrix.shape[1], "one for each column")
    _check_count("texts", texts, matrix.shape[0], "one for each row")
    heat = ax.imshow(matrix, vmin=vmin, vmax=vmax, aspect="equal")
    top = -0.5
    if images is not None:
        top = -1.56  # pictures 0.94 cells wide, 0.12 above the map
        for i, image in enumerate(images):
            ax.imshow(centre_square(image), extent=(i - 0.47, i + 0.47, -0.62, top), aspect="equal")
    ax.set(xlim=(-0.5, matrix.shape[1] - 0.5), ylim=(matrix.shape[0] - 0.5, top), xticks=[])
    few = matrix.shape[0] <= 10  # more rows are too close together for a second line
    labels = [textwrap.fill(text, LABEL_WIDTH) if few else text for text in texts or []]
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if annotate:
        for (row, column), value in np.ndenumerate(matrix):
            ink = "white" if heat.norm(value) > 0.55 else INK
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
    return ax


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
    _check_count("titles", titles, len(images), "one for each image")
    for ax in axes:
        ax.set_axis_off()
    for ax, image, title in zip(axes, images, titles or [""] * len(images), strict=False):
        ax.imshow(_picture(image))
        ax.set_title(textwrap.fill(title, TITLE_WIDTH), loc="center", fontsize="medium", fontweight="normal", pad=4)
    return axes


def plot_answers(ax: Axes, image: ArrayLike, truth: str, answers: Sequence[str], right: Collection[str] = ()) -> Axes:
    """Draw a picture and, beside it, its name and what a model called it, best first; right answers are bold and ticked.

    Args:
        image: (3, H, W), (H, W, 3) or (H, W). truth: its name. answers: texts, best first. right: all that are right.
    """
    ax.imshow(_picture(image), extent=(0, 1, 0, 1))
    ax.set(xlim=(0, 6), ylim=(0, 1))
    ax.set_axis_off()
    lines = [(truth, INK, "bold")]
    for answer in answers:
        ticked = answer in right
        lines.append((f"{'✓' if ticked else '·'} {answer}", BLUE if ticked else INK, "bold" if ticked else "normal"))
    for i, (line, color, weight) in enumerate(lines):
        ax.text(1.15, 1 - (i + 0.5) / len(lines), line, va="center", fontsize="medium", weight=weight, color=color)
    return ax


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
    scale = 100.0 if unit == "%" else 1.0
    values = _array(values) * scale
    if values.shape != (len(names),):
        raise ValueError(f"values must be ({len(names)},), one for each name; got shape {values.shape}")
    if strangers := set(baselines) - set(names):
        raise ValueError(f"baselines {sorted(strangers)} are not among the names {list(names)}")
    y, ends = np.arange(len(names)), values
    ax.barh(y, values, height=0.62, color=[GREY if name in baselines else BLUE for name in names])
    if intervals is not None:
        low, ends = _interval_ends(_array(intervals) * scale, values)
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
    texts, images = _array(texts), _array(images)
    _check_count("images", images, len(texts), "one for each text")
    _check_count("pictures", pictures, len(texts), "one for each text")
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color=GREY, linewidth=1))
    for i, picture in enumerate(pictures):
        outer, inner = _already_near(images, i), _already_near(texts, i)  # what shares a place is stacked
        start, end = _on_circle(texts[i], 0.86), _on_circle(images[i], 1)
        ax.plot(*zip(start, end, strict=True), color=GREY, linewidth=1, zorder=1)
        ax.add_artist(AnnotationBbox(OffsetImage(_picture(picture), zoom=0.45), _on_circle(images[i], 1.22 + 0.55 * outer),
                                     pad=0.1, bboxprops={"edgecolor": BLUE, "linewidth": 1}))
        ax.annotate(str(i + 1), _on_circle(images[i], 1.48 + 0.55 * outer), ha="center", va="center", color=BLUE,
                    fontsize="small")
        ax.annotate(str(i + 1), _on_circle(texts[i], 0.79 - 0.19 * inner), ha="center", va="center", color="white",
                    fontsize="small", zorder=3, bbox={"boxstyle": "circle,pad=0.15", "color": ORANGE})
    for angles, moves, radius, color in ((texts, text_moves, 0.94, ORANGE), (images, image_moves, 1.06, BLUE)):
        moves = np.zeros(len(texts)) if moves is None else _array(moves)
        _check_count("moves", moves, len(texts), "one for each vector")
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
    x, y = _array(x), _array(y)
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


def plot_strip(ax: Axes, groups: Mapping[str, ArrayLike], colors: Sequence[str] = (GREY, ORANGE, BLUE)) -> Axes:
    """Draw every value of each group as a dot, a row for each group, the first on top; spread a little so that dots show.

    Args:
        groups: what to write beside each row, and its values, (V,), any unit.
        colors: one for each group.
    Raises:
        ValueError: if a group is empty, or there are fewer colours than groups.
    """
    if len(colors) < len(groups) or any(len(values) == 0 for values in groups.values()):
        raise ValueError(f"expected groups with at least one value and a colour each; got {list(groups)}, {list(colors)}")
    for row, (values, color) in enumerate(zip(groups.values(), colors, strict=False)):
        spread = 0.5 * (np.arange(len(values)) * 0.618 % 1 - 0.5)  # even, and the same each time
        ax.plot(_array(values), row + spread, "o", color=color, markersize=5, alpha=0.8, markeredgewidth=0)
    ax.set_yticks(range(len(groups)), [textwrap.fill(name, LABEL_WIDTH) for name in groups])
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    return ax


def plot_triangle(ax: Axes, values: ArrayLike, rows: Sequence[str], columns: Sequence[str]) -> Axes:
    """Draw fractions as a table of percentages in which an exact zero is an empty cell: who hears of whom.

    Args:
        values: (R, C), fractions in 0..1, or more; shades end at the largest.
        rows, columns: R and C labels.
    Raises:
        ValueError: if the labels do not fit the values.
    """
    values = _array(values)
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


def centre_square(image: ArrayLike) -> np.ndarray:
    """The centre square of a picture: about what the model sees of it."""
    image = _picture(image)
    side = min(image.shape[:2])
    top, left = (np.array(image.shape[:2]) - side) // 2
    return image[top:top + side, left:left + side]


def _array(data: ArrayLike) -> np.ndarray:
    """A NumPy array of anything array-like, tensors with a gradient or on a device included."""
    return np.asarray(data.detach().cpu() if hasattr(data, "detach") else data)


def _picture(image: ArrayLike) -> np.ndarray:
    """Any accepted shape -> (H, W, 3), so that grey is never stretched to fill the scale."""
    image = _array(image)
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] != 3:
        image = image.transpose(1, 2, 0)
    if image.ndim == 2 or image.shape[2:] == (1,):
        image = np.broadcast_to(image.reshape(*image.shape[:2], 1), (*image.shape[:2], 3))
    if image.size == 0 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be (3, H, W), (H, W, 3) or (H, W); got shape {image.shape}")
    return image


def _with_unit(value: float, unit: str) -> str:
    """61%, 4.2%, 3.1 ms: two digits are all that most of our intervals allow."""
    if unit == "%":
        return f"{value:.1f}%" if 0 < value < 9.95 else f"{value:.0f}%"
    return f"{value:.3g} {unit}".strip()


def _running_mean(y: np.ndarray, width: int) -> np.ndarray:
    """Mean over `width` neighbours; at the ends over those that exist."""
    window = np.ones(min(width, len(y)))
    return np.convolve(y, window, "same") / np.convolve(np.ones(len(y)), window, "same")


def _interval_ends(intervals: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends, (B,) each, refused where they do not hold the value: widths are a likely mistake."""
    if intervals.shape != (len(values), 2):
        raise ValueError(f"intervals must be ({len(values)}, 2), low and high of each bar; got shape {intervals.shape}")
    low, high = intervals.T
    if (low > values + 1e-6).any() or (high < values - 1e-6).any():
        raise ValueError("each interval must hold its value: give (low, high), not widths")
    return np.minimum(low, values), np.maximum(high, values)


def _check_count(what: str, items: Sequence | None, count: int, why: str) -> None:
    """Refuse a sequence of another length than the data's."""
    if items is not None and len(items) != count:
        raise ValueError(f"{what} must be {count}, {why}; got {len(items)}")
