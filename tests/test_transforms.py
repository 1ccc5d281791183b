"""Preprocessing to the bit as the released models had it."""

import warnings

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torchvision import transforms as tv

from clipmini import transforms
from clipmini.datasets.augmentation import augment

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


@pytest.mark.filterwarnings("ignore:values of a 16-bit")
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


def test_mistakes_are_refused(images):
    with pytest.raises(ValueError, match="expected uint8 images, 0 to 255, got torch.float32"):
        transforms.normalize(images.float())
    with pytest.raises(ValueError, match="expected a PIL image, got ndarray"):
        transforms.preprocess(np.zeros((9, 9, 3)), 16)
    for augmented in (lambda x: augment(x, None), transforms.normalize):
        with pytest.raises(ValueError, match="expected uint8 images, 0 to 255, got torch.float64"):
            augmented(images.double())
        with pytest.raises(ValueError, match="tensor of uint8 images, 0 to 255, got ndarray: torch.from_numpy makes"):
            augmented(images.numpy())
        with pytest.raises(ValueError, match="tensor of uint8 images, 0 to 255, got list"):
            augmented([images[0], images[1]])
        with pytest.raises(ValueError, match=r"expected images of shape \(N, 3, H, W\) or .*got \(3, 16, 16\)"):
            augmented(images[0])
    with pytest.raises(ValueError, match="expected a tensor of images from 0 to 1, got torch.uint8: normalize takes uint8"):
        transforms.standardize(images)
    with pytest.raises(ValueError, match="expected a tensor of images from 0 to 1, got ndarray"):
        transforms.standardize(np.zeros((1, 3, 4, 4)))
    for image in (images[0], [[0]], "cat.png"):
        with pytest.raises(ValueError, match="expected a PIL image, got .*PIL.Image.open a file, fromarray an array"):
            transforms.preprocess(image, 16)
    with pytest.raises(ValueError, match="no pixels: 0 x 5"):
        transforms.preprocess(Image.new("RGB", (0, 5)), 16)


def test_standardising_is_as_fine_as_its_images():
    white = transforms.standardize(torch.ones(1, 3, 2, 2, dtype=torch.float64))
    assert white.dtype == torch.float64
    assert white[0, :, 0, 0].tolist() == [(1 - m) / s for m, s in zip(transforms.MEAN, transforms.STD, strict=True)]


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_wide_pictures_are_cut_off_with_a_warning(mode):
    with pytest.warns(UserWarning, match="cut off above 255, as in the released preprocessing.*scale them to 0..255"):
        transforms.preprocess(picture(mode, (37, 53)), 16)
    wide = Image.fromarray(np.full((20, 20), 40_000, np.uint16))
    with pytest.warns(UserWarning, match="one colour"):
        assert torch.equal(transforms.preprocess(wide, 16), transforms.preprocess(Image.new("RGB", (20, 20), "white"), 16))


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_an_exif_rotation_is_ignored_with_a_warning(tmp_path, kind):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / f"turned.{kind}"
    picture("RGB", (53, 37)).save(path, exif=exif)
    with pytest.warns(UserWarning, match="EXIF rotation of an image is ignored.*exif_transpose"):
        ignored = transforms.preprocess(Image.open(path), 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        turned = transforms.preprocess(ImageOps.exif_transpose(Image.open(path)), 16)
    torch.testing.assert_close(turned, ignored.rot90(-1, (1, 2)), atol=0.1, rtol=0)  # it was not turned before


def test_a_warning_comes_once():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        vars(transforms).pop("__warningregistry__", None)
        wide = Image.fromarray(np.full((20, 20), 300, np.uint16))
        transforms.preprocess(wide, 16)
        transforms.preprocess(wide, 16)  # from another line
    assert len(seen) == 1


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK"])
def test_other_pictures_warn_of_nothing(mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transforms.preprocess(picture(mode, (37, 53)), 16)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 30_000)])
def test_a_picture_that_would_fill_the_memory_is_refused(monkeypatch, size):
    monkeypatch.setattr(Image.Image, "resize", None)  # so that nothing is resized to be refused
    with pytest.raises(ValueError, match=f"an image of {size[0]} x {size[1]} px would be resized to 224 x .*cut off what"):
        transforms.preprocess(Image.new("1", size), 224)


def test_a_panorama_is_no_such_picture():
    assert transforms.preprocess(Image.new("L", (40, 10_000)), 336).shape == (3, 336, 336)


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
