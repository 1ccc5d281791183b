"""What every figure shares: the colours, the style sheet, and widths of text."""

import matplotlib.pyplot as plt

from clipmini.files import package_data

BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#9A9A9A", "#222222"  # Okabe and Ito's blue and orange
TITLE_WIDTH = 15  # characters after which the title above a picture is wrapped
LABEL_WIDTH = 22  # characters after which the text beside a row is wrapped


def use_style() -> None:
    """Make every figure drawn from here on follow the book's style (`data/clipmini.mplstyle`)."""
    plt.style.use(package_data("clipmini.mplstyle"))
