"""What only notebooks need: the source of what was imported, a film of training, a search box."""

import base64
import inspect
import io
import time
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
from IPython.display import Code, Pretty, display
from matplotlib.figure import Figure
from PIL import Image


def show(thing: Callable) -> Code:
    """The real, tested source of a function or class, highlighted."""
    return Code(inspect.getsource(thing).rstrip(), language="python")


def watch(steps: Iterator, total: int, every: float = 1.0) -> Iterator:
    """Pass training's logs on, and show the latest in one line, each `every` seconds."""
    line, shown = display(Pretty("starting"), display_id=True), 0.0
    for log in steps:
        if time.monotonic() - shown > every:
            shown = time.monotonic()
            rate = f"{log.images_per_second:,.0f} images/s"
            line.update(Pretty(f"step {log.step:,} of {total:,}, loss {log.loss:.2f}, {rate}"))
        yield log
    line.update(Pretty(f"{total:,} steps done"))


def search_box(find: Callable[[str], Figure], examples: list[str], placeholder: str = "type a name") -> None:
    """A text box that draws `find(query)` at each Enter; where no kernel runs, the answers to the examples stay.

    Args: find: query -> figure. examples: the first fills the box; all are drawn for the static page.
    """
    import ipywidgets as widgets  # only a notebook has it

    box = widgets.Text(value=examples[0], placeholder=placeholder, continuous_update=False)
    answer = widgets.Output()

    def answer_query(change) -> None:
        answer.clear_output(wait=True)
        with answer:
            if change["new"].strip():
                display(find(change["new"]))
                plt.close("all")

    box.observe(answer_query, names="value")
    answer_query({"new": examples[0]})
    live = widgets.VBox([box, answer])
    bundle = live._repr_mimebundle_()
    stored = stack([find(query) for query in examples])
    plt.close("all")
    display(bundle | {"image/png": base64.b64encode(stored).decode()}, raw=True)


def stack(figures: list[Figure]) -> bytes:
    """Figures one below the other, as one PNG: the frames that a page without a kernel shows."""
    pictures = []
    for figure in figures:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        pictures.append(Image.open(buffer).convert("RGB"))
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    out = io.BytesIO()
    sheet.quantize(64).save(out, format="png", optimize=True)
    return out.getvalue()
