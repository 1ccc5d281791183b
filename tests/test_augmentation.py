"""Augmentations that stay pictures, are drawn once a batch, and are the same for any part of it."""

import dataclasses

import pytest
import torch

from clipmini import transforms
from clipmini.datasets import augmentation
from clipmini.datasets.augmentation import AUGMENTATIONS, Changes, apply, augment, draw


@pytest.fixture
def images():
    return torch.randint(0, 256, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def changed(images, name, seed=1):
    return augment(images, draw(name, len(images), torch.Generator().manual_seed(seed)))


def still(n, **changes):
    """No change of n pictures, but for those given."""
    nothing = dict.fromkeys((field.name for field in dataclasses.fields(Changes)), torch.zeros(n))
    return Changes(**nothing | {"zoom_x": torch.ones(n), "zoom_y": torch.ones(n)} | changes)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_stay_pictures(images, name):
    out = changed(images, name)
    assert out.shape == images.shape and out.dtype == torch.float32
    low, high = transforms.normalize(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    assert (out >= low - 1e-4).all() and (out <= high + 1e-4).all()
    white = torch.full_like(images, 255)
    torch.testing.assert_close(changed(white, name), transforms.normalize(white), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["crop", "mild", "handwriting"])
def test_a_generator_decides_an_augmentation(images, name):
    one, two, other = (changed(images, name, seed) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    twins = changed(images[:1].repeat(4, 1, 1, 1), name)
    assert not torch.equal(twins[0], twins[1])  # each image of a batch is changed in its own way


def test_no_augmentation_is_only_normalisation(images):
    assert torch.equal(changed(images, "none"), transforms.normalize(images))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_small_batches(images, name, n):
    assert changed(images[:n], name).shape == (n, 3, 16, 16)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_part_is_changed_as_the_whole_is(images, name, size):
    changes = draw(name, 7, torch.Generator().manual_seed(1))
    rows = [slice(start, start + size) for start in range(0, 7, size)]
    parts = torch.cat([augment(images[part], changes and changes[part]) for part in rows])
    assert torch.equal(parts, augment(images, changes))


def test_a_warp_by_hand(images):
    x, one = images.float(), torch.ones(7)
    torch.testing.assert_close(apply(x, still(7)), x, atol=1e-3, rtol=1e-5)
    # the whole side is 2 long: a shift of 2 / 16 looks one pixel further right
    moved = apply(x, still(7, shift_x=one * 2 / 16))
    torch.testing.assert_close(moved[..., :-1], x[..., 1:], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(moved[..., -1], x[..., -1], atol=1e-3, rtol=1e-5)  # the border repeats
    turned = apply(x, still(7, angle=one * torch.pi / 2))
    torch.testing.assert_close(turned, x.rot90(1, (2, 3)), atol=1e-2, rtol=1e-4)
    smaller = apply(x, still(7, zoom_y=one * 0.5))
    torch.testing.assert_close(smaller[..., 7, :], x[..., 7:8, :].squeeze(-2).lerp(x[..., 8, :], 0.25), atol=1e-2, rtol=1e-4)


def test_thicker_thinner_and_blurred_by_hand():
    dot = torch.ones(3, 1, 9, 9)
    dot[..., 4, 4] = 0
    ink = 1 - apply(dot, still(3, thicken=torch.tensor([0.5, -0.25, 0]), blur=torch.tensor([0, 0, 1.0])))
    assert ink[0, 0, 4, 4] == 1 and ink[0, 0, 3, 3] == 0.5 and ink[0].sum() == 1 + 8 * 0.5
    assert ink[1].sum() == ink[1, 0, 4, 4] == 0.75
    assert ink[2, 0, 4, 4] == pytest.approx(9 / 81, abs=1e-6) and ink[2].sum() == pytest.approx(1, abs=1e-5)


def test_a_crop_sees_only_the_picture():
    """Its window never leaves the image, so no border is repeated: a ramp stays a ramp."""
    ramp = torch.arange(16.0).expand(31, 3, 16, 16) / 15
    out = apply(ramp, draw("crop", 31, torch.Generator().manual_seed(0)))
    steps = out.diff(dim=-1)[..., 1:-1]
    assert (steps >= 0.9 / 15 - 1e-4).all() and (steps <= 1 / 15 + 1e-4).all()


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_what_numbers_are_by_default_changes_nothing(images, name, request):
    expected = changed(images, name), transforms.normalize(images)
    request.getfixturevalue("doubles")
    found = changed(images, name), transforms.normalize(images)
    assert all(torch.equal(a, b) and b.dtype == torch.float32 for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("name", ["crop", "mild", "handwriting"])
def test_augmentations_keep_precision_and_device(images, name):
    changes = draw(name, 7, torch.Generator().manual_seed(1))
    fine, coarse = apply(images.double() / 255, changes), apply(images.float() / 255, changes)
    assert fine.dtype == torch.float64 and (fine - coarse).abs().max() < 1e-5
    with torch.device("meta"):  # as a default device is set
        assert changed(images, name).device.type == "cpu"


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
def test_half_of_what_handwriting_changes_stays_mild(n):
    """The half is that of a batch; of an odd one, or of one picture alone, it is a half over many batches."""
    seen = []
    for seed in range(200):
        smooth = draw("handwriting", n, torch.Generator().manual_seed(seed)).blur == 0
        seen.append(int(smooth.sum()))
        assert smooth[: seen[-1]].all()  # the first ones are the mild ones
    assert set(seen) == ({n // 2, n // 2 + 1} if n % 2 else {n // 2})
    assert abs(sum(seen) / 200 - n / 2) < 0.15  # four deviations


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="unknown augmentation 'strong'; choose from: none, crop, mild, handwriting"):
        draw("strong", 7, torch.Generator())

    class Elsewhere:
        device = torch.device("meta")

    with pytest.raises(ValueError, match="expected a generator on the CPU, .* got meta"):
        draw("mild", 7, Elsewhere())
    assert set(augmentation.AUGMENTATIONS) == {"none", "crop", "mild", "handwriting"}
