"""Figures draw on the axes they are given, show all they are given, and refuse what does not fit."""

from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from clipmini import plots
from clipmini.evaluate.metrics import t_interval


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()  # what was drawn can also be rendered
    plt.close(figure)


@pytest.fixture
def pictures():
    """One picture of each accepted shape; no two sides are equal."""
    shapes = [(3, 17, 13), (17, 13, 3), (1, 17, 13), (17, 13)]
    return [np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


def texts_of(ax):
    return [text.get_text() for text in ax.texts]


def test_the_style_is_readable_on_any_background():
    with plt.rc_context():
        plots.use_style()
        assert plt.rcParams["figure.facecolor"] == "white"
        assert plt.rcParams["savefig.facecolor"] == "white"
        assert not plt.rcParams["savefig.transparent"]
        assert plt.rcParams["font.size"] >= 12


def test_the_styles_colours_stay_apart_in_grey():
    with plt.rc_context():
        plots.use_style()
        first_three = plt.rcParams["axes.prop_cycle"].by_key()["color"][:3]
    grey = [np.dot(matplotlib.colors.to_rgb(color), (0.299, 0.587, 0.114)) for color in first_three]
    assert min(np.diff(sorted(grey))) > 0.03
    assert first_three[0] == plots.BLUE


def test_similarity_shows_each_cell_picture_and_text(ax, pictures):
    matrix = np.arange(12).reshape(3, 4) / 12
    names = ["a dog", "a horse", "latin small letter e with acute and more"]
    assert plots.plot_similarity(ax, matrix, pictures, names, annotate=True) is ax
    assert len(ax.images) == 1 + len(pictures)
    np.testing.assert_allclose(ax.images[0].get_array(), matrix)
    assert texts_of(ax) == [f"{value:.2f}" for value in matrix.ravel()]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert [label.replace("\n", " ") for label in labels] == names
    assert "\n" in labels[2]


def test_similarity_puts_pictures_above_the_map_and_the_first_row_on_top(ax, pictures):
    plots.plot_similarity(ax, np.eye(4), pictures)
    bottom, top = ax.get_ylim()
    assert top < -1.5 < bottom == 3.5
    for column, thumbnail in enumerate(ax.images[1:]):
        left, right, low, high = thumbnail.get_extent()
        assert (left + right) / 2 == pytest.approx(column)
        assert high < low < -0.5


def test_similarity_keeps_a_given_scale_and_reads_tensors(ax):
    matrix = torch.eye(5, requires_grad=True)
    plots.plot_similarity(ax, matrix, vmin=-1, vmax=2)
    assert ax.images[0].get_clim() == (-1, 2)


@pytest.mark.parametrize("matrix", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 4))])
def test_similarity_refuses_what_is_not_a_matrix(ax, matrix):
    with pytest.raises(ValueError, match="two-dimensional"):
        plots.plot_similarity(ax, matrix)


def test_similarity_refuses_pictures_and_texts_that_do_not_fit(ax, pictures):
    with pytest.raises(ValueError, match="images must be 3.*got 4"):
        plots.plot_similarity(ax, np.zeros((2, 3)), images=pictures)
    with pytest.raises(ValueError, match="texts must be 2.*got 3"):
        plots.plot_similarity(ax, np.zeros((2, 3)), texts=["a", "b", "c"])


def test_pictures_of_every_shape_are_drawn_upright(pictures):
    figure, axes = plt.subplots(2, 3)
    shown = plots.plot_images(axes, pictures, titles=list("abcd"))
    assert [len(ax.images) for ax in shown] == [1, 1, 1, 1, 0, 0]
    assert [ax.get_title() for ax in shown] == ["a", "b", "c", "d", "", ""]
    for ax in shown[:4]:
        assert ax.images[0].get_array().shape == (17, 13, 3)
    np.testing.assert_array_equal(shown[0].images[0].get_array(), pictures[0].transpose(1, 2, 0))
    plt.close(figure)


def test_a_dark_grey_picture_stays_dark(ax):
    plots.plot_images(ax, [np.full((5, 5), 40, dtype=np.uint8)])
    assert (ax.images[0].get_array() == 40).all()


