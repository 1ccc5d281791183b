"""Augmentations that stay pictures, are drawn once a batch, and are the same for any part of it."""

import dataclasses

import pytest
import torch

from clipmini import transforms
from clipmini.datasets import augmentation
from clipmini.datasets.augmentation import AUGMENTATIONS, Changes, apply, augment, draw, ink, jitter, paint


@pytest.fixture
def images():
    return torch.randint(0, 256, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def changed(images, name, seed=1):
    return augment(images, draw(name, len(images), torch.Generator().manual_seed(seed)))


def still(n, **changes):
    """No change of n pictures, but for those given."""
    needed = [field.name for field in dataclasses.fields(Changes) if field.default is dataclasses.MISSING]
    nothing = dict.fromkeys(needed, torch.zeros(n))
    return Changes(**nothing | {"zoom_x": torch.ones(n), "zoom_y": torch.ones(n)} | changes)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_stay_pictures(images, name):
    out = changed(images, name)
    assert out.shape == images.shape and out.dtype == torch.float32
    low, high = transforms.normalize(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    assert (out >= low - 1e-4).all() and (out <= high + 1e-4).all()
    if name == "drawings":
        return  # the light on a white page changes
    white = torch.full_like(images, 255)
    torch.testing.assert_close(changed(white, name), transforms.normalize(white), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["crop", "mild", "handwriting", "drawings"])
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


@pytest.mark.parametrize("name", ["crop", "mild", "handwriting", "drawings"])
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


def painted(images, matrix):
    """Pictures whose colours go through one matrix (3, 4), whether they are grey or not."""
    n = len(images)
    return apply(images, still(n, paint=torch.tensor(matrix).expand(n, 2, 3, 4)))


SWAP = [[0.0, 0.5, 0, 0.25], [1, 0, 0, 0], [0, 0, 1, -2]]


def test_paint_by_hand(images):
    x = images.float() / 255
    out = painted(x, SWAP)
    expected = torch.stack([x[:, 1] / 2 + 0.25, x[:, 0], torch.zeros_like(x[:, 0])], dim=1)  # below black is black
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    one = painted(x[:, :1], SWAP)
    torch.testing.assert_close(one, painted(x[:, :1].expand(-1, 3, -1, -1), SWAP), atol=1e-6, rtol=0)
    torch.testing.assert_close(one[:, 0], x[:, 0] / 2 + 0.25, atol=1e-4, rtol=1e-4)


def test_grey_pictures_are_painted_in_their_own_way():
    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    x[1], x[4] = x[1, :1], x[4, :1]
    x[3, :, 1:] = x[3, :1, 1:]  # a row of pixels in colours is enough
    changes = still(5, paint=torch.tensor([[[0.0, 0, 0, 0.25]] * 3, [[0, 0, 0, 0.75]] * 3]).expand(5, 2, 3, 4))
    assert apply(x, changes).mean(dim=(1, 2, 3)).tolist() == [0.25, 0.75, 0.25, 0.25, 0.75]
    assert (apply(x[:, :1], changes) == 0.75).all()


def test_the_light_by_hand():
    """A grey of the middle is turned neither by saturation nor by contrast; without saturation all channels are the luma's."""
    colours = jitter(501, torch.Generator().manual_seed(0))
    black, grey, white = (paint(torch.full((501, 3, 1, 1), value), colours)[..., 0, 0] for value in (0.0, 0.5, 1.0))
    assert ((white - black) > 0.25).all() and (black < 0.4).all()  # what was dark stays darker than what was light
    assert 0.75 * 0.35 - 1e-5 <= grey.min() and grey.max() <= 1.15 * 0.65 + 1e-5
    assert grey.mean() == pytest.approx(0.5 * 0.95, abs=0.02)  # the tint's mean
    tinted = grey.amax(dim=1) / grey.amin(dim=1)
    assert 1.3 < tinted.max() <= 1.15 / 0.75 + 1e-5
    red = paint(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(501, -1, -1, -1), colours)[..., 0, 0]
    assert (red[:, 0] > red[:, 1] - 0.1).all() and (red[:, 0] - red[:, 1]).amax() > 0.9 > 0.4 > (red[:, 0] - red[:, 1]).amin()


def test_ink_stands_out_from_its_ground():
    luma = torch.tensor([0.299, 0.587, 0.114])
    page = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(501, 1, 1, 3)
    dark, middle, ground = paint(page, ink(501, torch.Generator().manual_seed(0)))[:, :, 0].unbind(-1)
    assert (dark @ luma <= 0.5 + 1e-5).all() and (ground >= 0.75 - 1e-5).all()
    torch.testing.assert_close(middle, (dark + ground) / 2)
    assert dark.amax() > 0.9 and (dark.amax(dim=1) - dark.amin(dim=1)).mean() > 0.3  # of any colour, not black alone


def test_a_third_of_the_grey_drawings_are_inked():
    changes = draw("drawings", 999, torch.Generator().manual_seed(0))
    inked = (changes.paint[:, 0] != changes.paint[:, 1]).flatten(1).any(dim=1)
    assert abs(inked.float().mean() - 1 / 3) < 0.06  # four deviations
    assert draw("mild", 7, torch.Generator()).paint is draw("handwriting", 7, torch.Generator())[:3].paint is None


def test_a_drawing_in_one_channel_comes_out_in_three(images):
    changes = draw("drawings", 7, torch.Generator().manual_seed(1))
    one, three = (augment(x, changes) for x in (images[:, :1], images[:, :1].expand(-1, 3, -1, -1)))
    assert one.shape == (7, 3, 16, 16)
    torch.testing.assert_close(one, three, atol=1e-5, rtol=0)
    assert not torch.equal(one[:, 0], one[:, 1])


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="unknown augmentation 'strong'; choose from: none, crop, mild, handwriting"):
        draw("strong", 7, torch.Generator())

    class Elsewhere:
        device = torch.device("meta")

    with pytest.raises(ValueError, match="expected a generator on the CPU, .* got meta"):
        draw("mild", 7, Elsewhere())
    assert set(augmentation.AUGMENTATIONS) == {"none", "crop", "mild", "handwriting", "drawings"}
