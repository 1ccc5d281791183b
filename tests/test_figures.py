"""Figures of single chapters show all they are given, and refuse what does not fit."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from clipmini import figures, plots
from clipmini.metrics import t_interval


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()  # what was drawn can also be rendered
    plt.close(figure)


def test_a_map_lies_over_its_picture(ax):
    picture, weights = np.zeros((3, 17, 13), dtype=np.uint8), torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.0, 0.4]])
    assert figures.plot_map(ax, picture, weights, vmax=0.5) is ax
    below, over = ax.images
    assert below.get_array().shape == (17, 13, 3) and below.get_extent() == over.get_extent()
    np.testing.assert_allclose(over.get_array(), weights)
    assert over.get_clim() == (0, 0.5) and over.get_alpha() < 1


@pytest.mark.parametrize("weights", [np.zeros(4), np.zeros((0, 3)), np.full((2, 2), -0.1)])
def test_a_map_that_is_no_grid_of_weights_is_refused(ax, weights):
    with pytest.raises(ValueError, match="a grid"):
        figures.plot_map(ax, np.zeros((8, 8)), weights)


def test_bands_are_the_mean_of_the_runs_in_its_interval(ax):
    runs = {"a": np.random.default_rng(0).random((5, 3)), "b": torch.rand(2, 3)}
    figures.plot_bands(ax, range(3), runs, xlabel="shift (px)", ylabel="way")
    assert [line.get_label() for line in ax.lines] == ["a", "b"] and ax.get_legend() is not None
    np.testing.assert_allclose(ax.lines[0].get_ydata(), runs["a"].mean(axis=0))
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    low, high = t_interval(runs["a"][:, 1].tolist())
    assert min(abs(heights - low)) < 1e-9 and min(abs(heights - high)) < 1e-9
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("shift (px)", "way")


def test_differences_are_a_dot_a_seed_over_an_interval_blue_where_zero_is_out(ax):
    rows = {"clearly less": [-0.5, -0.4, -0.6], "undecided": [0.1, -0.2, 0.3]}
    assert figures.plot_differences(ax, rows) is ax
    bars, dots = ax.lines[0:4:2], ax.lines[1:4:2]
    for row, (values, bar, dot) in enumerate(zip(rows.values(), bars, dots, strict=True)):
        np.testing.assert_allclose(bar.get_xdata(), t_interval(values))
        np.testing.assert_allclose(dot.get_xydata(), [(value, row) for value in values])
    assert [bar.get_color() for bar in bars] == [plots.BLUE, plots.GREY]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(rows) and ax.yaxis_inverted()


def test_one_seed_is_no_difference(ax):
    with pytest.raises(ValueError, match="at least two"):
        figures.plot_differences(ax, {"once": [0.3]})
