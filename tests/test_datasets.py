"""Splits that keep apart what they promise, and a cache that is never trusted blindly."""

import hashlib

import numpy as np
import pytest
import sklearn.datasets
import torch

import clipmini as cm
from clipmini import datasets, files
from clipmini.datasets import digits, glyphs


def forget():
    """What a new process would not know."""
    for remembered in (glyphs.draw_all, glyphs.labelled, glyphs.all_positives):
        remembered.cache_clear()


@pytest.fixture(scope="module")
def names():
    """The names of each split, from the manifest that ships."""
    return {split: {name for _, _, name, s in glyphs.manifest() if s == split} for split in glyphs.SPLITS}


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A manifest of 31 glyphs and an empty cache."""
    rows = [row for split in glyphs.SPLITS for row in [r for r in glyphs.manifest() if r[3] == split][:7]]
    twins = {"latin capital letter a": "A", "alpha": "\u0391", "space": " "}
    rows += [("DejaVuSans.ttf", ord(character), name, "train") for name, character in twins.items()]
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    monkeypatch.setattr(glyphs, "manifest", lambda: rows)
    forget()
    yield rows
    forget()


def test_names_to_be_found_are_never_seen_in_training(names):
    assert not names["train"] & names["val"]
    assert not names["train"] & names["new_names"]
    assert not names["val"] & names["new_names"]
    assert all(len(names[split]) > 100 for split in glyphs.SPLITS)


def test_the_held_out_family_is_never_seen_in_training():
    fonts = {split: {font for font, *_, s in glyphs.manifest() if s == split} for split in glyphs.SPLITS}
    assert all(font.startswith("STIX") for font in fonts["new_font"])
    assert not any(font.startswith("STIX") for split in ("train", "val", "new_names") for font in fonts[split])


def test_most_names_of_the_held_out_family_are_known(names):
    """About a third are not: its mathematical letters and operators are in no other family."""
    assert 0.6 < len(names["new_font"] & names["train"]) / len(names["new_font"]) < 0.75


def test_every_digit_is_read_about_in_training(names):
    assert {f"digit {name}" for name in digits.NAMES} <= names["train"]


def test_a_glyph_is_in_one_split_only():
    pairs = [(font, code) for font, code, *_ in glyphs.manifest()]
    assert len(pairs) == len(set(pairs)) > 50_000


def test_no_picture_to_be_found_was_seen_in_training():
    images, rows = glyphs.draw_all(32), glyphs.manifest()
    digests = {split: set() for split in glyphs.SPLITS}
    for image, (*_, split) in zip(images, rows, strict=True):
        digests[split].add(hashlib.sha256(image.numpy().tobytes()).digest())
    for split in ("val", "new_names", "new_font"):
        assert not digests[split] & digests["train"], split


@pytest.mark.parametrize("split", glyphs.SPLITS)
def test_a_split_is_what_it_says(few, split):
    data = cm.datasets.load("glyphs", split, resolution=17)
    n = sum(s == split for *_, s in few)
    assert data.images.shape == (n, 3, 17, 17) and data.images.dtype == torch.uint8
    assert data.captions == [name for *_, name, s in few if s == split]
    assert [data.classes[i] for i in data.labels] == data.captions
    assert all(label in row for label, row in zip(data.labels, data.positives, strict=True))
    assert data.classes == sorted({name for *_, name, _ in few})  # the same classes in every split
    assert (data.images == data.images[:, :1]).all()


def test_ink_is_black_on_white(few):
    data = cm.datasets.load("glyphs", "train", resolution=32)
    assert data.images.float().mean() > 160
    letter = data.images[data.captions.index("latin capital letter a")]
    assert letter.min() < 60 and (letter[:, :2] == 255).all()


def test_pixels_that_are_equal_may_have_either_name(few):
    data = cm.datasets.load("glyphs", "train", resolution=32)
    latin, greek = (data.captions.index(name) for name in ("latin capital letter a", "alpha"))
    assert torch.equal(data.images[latin], data.images[greek])
    expected = {data.classes.index("latin capital letter a"), data.classes.index("alpha")}
    assert set(data.positives[latin].tolist()) - {-1} == set(data.positives[greek].tolist()) - {-1} == expected


def test_equal_pixels_by_hand():
    images = torch.tensor([0, 5, 0, 7, 0], dtype=torch.uint8).view(5, 1, 1, 1)
    rows = glyphs.names_of_equal_pixels(images, torch.tensor([3, 1, 4, 2, 3]))
    assert rows.tolist() == [[3, 4], [1, -1], [3, 4], [2, -1], [3, 4]]


def cached(tmp_path):
    (path,) = tmp_path.glob("glyphs-32-*.npy")
    return path


def test_glyphs_are_drawn_once(few, tmp_path, monkeypatch):
    first = cm.datasets.load("glyphs", "val").images
    assert cached(tmp_path).is_file()
    forget()
    monkeypatch.setattr(glyphs, "draw", None)
    assert torch.equal(cm.datasets.load("glyphs", "val").images, first)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "shape", "pickle"])
def test_a_damaged_cache_is_drawn_again(few, tmp_path, damage):
    first = cm.datasets.load("glyphs", "val").images
    path = cached(tmp_path)
    whole = path.read_bytes()
    if damage == "shape":
        np.save(path, np.zeros((3, 32, 32), np.uint8))
    elif damage == "pickle":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    else:
        path.write_bytes({"truncated": whole[:-100], "empty": b"", "text": b"not an array"}[damage])
    forget()
    assert torch.equal(cm.datasets.load("glyphs", "val").images, first)
    assert path.read_bytes() == whole


def test_a_cache_that_can_not_be_written_to_is_named(few, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="CLIPMINI_CACHE: cannot write"):
        cm.datasets.load("glyphs", "val")


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("CLIPMINI_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache_dir() == tmp_path / "clipmini"
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "mine"))
    assert files.cache_dir() == tmp_path / "mine"


def test_digits_are_two_halves():
    dev, test = (cm.datasets.load("digits", split) for split in ("dev", "test"))
    assert (len(dev), len(test)) == (898, 899)
    scans = sklearn.datasets.load_digits().target
    both = torch.cat([dev.labels, test.labels])
    assert both.bincount().tolist() == np.bincount(scans).tolist()
    seen = {image.numpy().tobytes() for image in dev.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)
    for data in (dev, test):
        assert data.images.shape[1:] == (3, 32, 32) and data.captions is None
        assert data.classes[7] == "seven" and "digit {}" in data.templates
        assert data.images.float().mean() > 160  # dark ink on white


def test_digits_keep_their_scans():
    data, scans = cm.datasets.load("digits", "dev"), sklearn.datasets.load_digits()
    rows = np.sort(np.random.default_rng(0).permutation(1797)[:898])
    side, bottom = round(32 * digits.HEIGHT), round(32 * glyphs.BASELINE)
    left = (32 - side) // 2
    for image, label, row in zip(data.images[:50], data.labels, rows, strict=False):
        ink = 255 - image[0, bottom - side : bottom, left : left + side].float()
        assert ink.sum() == (255 - image[0].float()).sum()  # white around it
        coarse = torch.nn.functional.interpolate(ink[None, None], size=(8, 8), mode="area").flatten()
        scan = torch.from_numpy(scans.images[row]).float().flatten()
        assert torch.corrcoef(torch.stack([coarse, scan]))[0, 1] > 0.9
        assert label == scans.target[row]


def test_choices_are_listed():
    assert cm.datasets.names()[:4] == ["glyphs", "digits", "scenes", "scenes/shape"]
    with pytest.raises(ValueError, match="unknown data set 'mnist'; choose from: glyphs, digits, scenes"):
        cm.datasets.load("mnist", "train")
    with pytest.raises(ValueError, match="unknown split of digits 'train'; choose from: dev, test"):
        cm.datasets.load("digits", "train")
    with pytest.raises(ValueError, match="resolution must be between 16 and 256 px, got 8"):
        cm.datasets.load("glyphs", "train", resolution=8)


def test_pairs_are_added_to_pairs(pairs):
    both = pairs + pairs.subset([4, 2])
    assert torch.equal(both.images, torch.cat([pairs.images, pairs.images[[4, 2]]]))
    assert both.captions == [*pairs.captions, pairs.captions[4], pairs.captions[2]] and both.labels is None


def test_only_pairs_of_one_size_with_captions_are_added(pairs):
    with pytest.raises(ValueError, match="without captions"):
        pairs + pairs.without_captions()
    larger = cm.datasets.Pairs(name="larger", split="train", images=torch.zeros(1, 3, 40, 40, dtype=torch.uint8), captions=["a"])
    with pytest.raises(ValueError, match="same size"):
        pairs + larger


def test_subset_keeps_rows_together(pairs):
    labelled = datasets.Pairs(
        name="p", split="s", images=pairs.images, captions=pairs.captions, labels=torch.arange(23), classes=["c"] * 23
    )
    part = labelled.subset([4, 2, 2])
    assert len(part) == 3 and part.labels.tolist() == [4, 2, 2] and part.positives is None
    assert part.captions == [pairs.captions[i] for i in (4, 2, 2)]
    assert torch.equal(part.images, pairs.images[[4, 2, 2]])


def test_pairs_that_do_not_fit_are_refused(pairs):
    make = {"name": "p", "split": "s"}
    with pytest.raises(ValueError, match="p, split s: there are no images"):
        datasets.Pairs(images=pairs.images[:0], **make)
    with pytest.raises(ValueError, match="23 images but 2 captions"):
        datasets.Pairs(images=pairs.images, captions=["a", "b"], **make)
    with pytest.raises(ValueError, match="23 images but 2 labels"):
        datasets.Pairs(images=pairs.images, labels=torch.zeros(2), **make)
    with pytest.raises(ValueError, match="expected uint8 images"):
        datasets.Pairs(images=pairs.images.float(), **make)
    with pytest.raises(ValueError, match="expected uint8 images"):
        datasets.Pairs(images=pairs.images[:, :1], **make)


def test_right_answers_are_the_label_or_every_equal_picture():
    digits_, glyphs_ = cm.datasets.load("digits", "dev"), cm.datasets.load("glyphs", "new_names")
    assert torch.equal(digits_.right, digits_.labels[:, None])
    assert (glyphs_.right == glyphs_.labels[:, None]).any(dim=1).all()
    assert (glyphs_.right[:, 1:] >= 0).any()  # some have a twin
