"""The figures of the book: each `plot_x(ax, data)` draws on `ax` and returns it; none opens or saves a figure.

    style      colours, and the style that every chapter uses: use_style
    pictures   plot_images, plot_answers, plot_map
    matrices   plot_similarity, plot_triangle
    rows       plot_bars, plot_strip, plot_differences
    curves     plot_curve, plot_bands, plot_run
    circle     plot_circle
    tokens     plot_tokens
    inputs     what they accept, and centre_square
"""

from clipmini.plots.circle import plot_circle
from clipmini.plots.curves import plot_bands, plot_curve, plot_run
from clipmini.plots.inputs import centre_square
from clipmini.plots.matrices import plot_similarity, plot_triangle
from clipmini.plots.pictures import plot_answers, plot_images, plot_map
from clipmini.plots.rows import plot_bars, plot_differences, plot_strip
from clipmini.plots.style import BLUE, GREY, INK, ORANGE, use_style
from clipmini.plots.tokens import plot_tokens

__all__ = [
    "BLUE", "GREY", "INK", "ORANGE", "centre_square", "plot_answers", "plot_bands", "plot_bars", "plot_circle", "plot_curve",
    "plot_differences", "plot_images", "plot_map", "plot_run", "plot_similarity", "plot_strip", "plot_tokens",
    "plot_triangle", "use_style",
]