@pytest.mark.parametrize("shape", [(7,), (17, 13, 2), (2, 17, 13), (3, 3, 3, 3), (0, 5)])
def test_a_picture_of_another_shape_is_refused(ax, shape):
    with pytest.raises(ValueError, match=r"an image must be .* got shape"):
        plots.plot_images(ax, [np.zeros(shape)])


def test_more_pictures_than_axes_or_titles_are_refused(ax, pictures):
    with pytest.raises(ValueError, match="4 images need as many axes; got 1"):
        plots.plot_images(ax, pictures)
    with pytest.raises(ValueError, match="titles must be 1"):
        plots.plot_images(ax, pictures[:1], titles=["a", "b"])


def test_bars_show_values_intervals_chance_and_baselines(ax):
    names, values = ["ours", "pixels", "untrained"], [0.61, 0.57, 0.042]
    intervals = [(0.58, 0.64), (0.54, 0.60), (0.03, 0.06)]
    result = plots.plot_bars(ax, names, values, intervals, chance=0.1, baselines={"pixels", "untrained"})
    assert result is ax
    assert texts_of(ax) == ["61%", "57%", "4.2%"]
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [61, 57, 4.2])
    colours = [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colours == [plots.BLUE, plots.GREY, plots.GREY]
    (whiskers,) = [c for c in ax.collections if len(c.get_segments()) == 3]
    np.testing.assert_allclose([segment[:, 0] for segment in whiskers.get_segments()], np.array(intervals) * 100)
    assert ax.yaxis_inverted() and ax.get_xlim()[1] > 64


def test_bars_in_another_unit_are_not_scaled(ax):
    plots.plot_bars(ax, ["a", "b"], [3.14159, 250], unit="ms")
    assert texts_of(ax) == ["3.14 ms", "250 ms"]
    assert ax.get_xlabel() == "ms"


@pytest.mark.parametrize(("values", "kwargs", "message"), [
    ([0.5], {}, r"values must be \(2,\)"),
    ([0.5, 0.6], {"intervals": [(0.4, 0.6)]}, r"intervals must be \(2, 2\)"),
    ([0.5, 0.6], {"intervals": [(0.05, 0.05), (0.05, 0.05)]}, "not widths"),
    ([0.5, 0.6], {"baselines": ["c"]}, "not among the names"),
])
def test_bars_refuse_what_does_not_fit(ax, values, kwargs, message):
    with pytest.raises(ValueError, match=message):
        plots.plot_bars(ax, ["a", "b"], values, **kwargs)


def test_a_curve_has_its_labels_and_the_line_of_guessing(ax):
    steps = np.arange(50)
    assert plots.plot_curve(ax, steps, 6 - steps / 10, label="seed 0", smooth=5, batch=512) is ax
    smoothed, raw, guessing = ax.lines
    assert smoothed.get_label() == "seed 0" and smoothed.get_color() == raw.get_color()
    np.testing.assert_allclose(raw.get_ydata(), 6 - steps / 10)
    np.testing.assert_allclose(guessing.get_ydata(), np.log(512))
    assert texts_of(ax) == ["guessing: ln 512 = 6.24"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")


@pytest.mark.parametrize("smooth", [1, 2, 5, 100])
def test_smoothing_keeps_a_constant_and_the_number_of_points(ax, smooth):
    plots.plot_curve(ax, range(7), np.full(7, 2.5), smooth=smooth)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.full(7, 2.5))


@pytest.mark.parametrize(("x", "y", "kwargs"), [
    ([1, 2], [1], {}), ([], [], {}), ([[1]], [[1]], {}), ([1], [1], {"smooth": 0}), ([1], [1], {"batch": 0}),
])
def test_a_curve_refuses_what_does_not_fit(ax, x, y, kwargs):
    with pytest.raises(ValueError, match="must be"):
        plots.plot_curve(ax, x, y, **kwargs)


def test_tokens_are_boxes_in_a_row_with_gaps_at_spaces(ax):
    rows = [("ours", ["che", "ss ", "q", "\N{REPLACEMENT CHARACTER} "]), ("lossless", ["white", " chess"]), ("one", ["chess "])]
    assert plots.plot_tokens(ax, rows) is ax
    drawn = " ".join(texts_of(ax))
    assert drawn == "ours: 4 tokens che ss q · lossless: 2 tokens white chess one: 1 token chess"
    left = [box.get_x() for box in ax.patches]
    width = [box.get_width() for box in ax.patches]
    gaps = [b - a - w for a, b, w in zip(left, left[1:], width, strict=False)]
    assert gaps[0] == pytest.approx(gaps[2]) and gaps[1] > 2 * gaps[0] and gaps[4] > 2 * gaps[0]
    assert len({box.get_y() for box in ax.patches}) == 3 and ax.yaxis_inverted()
    colours = [matplotlib.colors.to_hex(box.get_edgecolor()).upper() for box in ax.patches]
    assert colours == [plots.BLUE] * 3 + [plots.ORANGE] + [plots.BLUE] * 3


@pytest.mark.parametrize("rows", [[], [("nothing", [])], [("an empty one", ["a", ""])]])
def test_tokens_refuse_what_can_not_be_drawn(ax, rows):
    with pytest.raises(ValueError, match="at least one token"):
        plots.plot_tokens(ax, rows)


def test_circle_draws_a_line_a_pair_and_an_arrow_a_move(ax):
    angles, pictures = np.arange(3.0), np.zeros((3, 4, 4), dtype=np.uint8)
    plots.plot_circle(ax, angles, angles + 0.1, pictures, text_moves=[0.5, 0.0, -0.5], image_moves=[0.01, 0.0, 0.2])
    assert len(ax.lines) == 3
    assert sum(text.arrow_patch is not None for text in ax.texts) == 3  # a hundredth of a radian is too short for one


def test_circle_refuses_what_does_not_fit(ax):
    angles, pictures = np.arange(3.0), np.zeros((3, 4, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match="images must be 3, one for each text; got 2"):
        plots.plot_circle(ax, angles, angles[:2], pictures)
    with pytest.raises(ValueError, match="pictures must be 3"):
        plots.plot_circle(ax, angles, angles, pictures[:1])
    with pytest.raises(ValueError, match="moves must be 3, one for each vector; got 1"):
        plots.plot_circle(ax, angles, angles, pictures, text_moves=[0.1])


def test_a_strip_has_every_value_in_its_own_row(ax):
    plots.plot_strip(ax, {"others": np.arange(23), "own": torch.tensor([0.3, 0.4])})
    rows = [line.get_xydata() for line in ax.lines]
    assert [len(dots) for dots in rows] == [23, 2]
    np.testing.assert_array_equal(rows[0][:, 0], np.arange(23))
    assert all((abs(dots[:, 1] - row) <= 0.25).all() for row, dots in enumerate(rows))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["others", "own"]


@pytest.mark.parametrize("groups", [{"none": []}, dict.fromkeys("abcd", [1.0])])
def test_a_strip_refuses_an_empty_group_and_too_few_colours(ax, groups):
    with pytest.raises(ValueError, match="at least one value and a colour each"):
        plots.plot_strip(ax, groups)


def test_triangle_leaves_exact_zeros_empty_and_writes_the_rest_in_percent(ax):
    values = [[1.0, 0.0, 0.0], [0.25, 0.004, 0.0]]
    assert plots.plot_triangle(ax, torch.tensor(values), ["one", "two"], ["SOT", "star", "EOT"]) is ax
    assert texts_of(ax) == ["100", "25", "0"]  # the last is small, not zero
    np.testing.assert_array_equal(ax.images[0].get_array().mask, np.array(values) == 0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["SOT", "star", "EOT"]
    assert ax.yaxis_inverted()


def test_triangle_refuses_labels_that_do_not_fit(ax):
    with pytest.raises(ValueError, match=r"values must be \(1, 3\).*got shape \(2, 3\)"):
        plots.plot_triangle(ax, np.zeros((2, 3)), ["one"], ["a", "b", "c"])


def test_a_map_lies_over_its_picture(ax):
    picture, weights = np.zeros((3, 17, 13), dtype=np.uint8), torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.0, 0.4]])
    assert plots.plot_map(ax, picture, weights, vmax=0.5) is ax
    below, over = ax.images
    assert below.get_array().shape == (17, 13, 3) and below.get_extent() == over.get_extent()
    np.testing.assert_allclose(over.get_array(), weights)
    assert over.get_clim() == (0, 0.5) and over.get_alpha() < 1


