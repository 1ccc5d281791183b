"""Preprocessing to the bit as the released models had it, and augmentations that stay pictures."""

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError
from torchvision import transforms as tv

from clipmini import transforms

MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I", "F", "I;16"]
SIZES = [(37, 53), (53, 37), (41, 41), (16, 16), (9, 200), (200, 9), (16, 23), (5, 7)]


def picture(mode, size):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode in ("I", "F", "I;16"):
        dtype = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        return Image.fromarray(values[..., 0].astype(dtype))
    rgba = Image.fromarray(values, "RGBA")
    if mode == "P":
        return rgba.convert("RGB").quantize(17)
    return rgba if mode == "RGBA" else rgba.convert(mode) if mode in ("LA",) else rgba.convert("RGB").convert(mode)


def released(resolution):
    """The released preprocessing, in its order: crop first, then convert to RGB."""
    return tv.Compose(
        [
            tv.Resize(resolution, interpolation=tv.InterpolationMode.BICUBIC),
            tv.CenterCrop(resolution),
            lambda image: image.convert("RGB"),
            tv.ToTensor(),
            tv.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ]
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_preprocessing_is_the_released_one(mode, size):
    image = picture(mode, size)
    assert image.mode == mode
    out = transforms.preprocess(image, 16)
    assert out.shape == (3, 16, 16)
    torch.testing.assert_close(out, released(16)(image), atol=1e-6, rtol=0)


def test_the_order_matters():
    """The control: RGB first gives other pixels for a palette, so the test above can tell."""
    image = picture("P", (37, 53))
    other = transforms.preprocess(image.convert("RGB"), 16)
    assert (transforms.preprocess(image, 16) - other).abs().max() > 0.1


def test_normalisation_by_hand():
    white, black = transforms.normalize(torch.tensor([255, 0], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    # (1 - 0.48145466) / 0.26862954 = 1.930336; (0 - 0.48145466) / 0.26862954 = -1.792263
    assert white[0].item() == pytest.approx(1.930336, abs=1e-5)
    assert black[0].item() == pytest.approx(-1.792263, abs=1e-5)
    assert white[2].item() == pytest.approx((1 - 0.40821073) / 0.27577711, abs=1e-5)


@pytest.fixture
def images():
    return torch.randint(0, 256, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("name", transforms.AUGMENTATIONS)
def test_augmentations_stay_pictures(images, name):
    out = transforms.augment(images, name, torch.Generator().manual_seed(1))
    assert out.shape == images.shape and out.dtype == torch.float32
    low, high = transforms.normalize(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    assert (out >= low - 1e-4).all() and (out <= high + 1e-4).all()
    white = torch.full_like(images, 255)
    torch.testing.assert_close(
        transforms.augment(white, name, torch.Generator()), transforms.normalize(white), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("name", ["crop", "mild", "handwriting"])
def test_a_generator_decides_an_augmentation(images, name):
    one, two, other = (transforms.augment(images, name, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    twins = transforms.augment(images[:1].repeat(4, 1, 1, 1), name, torch.Generator().manual_seed(1))
    assert not torch.equal(twins[0], twins[1])  # each image of a batch is changed in its own way


def test_no_augmentation_is_only_normalisation(images):
    out = transforms.augment(images, "none", torch.Generator())
    assert torch.equal(out, transforms.normalize(images))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", transforms.AUGMENTATIONS)
def test_small_batches(images, name, n):
    assert transforms.augment(images[:n], name, torch.Generator().manual_seed(1)).shape == (n, 3, 16, 16)


def test_warp_by_hand(images):
    x, one, none = images.float(), torch.ones(7), torch.zeros(7)
    torch.testing.assert_close(transforms.warp(x, zoom=(one, one), shift=(none, none)), x, atol=1e-3, rtol=1e-5)
    # the whole side is 2 long: a shift of 2 / 16 looks one pixel further right
    moved = transforms.warp(x, zoom=(one, one), shift=(one * 2 / 16, none))
    torch.testing.assert_close(moved[..., :-1], x[..., 1:], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(moved[..., -1], x[..., -1], atol=1e-3, rtol=1e-5)  # the border repeats
    turned = transforms.warp(x, zoom=(one, one), shift=(none, none), angle=one * torch.pi / 2)
    torch.testing.assert_close(turned, x.rot90(1, (2, 3)), atol=1e-2, rtol=1e-4)


def test_a_crop_sees_only_the_picture():
    """Its window never leaves the image, so no border is repeated: a ramp stays a ramp."""
    ramp = torch.arange(16.0).expand(31, 3, 16, 16) / 15
    out = transforms.crop(ramp, transforms.Rng(torch.Generator().manual_seed(0), "cpu"))
    steps = out.diff(dim=-1)[..., 1:-1]
    assert (steps >= 0.9 / 15 - 1e-4).all() and (steps <= 1 / 15 + 1e-4).all()


def test_mistakes_are_refused(images):
    with pytest.raises(ValueError, match="unknown augmentation 'strong'; choose from: none, crop, mild, handwriting"):
        transforms.augment(images, "strong", torch.Generator())
    with pytest.raises(ValueError, match="expected uint8 images, 0 to 255, got torch.float32"):
        transforms.normalize(images.float())
    with pytest.raises(ValueError, match="expected a PIL image, got ndarray"):
        transforms.preprocess(np.zeros((9, 9, 3)), 16)
    with pytest.raises(ValueError, match="no pixels: 0 x 5"):
        transforms.preprocess(Image.new("RGB", (0, 5)), 16)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
@pytest.mark.parametrize("part", [0.4, 0.9])
def test_a_broken_image_file_is_refused(tmp_path, kind, part):
    path = tmp_path / f"picture.{kind}"
    picture("RGB", (53, 37)).save(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with Image.open(path) as image, pytest.raises(ValueError, match="the image cannot be read: .*truncated"):
        transforms.preprocess(image, 16)


def test_a_text_named_as_a_picture_is_refused_by_pil(tmp_path):
    path = tmp_path / "picture.png"
    path.write_text("not a picture")
    with pytest.raises(UnidentifiedImageError):
        Image.open(path)
