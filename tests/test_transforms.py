"""Preprocessing to the bit as the released models had it, and augmentations that stay pictures."""

import warnings

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
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
    for augmented in (lambda x: transforms.augment(x, "mild", torch.Generator()), transforms.normalize):
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


class Elsewhere:
    """A generator that says it is on another device."""

    device = torch.device("meta")


def test_a_generator_on_another_device_is_refused(images):
    with pytest.raises(ValueError, match="expected a generator on the CPU, .* got meta"):
        transforms.augment(images, "mild", Elsewhere())


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", transforms.AUGMENTATIONS)
def test_what_numbers_are_by_default_changes_nothing(images, name, request):
    expected = transforms.augment(images, name, torch.Generator().manual_seed(1)), transforms.normalize(images)
    request.getfixturevalue("doubles")
    found = transforms.augment(images, name, torch.Generator().manual_seed(1)), transforms.normalize(images)
    assert all(torch.equal(a, b) and b.dtype == torch.float32 for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("name", transforms.AUGMENTATIONS)
def test_augmentations_keep_precision_and_device(images, name):
    change, rng = transforms.AUGMENTATIONS[name], lambda: transforms.Rng(torch.Generator().manual_seed(1), "cpu")
    fine, coarse = change(images.double() / 255, rng()), change(images.float() / 255, rng())
    assert fine.dtype == torch.float64 and (fine - coarse).abs().max() < 1e-5
    assert transforms.augment(images.to("meta"), name, torch.Generator()).device.type == "meta"
    with torch.device("meta"):  # as a default device is set
        assert transforms.augment(images, name, torch.Generator()).device.type == "cpu"


def test_standardising_is_as_fine_as_its_images():
    white = transforms.standardize(torch.ones(1, 3, 2, 2, dtype=torch.float64))
    assert white.dtype == torch.float64
    assert white[0, :, 0, 0].tolist() == [(1 - m) / s for m, s in zip(transforms.MEAN, transforms.STD, strict=True)]


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
def test_half_of_what_handwriting_changes_stays_mild(monkeypatch, n):
    """The half is that of a batch; of an odd one, or of one picture alone, it is a half over many batches."""
    seen = []
    monkeypatch.setattr(transforms, "mild", lambda images, rng: (seen.append(len(images)), images)[1])
    for seed in range(200):
        images = torch.rand(n, 1, 8, 8)
        out = transforms.handwriting(images, transforms.Rng(torch.Generator().manual_seed(seed), "cpu"))
        assert out.shape == images.shape and torch.equal(out[: seen[-1]], images[: seen[-1]])  # the first ones are the mild ones
        assert all(not torch.equal(a, b) for a, b in zip(out[seen[-1] :], images[seen[-1] :], strict=True))
    assert set(seen) == ({n // 2, n // 2 + 1} if n % 2 else {n // 2})
    assert abs(sum(seen) / 200 - n / 2) < 0.15  # four deviations


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
