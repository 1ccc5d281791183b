"""What only notebooks need: the source of what was imported, a film of training, a search box."""

import ast
import base64
import hashlib
import html
import inspect
import io
import json
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from string import Template

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, Code, Markdown, Pretty, display
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from clipmini.evaluate.scores import Score
from clipmini.files import package_data
from clipmini.plots import centre_square, plot_run

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def show(thing: Callable) -> Code:
    """The real, tested source of a function or class, highlighted; of its docstring only the first line."""
    lines = textwrap.dedent(inspect.getsource(thing)).rstrip().splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    first = tree.body[0]
    if ast.get_docstring(tree) and first.end_lineno > first.lineno:
        lines[first.lineno - 1 : first.end_lineno] = [lines[first.lineno - 1] + '"""']
    return Code("\n".join(lines), language="python")


def score_table(scores: Sequence[Score]) -> Markdown:
    """A row for whoever was scored, a column for each metric, each score with its 95% interval."""
    metrics = list(dict.fromkeys(score.metric for score in scores))
    cells = {(score.who, score.metric): _percent(score) for score in scores}
    rows = [[who, *(cells[who, metric] for metric in metrics)] for who in dict.fromkeys(score.who for score in scores)]
    lines = [["", *metrics], ["---", *["---:"] * len(metrics)], *rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _percent(score: Score) -> str:
    low, high = score.interval
    return f"{score.value:.1%}" if low == high else f"{score.value:.1%} ({100 * low:.1f} to {100 * high:.1f})"


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


def live_curves(steps: Iterator, *, probe: Callable[[], float] | None = None, probe_every: int = 100,
                every: float = 5.0) -> Iterator:
    """Pass training's logs on, and draw them as they come: loss, temperature, gradient norm, images/s, and a probed task.

    Args:
        probe: -> fraction in 0..1, how well the model does now at some task.
        probe_every: steps from one question to the next.
        every: seconds between two drawings.
    """
    logs, probed, drawn = [], {}, time.monotonic()
    picture = display(Pretty("starting"), display_id=True)

    def draw() -> None:
        figure = Figure(figsize=(12, 6), layout="constrained")
        plot_run(figure.subplots(2, 3), logs, probed)
        picture.update(figure)

    for log in steps:
        logs.append(log)
        if probe and log.step % probe_every == 0:
            probed[log.step] = probe()
        if time.monotonic() - drawn > every:
            draw()
            drawn = time.monotonic()
        yield log
    draw()


def temperature_slider(cosines: ArrayLike, texts: Sequence[str], images: Sequence) -> HTML:
    """A similarity matrix whose temperature the reader moves; it needs a browser, and no kernel.

    Args:
        cosines: (N, N), a row for each text, a column for each image, pairs on the diagonal.
        texts: N.
        images: N pictures, each (3, H, W), (H, W, 3) or (H, W), uint8.
    Raises: ValueError if the numbers do not agree.
    """
    cosines = np.asarray(cosines, dtype=float)
    if cosines.shape != (len(texts), len(images)) or len(texts) != len(images):
        raise ValueError(f"expected ({len(texts)}, {len(texts)}) cosines of as many images, got {cosines.shape}, {len(images)}")
    values = json.dumps(cosines.round(4).tolist())
    rows = ""
    for i, text in enumerate(texts):
        cells = "".join(f'<td class="{"right" if i == j else ""}"></td>' for j in range(len(images)))
        rows += f'<tr><th scope="row">{html.escape(text)}</th>{cells}</tr>'
    pictures = ""
    for image, text in zip(images, texts, strict=True):
        source = f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"
        pictures += f'<th scope="col"><img src="{source}" alt="{html.escape(text)}"></th>'
    name = "temperature-" + hashlib.sha256(values.encode()).hexdigest()[:8]
    page = Template(package_data("temperature_slider.html").read_text())
    return HTML(page.substitute(id=name, cosines=values, rows=rows, pictures=pictures))


def _png(image: ArrayLike) -> bytes:
    out = io.BytesIO()
    Image.fromarray(centre_square(image).astype(np.uint8)).save(out, format="png", optimize=True)
    return out.getvalue()


def search_box(find: Callable[[str], Figure], examples: list[str], placeholder: str = "type a name") -> None:
    """A text box that draws `find(query)` at each Enter; where no kernel runs, the answers to the examples stay.

    Args:
        find: query -> figure.
        examples: the first fills the box; all are drawn for the static page.
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
    stored = base64.b64encode(stack([find(query) for query in examples])).decode()
    plt.close("all")
    # Written out, since ipywidgets 7, which Colab has, and 8 have no common method that returns it.
    view = {"version_major": 2, "version_minor": 0, "model_id": live.model_id}
    display({"text/plain": repr(live), WIDGET_VIEW: view, "image/png": stored}, raw=True)


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
