"""Pixel nearest neighbour on planted data."""

import pytest
import torch

from clipmini.datasets.mixed import Mixed
from clipmini.evaluate import pixels
from clipmini.evaluate.pixels import crop_to_ink, nearest_neighbour_scores, recombined_scores


@pytest.fixture
def train():
    """Five white pages, each with a bar in a column of its own."""
    images = torch.full((5, 3, 11, 7), 255, dtype=torch.uint8)
    for i in range(5):
        images[i, :, :, i] = 0
    return images


def test_the_nearest_wins(train):
    labels = torch.tensor([3, 0, 3, 5, 1])
    scores = nearest_neighbour_scores(train, labels, 7, train.clamp(min=90))  # fainter ink, the same place
    assert scores.shape == (5, 7)
    assert scores.argmax(dim=1).tolist() == labels.tolist()
    torch.testing.assert_close(scores.amax(dim=1), torch.ones(5))


def test_the_best_of_a_class_counts(train):
    scores = nearest_neighbour_scores(train, torch.tensor([0, 0, 0, 1, 1]), 2, train[1:2])
    torch.testing.assert_close(scores, torch.tensor([[1.0, 0.0]]))


def test_a_class_that_was_never_seen_never_wins(train):
    scores = nearest_neighbour_scores(train, torch.tensor([0, 0, 0, 1, 1]), 3, train.flip(-1))
    assert (scores[:, 2] == -1).all() and (scores[:, :2] >= 0).all()


def test_more_images_than_a_batch(train):
    many = train.repeat(120, 1, 1, 1)
    scores = nearest_neighbour_scores(train, torch.arange(5), 5, many)
    assert scores.argmax(dim=1).tolist() == list(range(5)) * 120


def test_tiles_change_nothing(monkeypatch):
    """Pictures in colours, more of both kinds than a tile, a class in several tiles, one in none; against all at once."""
    generator = torch.Generator().manual_seed(0)
    train, images = (torch.randint(0, 256, (n, 3, 4, 5), generator=generator, dtype=torch.uint8) for n in (23, 17))
    labels = torch.randint(0, 6, (23,), generator=generator)
    ink = [(255 - x.double()).flatten(1) for x in (train, images)]
    known, asked = (x / x.norm(dim=1, keepdim=True) for x in ink)
    cosines = asked @ known.T
    expected = torch.stack([cosines[:, labels == c].amax(dim=1) for c in range(6)], dim=1).float()
    monkeypatch.setattr(pixels, "TILE", 7)
    scores = nearest_neighbour_scores(train, labels, 7, images)
    torch.testing.assert_close(scores[:, :6], expected)
    assert (scores[:, 6] == -1).all()


def test_colours_are_compared(train):
    """Of two bars in one place, the one in the picture's own colour is nearer."""
    red, blue = train[:1].clone(), train[:1].clone()
    red[:, 0], blue[:, 2] = 255, 255
    scores = nearest_neighbour_scores(torch.cat([red, blue]), torch.tensor([0, 1]), 2, red)
    torch.testing.assert_close(scores, torch.tensor([[1.0, 0.5]]))


@pytest.mark.parametrize("one_colour", [0, 3, 5])
def test_pictures_in_one_colour_and_in_colours(train, one_colour):
    place = torch.where(torch.arange(5) < one_colour, ~torch.arange(5), torch.arange(5) - one_colour)
    mixed = Mixed(train[:one_colour, :1], train[one_colour:], place)
    assert torch.equal(*(nearest_neighbour_scores(x, torch.arange(5), 5, x) for x in (mixed, train)))


def test_sizes_that_differ_are_refused(train):
    with pytest.raises(ValueError, match="expected images of one size"):
        nearest_neighbour_scores(train, torch.arange(5), 5, train[..., :6])


def test_crop_to_ink_finds_the_box():
    page = torch.full((2, 3, 12, 8), 255, dtype=torch.uint8)
    page[0, :, 3:6, 2:4] = 0  # all ink: fills the frame once cropped
    page[0, :, 4, 3] = 100
    page[1, :, 9:11, 5:8] = 0
    cropped = crop_to_ink(page)
    assert cropped.shape == page.shape and cropped.dtype == torch.uint8
    assert cropped.float().mean(dim=(1, 2, 3)).tolist()[1] == 0
    assert 0 < cropped[0].float().mean() < 40


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_crop_to_ink_finds_ink_of_any_colour(channel):
    page = torch.full((1, 3, 12, 8), 255, dtype=torch.uint8)
    page[0, channel, 3:6, 2:4] = 0
    assert crop_to_ink(page).float().mean(dim=(0, 2, 3)).tolist() == [0 if c == channel else 255 for c in range(3)]


def test_crop_to_ink_leaves_an_empty_page():
    page = torch.full((1, 3, 12, 8), 255, dtype=torch.uint8)
    assert torch.equal(crop_to_ink(page), page)


def test_recombined_words_by_hand():
    names = ["black star", "white star", "black chess king", "white chess king"]
    nearest = torch.tensor([[0.6, -1.0, 0.2, -1.0]])  # its neighbours: a black star and, less so, a black chess king
    star, king = 0.6 / 2**0.5, 0.2 / 3**0.5
    query = torch.tensor([star + king, star, 0, king, king])  # black, star, white, chess, king
    bags = torch.tensor([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 0, 1, 1], [0, 0, 1, 1, 1]]).float()
    expected = bags @ query / query.norm() / bags.norm(dim=1)
    torch.testing.assert_close(recombined_scores(nearest, names, k=2), expected[None])


def test_recombined_words_reach_a_name_that_no_picture_has():
    names = ["small a with acute", "small b", "small a", "small b with acute"]
    nearest = torch.tensor([[0.9, 0.9, 0.1, -1.0]])
    scores = recombined_scores(nearest, names, k=2)
    assert scores[0, 3] > scores[0, 2]
