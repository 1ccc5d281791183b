"""The contrastive loss: numbers worked by hand, a naive double loop, and what must not change it."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import clipmini as cm
from clipmini.objectives import tiled
from clipmini.objectives.tiled import tiles

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


IDS = [None, [0, 1, 2, 0, 3, 0, 1], [9] * N]


def gradients(image, text, log_scale, **how):
    """Of three times the loss, so that an upstream gradient that is forgotten shows."""
    leaves = [x.detach().clone().requires_grad_() for x in (image, text, log_scale)]
    loss = cm.clip_loss(leaves[0], leaves[1], leaves[2].exp(), **how)
    return loss.detach(), torch.autograd.grad(3 * loss, leaves)


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 6, 7, 8, 100])
def test_tiles_change_nothing(image, text, chunk_size, ids):
    targets = None if ids is None else torch.tensor(ids)
    log_scale = torch.tensor(2.0, dtype=torch.double)
    loss, dense = gradients(image, text, log_scale, targets=targets)
    tiled_loss, tiled = gradients(image, text, log_scale, targets=targets, chunk_size=chunk_size)
    torch.testing.assert_close(tiled_loss, loss, rtol=0, atol=1e-12)
    for ours, theirs in zip(tiled, dense, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 41), st.integers(1, 13), st.integers(1, 50), st.floats(0.1, 100.0), st.randoms(use_true_random=False))
def test_tiles_change_nothing_at_any_size(n, width, chunk_size, scale, random):
    generator = torch.Generator().manual_seed(random.randrange(2**32))
    image, text = torch.randn(2, n, width, generator=generator, dtype=torch.double)
    ids = torch.tensor([random.randrange(n) for _ in range(n)])
    log_scale = torch.tensor(scale, dtype=torch.double).log()
    for targets in (None, ids):
        _, dense = gradients(image, text, log_scale, targets=targets)
        _, tiled = gradients(image, text, log_scale, targets=targets, chunk_size=chunk_size)
        for ours, theirs in zip(tiled, dense, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_control_a_tile_left_out_shows(image, text, monkeypatch):
    _, dense = gradients(image, text, torch.tensor(2.0, dtype=torch.double))
    monkeypatch.setattr(tiled, "tiles", lambda size, chunk: list(tiles(size, chunk))[:-1])
    _, found = gradients(image, text, torch.tensor(2.0, dtype=torch.double), chunk_size=3)
    assert all((ours - theirs).abs().max() > 1e-3 for ours, theirs in zip(found, dense, strict=True))


def test_tiles_cover_each_pair_once():
    seen = torch.zeros(7, 7)
    for rows, columns in tiles(7, 3):
        seen[rows, columns] += 1
    assert (seen == 1).all()


def test_tiles_take_a_number_for_a_scale_at_full_precision(image, text):
    loss = cm.clip_loss(image, text, 14.3, chunk_size=3)
    torch.testing.assert_close(loss, cm.clip_loss(image, text, 14.3), rtol=0, atol=1e-13)


def test_tiles_at_an_extreme_scale(image, text):
    for scale in (1e-4, 1e4):
        torch.testing.assert_close(cm.clip_loss(image, text, scale, chunk_size=2), cm.clip_loss(image, text, scale))


def test_tiles_in_single_precision(image, text):
    image, text = image.float(), text.float()
    assert cm.clip_loss(image, text, 100.0, chunk_size=2).dtype == torch.float32
    torch.testing.assert_close(cm.clip_loss(image, text, 100.0, chunk_size=2), cm.clip_loss(image, text, 100.0))


def test_the_matrix_never_exists():
    """No tensor made on the way, forward or backward, has more elements than a tile or a batch of features."""
    n, width, largest = 64, 3, 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            largest = max([largest, *(x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor))])
            return out

    def watched(chunk_size):
        nonlocal largest
        largest, image, text = 0, torch.randn(n, width, requires_grad=True), torch.randn(n, width, requires_grad=True)
        with Watch():
            cm.clip_loss(image, text, torch.tensor(9.0), targets=torch.arange(n) // 2, chunk_size=chunk_size).backward()
        return largest

    assert watched(8) == n * width
    assert watched(None) == n * n  # control


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_autocast_leaves_the_loss_in_full_precision(image, text, chunk_size):
    image, text = image.float(), text.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = cm.clip_loss(image, text, 100.0, chunk_size=chunk_size)
    assert torch.equal(inside, cm.clip_loss(image, text, 100.0, chunk_size=chunk_size))


def test_caption_ids_are_exact_in_double(image, text):
    # four pairs of three captions: a target of 1/3 rounded to single precision would be off by 1e-8
    loss = cm.clip_loss(image, text, 3.0, targets=torch.tensor([0, 1, 2, 0, 3, 0, 1]))
    assert loss.item() == pytest.approx(naive(image, text, 3.0, [0, 1, 2, 0, 3, 0, 1]).item(), abs=1e-13)


def test_batches_of_other_sizes_are_refused(image, text):
    with pytest.raises(ValueError, match=r"two batches of equal shape.*\(7, 5\) and \(6, 5\)"):
        cm.clip_loss(image, text[:6], 3.0)
    with pytest.raises(ValueError, match="two batches of equal shape"):
        cm.clip_loss(image[0], text[0], 3.0)
    with pytest.raises(ValueError, match="expected 7 caption ids, one integer a pair, got shape .6,."):
        cm.clip_loss(image, text, 3.0, targets=torch.arange(6))
    with pytest.raises(ValueError, match="one integer a pair, got shape .7,. of torch.float64"):
        cm.clip_loss(image, text, 3.0, targets=image[:, 0])


def test_a_feature_without_direction_is_refused(image, text):
    image[3] = 0
    with pytest.raises(ValueError, match="row 3 of the image features is zero"):
        cm.clip_loss(image, text, 3.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_features_that_are_no_numbers_are_refused(image, text, value):
    text[5, 2] = value
    with pytest.raises(ValueError, match="row 5 of the text features holds NaN or infinity"):
        cm.clip_loss(image, text, 3.0)


@pytest.mark.parametrize("scale", [0.0, -2.66, math.nan, math.inf, torch.tensor(-1.0)])
def test_a_scale_that_is_none_is_refused(image, text, scale):
    with pytest.raises(ValueError, match=r"logit_scale must be positive and finite, got .*pass model.logit_scale.exp\(\)"):
        cm.clip_loss(image, text, scale)


def test_several_scales_are_refused(image, text):
    with pytest.raises(ValueError, match=r"expected one logit_scale, of shape \(\), got shape \(1,\)"):
        cm.clip_loss(image, text, torch.tensor([14.3]))


@pytest.mark.parametrize("chunk_size", [0, -4])
def test_a_tile_without_rows_is_refused(image, text, chunk_size):
    with pytest.raises(ValueError, match=f"chunk_size must be a whole number, at least 1, got {chunk_size}"):
        cm.clip_loss(image, text, 3.0, chunk_size=chunk_size)


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_features_are_compared_in_fp32(image, text, dtype, chunk_size, autocast):
    half = [image.to(dtype).requires_grad_(), text.to(dtype).requires_grad_()]
    full = [x.detach().float().requires_grad_() for x in half]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        ours = cm.clip_loss(*half, torch.tensor(14.3), chunk_size=chunk_size)
    expected = cm.clip_loss(*full, 14.3, chunk_size=chunk_size)
    assert ours.dtype == torch.float32 and torch.equal(ours, expected)
    for gradient, exact in zip(torch.autograd.grad(ours, half), torch.autograd.grad(expected, full), strict=True):
        assert gradient.dtype == dtype and torch.equal(gradient, exact.to(dtype))


def test_of_two_precisions_the_loss_takes_both_in_fp32(image, text):
    mixed = cm.clip_loss(image.bfloat16(), text.float(), 14.3)
    assert torch.equal(mixed, cm.clip_loss(image.bfloat16().float(), text.float(), 14.3))


def test_half_precision_features_may_be_longer_than_half_precision_counts():
    """Each number fits fp16, the length of the row, or its square, does not."""
    for size in (6e4, 1e-5):
        features = torch.full((3, 7), size, dtype=torch.float16)
        assert cm.clip_loss(features, features, 14.3).item() == pytest.approx(math.log(3), abs=1e-5)


def test_double_precision_stays_double(image, text):
    assert cm.clip_loss(image, text, 3.0).dtype == cm.clip_loss(image, text, 3.0, chunk_size=3).dtype == torch.float64


# ---------------------------------------------------------------- derivatives of derivatives, transforms


def curvature(image, text, **how):
    """A Hessian-vector product in the image features."""
    (gradient,) = torch.autograd.grad(cm.clip_loss(image, text, 3.0, **how), image, create_graph=True)
    return torch.autograd.grad((gradient * torch.ones(E).double()).sum(), image)[0]


def test_the_second_derivative_is_a_difference_of_gradients(image, text):
    step = 1e-5 * torch.ones(E, dtype=torch.double)
    ahead, behind = ((image + sign * step).requires_grad_() for sign in (1, -1))
    gradients = [torch.autograd.grad(cm.clip_loss(x, text, 3.0), x)[0] for x in (ahead, behind)]
    difference = (gradients[0] - gradients[1]) / 2e-5
    torch.testing.assert_close(curvature(image.requires_grad_(), text), difference, atol=1e-8, rtol=1e-6)


def test_tiles_refuse_a_second_derivative(image, text):
    with pytest.raises(NotImplementedError, match="tiles has no second derivative: leave out chunk_size"):
        curvature(image.requires_grad_(), text, chunk_size=3)
    log_scale = torch.tensor(1.0, requires_grad=True)
    loss = cm.clip_loss(image.detach(), text, log_scale.exp(), chunk_size=3)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        torch.autograd.grad(loss, log_scale, create_graph=True)
    with pytest.raises(NotImplementedError, match="torch.func: leave out chunk_size"):
        torch.func.hessian(lambda x: cm.clip_loss(x, text, 3.0, chunk_size=3))(image.detach())


@pytest.mark.parametrize("ids", [None, [0, 1, 2, 0, 3, 0, 1]])
def test_a_batch_of_losses_is_each_of_them(image, text, ids):
    targets = None if ids is None else torch.tensor(ids)
    images, scales = torch.stack([image, image.flip(0), image + 1]), torch.tensor([1.0, 3.0, 14.3])

    def loss(image, scale):
        return cm.clip_loss(image, text, scale, targets=targets)

    together = torch.func.vmap(torch.func.grad_and_value(loss, argnums=(0, 1)))(images, scales)
    for i, (x, s) in enumerate(zip(images, scales, strict=True)):
        (by_image, by_scale), value = torch.func.grad_and_value(loss, argnums=(0, 1))(x, s)
        torch.testing.assert_close(together[1][i], value)
        torch.testing.assert_close(together[0][0][i], by_image)
        torch.testing.assert_close(together[0][1][i], by_scale)


def test_a_transform_without_vmap_still_looks_at_the_numbers(image, text):
    image[3] = math.nan
    with pytest.raises(ValueError, match="row 3 of the image features holds NaN"):
        torch.func.grad(lambda x: cm.clip_loss(x, text, 3.0))(image)


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_the_compiled_loss_is_one_graph_and_the_same(image, text, chunk_size):
    def loss(image, text):
        return cm.clip_loss(image, text, 3.0, chunk_size=chunk_size)

    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(image, text), loss(image, text))


def test_an_exported_loss_takes_batches_of_any_size(image, text):
    class Loss(torch.nn.Module):
        def forward(self, image, text):
            return cm.clip_loss(image, text, 3.0)

    pairs = torch.export.Dim("pairs", min=2, max=99)
    exported = torch.export.export(Loss(), (image, text), dynamic_shapes=({0: pairs}, {0: pairs}), strict=False).module()
    torch.testing.assert_close(exported(image[:4], text[:4]), cm.clip_loss(image[:4], text[:4], 3.0))


# ---------------------------------------------------------------- what comes is of another kind


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.int32, torch.bool])
def test_caption_ids_may_be_of_any_integer_kind(dtype):
    n = 2 if dtype == torch.bool else 200
    image, text = torch.randn(2, n, E, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    ids = torch.arange(n).to(dtype)
    for chunk_size in (None, 64):
        loss = cm.clip_loss(image, text, 3.0, targets=ids, chunk_size=chunk_size)
        torch.testing.assert_close(loss, cm.clip_loss(image, text, 3.0, targets=ids.long()))


def test_a_batch_without_pairs_is_refused(image, text):
    for chunk_size in (None, 3):
        with pytest.raises(ValueError, match="expected at least one pair, got none"):
            cm.clip_loss(image[:0], text[:0], 3.0, chunk_size=chunk_size)
    assert cm.clip_loss(image[:1], text[:1], 3.0).item() == 0  # of one pair, either is certain


def test_what_is_no_tensor_of_numbers_is_refused(image, text):
    with pytest.raises(ValueError, match="expected image features as a floating-point tensor .N, E., got ndarray"):
        cm.clip_loss(image.numpy(), text, 3.0)
    with pytest.raises(ValueError, match="expected text features as a floating-point tensor .N, E., got torch.int64"):
        cm.clip_loss(image, text.long(), 3.0)
    with pytest.raises(ValueError, match="caption ids as a tensor .7,., got list: pass torch.tensor"):
        cm.clip_loss(image, text, 3.0, targets=[0] * 7)
    with pytest.raises(ValueError, match="chunk_size must be a whole number, at least 1, got 2.5"):
        cm.clip_loss(image, text, 3.0, chunk_size=2.5)


def test_features_of_32_and_64_bits_are_not_compared(image, text):
    with pytest.raises(ValueError, match="expected features of one precision, got torch.float32 and torch.float64"):
        cm.clip_loss(image.float(), text.double(), 10.0)


def test_features_of_8_bits_are_refused(image, text):
    with pytest.raises(ValueError, match="expected image features of 16, 32 or 64 bits, got torch.float8_e4m3fn: pass"):
        cm.clip_loss(image.to(torch.float8_e4m3fn), text.to(torch.float8_e4m3fn), 10.0)


@pytest.mark.parametrize("scale", [None, "10", [10.0], True])
def test_a_scale_that_is_no_number_is_refused(image, text, scale):
    with pytest.raises(ValueError, match="expected logit_scale as a number or a tensor"):
        cm.clip_loss(image, text, scale)
