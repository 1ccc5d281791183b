"""The cells that want a GPU: each chapter's function runs here at the scale "tiny", so that none is code that nobody executed.

And the script that runs them all, with the benchmarks that want a GPU, where there is one.
"""

import ast
import json
import math

import matplotlib as mpl
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks import gpu_all
from tools.chapters import gpu
from tools.chapters.notebook import GPU, GPU_NEEDS, chapters, code_cells, read, tags


@pytest.fixture(autouse=True)
def as_before():
    """Chapters seed PyTorch and set matplotlib's style."""
    with torch.random.fork_rng(), mpl.rc_context():
        yield


def run(chapter):
    return gpu.gpu_function(chapter, "tiny")("tiny")


def test_patches_of_three_sizes_are_trained_and_scored():
    reached = run("06_vision_transformer")
    assert list(reached) == [16, 8, 4]
    assert all(0 <= value <= 1 for runs in reached.values() for value in runs)


def test_a_large_step_of_fresh_weights_guesses_among_all_pairs():
    assert run("08_training") == pytest.approx(math.log(512), abs=0.1)


def test_pictures_are_classified_in_the_order_of_their_answers():
    vectors, truth = run("11_released_weights")
    assert vectors.shape == (500, 128) and truth.tolist() == [i % 10 for i in range(500)]
    assert vectors.norm(dim=1).sub(1).abs().max() < 1e-5


def test_each_chapter_with_such_cells_is_tried_here():
    assert gpu.gpu_chapters() == ["06_vision_transformer", "08_training", "11_released_weights"]


def asks_for_a_gpu(cell):
    """Whether a cell names CUDA: in a string, or as torch.cuda."""
    nodes = list(ast.walk(ast.parse(cell.source))) if "cuda" in cell.source else []
    return any("cuda" in (getattr(node, "value", None), getattr(node, "attr", None)) for node in nodes)


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_a_cell_that_asks_for_a_gpu_defines_such_a_function_or_calls_it(path):
    cells = code_cells(read(path))
    names = {node.name for cell in cells if GPU in tags(cell) for node in ast.parse(cell.source).body}
    for cell in filter(asks_for_a_gpu, cells):
        called = {node.func.id for node in ast.walk(ast.parse(cell.source))
                  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert GPU in tags(cell) or called & names


def test_without_a_gpu_pages_say_skipped_and_nothing_else():
    printed = [node.value for path in chapters() for cell in code_cells(read(path)) if asks_for_a_gpu(cell)
               for node in ast.walk(ast.parse(cell.source))
               if isinstance(node, ast.Constant) and str(node.value).startswith("skipped")]
    assert printed == ["skipped: no GPU here"] * 2  # the third chapter classifies fewer pictures


def notebook_of(*cells):
    return new_notebook(cells=[new_code_cell(source, metadata={"tags": [tag]}) for source, tag in cells])


@pytest.mark.parametrize("source", ["def run(size): pass", "def run(scale): pass\ndef walk(scale): pass"])
def test_cells_without_one_function_of_scale_are_refused(source, monkeypatch):
    monkeypatch.setattr(gpu, "read", lambda path: notebook_of(("def helper(scale): pass", GPU_NEEDS), (source, GPU)))
    with pytest.raises(ValueError, match="expected one function of `scale` in chapter 99_new's cells tagged 'gpu', got"):
        gpu.gpu_function("99_new", "tiny")


def test_only_tagged_cells_are_executed(monkeypatch):
    cells = notebook_of(("x = 1", GPU_NEEDS), ("1 / 0", "defines"), ("def run(scale): return x, scale", GPU))
    monkeypatch.setattr(gpu, "read", lambda path: cells)
    assert gpu.gpu_function("99_new", "tiny")("tiny") == (1, "tiny")


def test_all_limits_together_are_ten_minutes():
    parts = gpu_all.parts("full")
    assert {part.name for part in parts} == {*gpu.gpu_chapters(), "gpu_training", "released_step"}
    assert sum(part.limit for part in parts) <= 600


def test_a_part_that_fails_or_hangs_stops_no_other(tmp_path, capsys):
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(3600)'])"
    parts = [
        gpu_all.Part("broken", ["-c", "raise ValueError('no such model')"], 60),
        gpu_all.Part("hanging", ["-c", child], 3),
        gpu_all.Part("whole", ["-c", "print('0.5 s a step')"], 60),
    ]
    path = tmp_path / "new" / "gpu.json"
    assert gpu_all.run_all(parts, "tiny", path) == 1
    kept = json.loads(path.read_text())["parts"]
    assert [part["status"] for part in kept] == ["failed", "stopped", "passed"]
    assert kept[0]["lines"][-1] == "ValueError: no such model" and kept[2]["lines"] == ["0.5 s a step"]
    printed = capsys.readouterr().out
    assert "0.5 s a step" in printed and all(f"\n{part.name} " in printed for part in parts)


def test_parts_that_all_pass_end_well(tmp_path):
    assert gpu_all.run_all([gpu_all.Part("whole", ["-c", ""], 60)], "tiny", tmp_path / "gpu.json") == 0