@pytest.mark.parametrize("weights", [np.zeros(4), np.zeros((0, 3)), np.full((2, 2), -0.1)])
def test_a_map_that_is_no_grid_of_weights_is_refused(ax, weights):
    with pytest.raises(ValueError, match="a grid"):
        plots.plot_map(ax, np.zeros((8, 8)), weights)


def test_bands_are_the_mean_of_the_runs_in_its_interval(ax):
    runs = {"a": np.random.default_rng(0).random((5, 3)), "b": torch.rand(2, 3)}
    plots.plot_bands(ax, range(3), runs, xlabel="shift (px)", ylabel="way")
    assert [line.get_label() for line in ax.lines] == ["a", "b"] and ax.get_legend() is not None
    np.testing.assert_allclose(ax.lines[0].get_ydata(), runs["a"].mean(axis=0))
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    low, high = t_interval(runs["a"][:, 1].tolist())
    assert min(abs(heights - low)) < 1e-9 and min(abs(heights - high)) < 1e-9
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("shift (px)", "way")


def test_differences_are_a_dot_a_seed_over_an_interval_blue_where_zero_is_out(ax):
    rows = {"clearly less": [-0.5, -0.4, -0.6], "undecided": [0.1, -0.2, 0.3]}
    assert plots.plot_differences(ax, rows) is ax
    bars, dots = ax.lines[0:4:2], ax.lines[1:4:2]
    for row, (values, bar, dot) in enumerate(zip(rows.values(), bars, dots, strict=True)):
        np.testing.assert_allclose(bar.get_xdata(), t_interval(values))
        np.testing.assert_allclose(dot.get_xydata(), [(value, row) for value in values])
    assert [bar.get_color() for bar in bars] == [plots.BLUE, plots.GREY]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(rows) and ax.yaxis_inverted()


