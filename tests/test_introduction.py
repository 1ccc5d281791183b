"""The introduction quotes a published matrix: each number on the page is computed again from the file that ships."""

import csv
from pathlib import Path

import numpy as np
import pytest

from clipmini.files import package_data

PAGE = Path(__file__).parent.parent / "book" / "introduction.md"


@pytest.fixture(scope="module")
def matrix():
    with open(package_data("openai_eight_similarity.csv"), encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return np.array([[float(value) for value in values] for _, *values in rows])


@pytest.fixture(scope="module")
def page():
    return " ".join(PAGE.read_text(encoding="utf-8").split())


def test_every_photograph_finds_its_caption(matrix, page):
    assert (matrix.argmax(axis=0) == np.arange(8)).all()
    assert "eight photographs out of eight" in page


def test_the_figures_description_gives_the_right_ranges(matrix, page):
    own, others = np.diag(matrix), matrix[~np.eye(8).astype(bool)]
    assert f"from {own.min():.2f} to {own.max():.2f}" in page
    assert f"between {others.min():.2f} and {others.max():.2f}" in page


def test_the_closest_calls_are_the_rocket_and_the_camera(matrix, page):
    lead = np.diag(matrix) - (matrix - np.eye(8)).max(axis=0)
    rocket, camera = 2, 6
    assert sorted(np.argsort(lead)[:2]) == [rocket, camera]
    assert matrix[:, rocket].round(2).tolist()[1:3] == [0.22, 0.30] and "0.30 - 0.22 = 0.08" in page
    assert matrix[[camera, rocket], camera].tolist() == [0.29, 0.21]
    assert "0.29 with his own sentence, 0.21 with the rocket's" in page


def test_what_the_scale_makes_of_the_rockets_lead(matrix, page):
    assert round(np.exp(8), -3) == 3000 and "approx 3000" in page
    assert [round(np.exp(100 * lead), -2) for lead in (0.07, 0.09)] == [1100, 8100] and "1,100 and 8,100" in page
    rocket = np.exp(matrix[:, 2])
    assert f"{rocket[2] / rocket.sum():.0%}" == "14%" and "probability of 14%, where guessing gives 12.5%" in page
