"""Draw the two pictures of the introduction: eight photographs, and how the released model scored them.

The numbers were published to two decimals in OpenAI's notebook "Interacting with CLIP" (github.com/openai/CLIP, MIT);
the photographs install with scikit-image, so nothing is downloaded. Run: python -m tools.book.introduction_figure
"""

import csv
import io
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import skimage
from PIL import Image

from clipmini import plots
from clipmini.files import package_data
from tools import ROOT

STATIC = ROOT / "book" / "_static"
PHOTOS = Path(skimage.__file__).parent / "data"


def read_matrix(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Captions (8), names of the photographs (8) and similarities (8, 8), a row for each caption."""
    with open(path, encoding="utf-8", newline="") as file:
        (_, *names), *rows = csv.reader(file)
    captions = [caption for caption, *_ in rows]
    return captions, names, np.array([[float(value) for value in values] for _, *values in rows])


def read_photo(name: str) -> np.ndarray:
    """A photograph of scikit-image's as (H, W, 3) uint8; transparency is dropped, as OpenAI's notebook does."""
    path = next(PHOTOS.glob(f"{name}.*"))
    return np.asarray(Image.open(path).convert("RGB"))


def draw_photos(captions: list[str], photos: list[np.ndarray]) -> plt.Figure:
    """Each photograph with its own caption below, two rows of four."""
    figure, axes = plt.subplots(2, 4, figsize=(6.2, 4.7), layout="none")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.14, top=0.99, wspace=0.06, hspace=0.3)
    plots.plot_images(axes, [plots.centre_square(photo) for photo in photos])
    for ax, caption in zip(axes.flat, captions, strict=True):
        text = textwrap.fill(caption, 17, break_on_hyphens=False)
        ax.text(0.5, -0.04, text, transform=ax.transAxes, ha="center", va="top", fontsize=11.5, linespacing=1.1)
    return figure


def draw_matrix(captions: list[str], photos: list[np.ndarray], matrix: np.ndarray) -> plt.Figure:
    """The heat map with its numbers, the photographs above their columns."""
    figure, ax = plt.subplots(figsize=(5.7, 5.0), layout="none")
    figure.subplots_adjust(left=0.32, right=0.995, bottom=0.01, top=0.94)
    plots.plot_similarity(ax, matrix, photos, captions, annotate=True, vmin=0.1, vmax=0.35)
    figure.suptitle("Each photograph finds its own caption", x=0.99, ha="right", fontweight="bold")
    return figure


def save(figure: plt.Figure, path: Path, **options) -> None:
    """Write a picture that stays under 100 kB: 256 colours as PNG, or JPEG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=175)
    plt.close(figure)
    picture = Image.open(buffer).convert("RGB")
    if path.suffix == ".png":
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(path, optimize=True, **options)
    print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    plots.use_style()
    captions, names, matrix = read_matrix(package_data("openai_eight_similarity.csv"))
    photos = [read_photo(name) for name in names]
    save(draw_photos(captions, photos), STATIC / "eight_photographs.jpg", quality=53)
    save(draw_matrix(captions, photos, matrix), STATIC / "eight.png")


if __name__ == "__main__":
    main()