def test_one_seed_is_no_difference(ax):
    with pytest.raises(ValueError, match="at least two"):
        plots.plot_differences(ax, {"once": [0.3]})


def test_a_run_has_a_panel_for_each_curve_and_one_for_what_was_probed():
    figure, axes = plt.subplots(2, 3)
    logs = [SimpleNamespace(step=i, loss=5 - i, logit_scale=14 + i, gradient_norm=2, images_per_second=100) for i in range(3)]
    plots.plot_run(axes, logs, {0: 0.1, 2: 0.25})
    shown = [(ax.get_ylabel(), ax.lines[0].get_ydata().tolist()) for ax in axes.flat if ax.axison]
    assert shown[0] == ("loss (nats)", [5, 4, 3]) and shown[1] == ("logit scale", [14, 15, 16])
    assert shown[4] == ("probe (%)", [10, 25]) and len(shown) == 5
    plt.close(figure)
    with pytest.raises(ValueError, match="drawn on 5 axes; got 4"):
        plots.plot_run(np.empty(4, dtype=object), logs)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.plot_similarity(ax, np.zeros((3, 4)), texts="cat"),
        lambda ax: plots.plot_images([ax] * 3, [np.zeros((5, 5))] * 3, titles="cat"),
        lambda ax: plots.plot_answers(ax, np.zeros((5, 5)), "cat", "cat"),
        lambda ax: plots.plot_answers(ax, np.zeros((5, 5)), "cat", ["a", "cat"], right="cat"),
        lambda ax: plots.plot_bars(ax, "cat", [0.1, 0.2, 0.3]),
        lambda ax: plots.plot_bars(ax, ["c", "a", "t"], [0.1, 0.2, 0.3], baselines="cat"),
        lambda ax: plots.plot_strip(ax, {"a": [1.0]}, colors="blue"),
        lambda ax: plots.plot_triangle(ax, np.zeros((3, 1)), "cat", ["a"]),
    ],
)
def test_one_text_in_place_of_a_list_is_refused(ax, draw):
    with pytest.raises(ValueError, match="must be a list; got one text, '(cat|blue)': put it in brackets"):
        draw(ax)


def test_texts_may_come_as_an_array(ax):
    plots.plot_similarity(ax, np.zeros((2, 1)), texts=np.array(["cat", "dog"]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]
    plots.plot_images([ax, ax], [np.zeros((5, 5))] * 2, titles=np.array(["cat", "dog"]))
    assert ax.get_title() == "dog"
