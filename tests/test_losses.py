"""The contrastive loss: numbers worked by hand, a naive double loop, and what must not change it."""

import math

import pytest
import torch
import torch.nn.functional as F

import clipmini as cm

N, E = 7, 5


@pytest.fixture
def image():
    return torch.randn(N, E, generator=torch.Generator().manual_seed(0), dtype=torch.double)


@pytest.fixture
def text():
    return torch.randn(N, E, generator=torch.Generator().manual_seed(1), dtype=torch.double)


def naive(image, text, scale, ids):
    """Row by row, column by column: the mean log probability of all matches."""
    n = len(ids)
    logits = [[scale * F.cosine_similarity(image[i], text[j], dim=0) for j in range(n)] for i in range(n)]
    total = 0
    for i in range(n):
        matches = [j for j in range(n) if ids[j] == ids[i]]
        row = torch.stack([logits[i][j] for j in range(n)])
        column = torch.stack([logits[j][i] for j in range(n)])
        for j in matches:
            total -= (row[j] - row.logsumexp(0)) / len(matches)
            total -= (column[j] - column.logsumexp(0)) / len(matches)
    return total / (2 * n)


def test_two_pairs_by_hand():
    # cosines [[1, 0], [0, 1]], scale 2: each row is ln(1 + e^-2) = 0.126928
    loss = cm.clip_loss(torch.eye(2), torch.eye(2), 2.0)
    assert loss.item() == pytest.approx(0.126928, abs=1e-6)
    # swapped texts: ln(1 + e^2) = 2.126928
    assert cm.clip_loss(torch.eye(2), torch.eye(2).flip(0), 2.0).item() == pytest.approx(2.126928, abs=1e-6)


def test_three_pairs_by_hand():
    # texts 0 and 1 both point along the first axis. Images: rows (s, s, 0), (0, 0, s), (0, 0, s) with s = 1.
    # Rows: ln(2 + 1/e), ln(2 + e), ln(1 + 2/e); columns: ln(1 + 2/e), ln(2 + e), ln(2 + 1/e)
    image = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    text = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    rows = [math.log(2 + 1 / math.e), math.log(2 + math.e), math.log(1 + 2 / math.e)]
    assert sum(rows) / 3 == pytest.approx(0.988295, abs=1e-6)
    assert cm.clip_loss(image, text, 1.0).item() == pytest.approx(sum(rows) / 3, abs=1e-6)


def test_two_pairs_with_one_caption_by_hand():
    # both texts match both images: with cosines [[1, 0], [0, 1]] and scale 2 a row is 0.126928 + half of 2
    loss = cm.clip_loss(torch.eye(2), torch.eye(2), 2.0, targets=torch.tensor([4, 4]))
    assert loss.item() == pytest.approx(1.126928, abs=1e-6)


def test_chance_is_the_log_of_the_batch():
    same = torch.ones(N, E)
    assert cm.clip_loss(same, same, 14.3).item() == pytest.approx(math.log(N), abs=1e-5)


def test_agrees_with_the_double_loop(image, text):
    torch.testing.assert_close(cm.clip_loss(image, text, 3.0), naive(image, text, 3.0, range(N)))


@pytest.mark.parametrize("ids", [[0, 1, 2, 0, 3, 0, 1], [9, 9, 9, 9, 9, 9, 9], [5, 4, 3, 2, 1, 0, 6]])
def test_equal_captions_agree_with_the_double_loop(image, text, ids):
    loss = cm.clip_loss(image, text, 3.0, targets=torch.tensor(ids))
    torch.testing.assert_close(loss, naive(image, text, 3.0, ids))


def test_distinct_ids_are_the_diagonal(image, text):
    torch.testing.assert_close(
        cm.clip_loss(image, text, 3.0, targets=torch.tensor([3, 1, 4, 0, 5, 9, 2])), cm.clip_loss(image, text, 3.0)
    )


def test_control_duplicates_scored_as_negatives_cost():
    # two images of one caption, both found; scale 4. Shared targets rest there; the diagonal pushes one text off its twin
    feature = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    shared = cm.clip_loss(feature, feature, 100.0, targets=torch.tensor([0, 0, 1]))
    assert shared.item() == pytest.approx(2 / 3 * math.log(2), abs=1e-6)  # the targets' own entropy
    image = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 0.0]])  # the second image is not like its twin's text ...
    text = torch.tensor([[1.0, 1.0], [1.0, 1.0], [-1.0, 0.0]], requires_grad=True)
    for ids, pulled in ((torch.tensor([0, 0, 1]), True), (None, False)):
        (gradient,) = torch.autograd.grad(cm.clip_loss(image, text, 4.0, targets=ids), text)
        assert (gradient[0, 1] > 0) == pulled  # ... which is pulled towards it, or pushed away


def test_scale_of_features_does_not_matter(image, text):
    lengths = torch.linspace(0.1, 9, N, dtype=torch.double)[:, None]
    torch.testing.assert_close(cm.clip_loss(image * lengths, 7 * text, 3.0), cm.clip_loss(image, text, 3.0))


def test_order_of_pairs_does_not_matter(image, text):
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    ids = torch.tensor([0, 1, 2, 0, 3, 0, 1])
    torch.testing.assert_close(cm.clip_loss(image[order], text[order], 3.0), cm.clip_loss(image, text, 3.0))
    torch.testing.assert_close(
        cm.clip_loss(image[order], text[order], 3.0, targets=ids[order]), cm.clip_loss(image, text, 3.0, targets=ids)
    )
    assert abs(cm.clip_loss(image[order], text, 3.0) - cm.clip_loss(image, text, 3.0)) > 0.1  # control: pairs torn apart


def test_image_and_text_are_alike(image, text):
    ids = torch.tensor([0, 1, 2, 0, 3, 0, 1])
    torch.testing.assert_close(cm.clip_loss(image, text, 3.0), cm.clip_loss(text, image, 3.0))
    torch.testing.assert_close(
        cm.clip_loss(image, text, 3.0, targets=ids), cm.clip_loss(text, image, 3.0, targets=ids)
    )


@pytest.mark.parametrize("ids", [None, [0, 1, 2, 0, 3, 0, 1]])
def test_gradients_are_finite_differences(image, text, ids):
    targets = None if ids is None else torch.tensor(ids)
    log_scale = torch.tensor(1.1, dtype=torch.double, requires_grad=True)

    def loss(image, text, log_scale):
        return cm.clip_loss(image, text, log_scale.exp(), targets=targets)

    assert torch.autograd.gradcheck(loss, (image.requires_grad_(), text.requires_grad_(), log_scale))


def test_extreme_scale_stays_finite(image, text):
    image.requires_grad_()
    loss = cm.clip_loss(image, text, 1e4)
    loss.backward()
    assert loss.isfinite() and image.grad.isfinite().all()


def test_a_loss_is_a_number_without_dimensions(image, text):
    assert cm.clip_loss(image, text, 3.0).shape == ()


def test_batches_of_other_sizes_are_refused(image, text):
    with pytest.raises(ValueError, match=r"two batches of equal shape.*\(7, 5\) and \(6, 5\)"):
        cm.clip_loss(image, text[:6], 3.0)
    with pytest.raises(ValueError, match="two batches of equal shape"):
        cm.clip_loss(image[0], text[0], 3.0)
    with pytest.raises(ValueError, match="expected 7 caption ids"):
        cm.clip_loss(image, text, 3.0, targets=torch.arange(6))
