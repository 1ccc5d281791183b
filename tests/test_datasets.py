"""Splits that keep apart what they promise, and a cache that is never trusted blindly."""

import dataclasses
import hashlib

import numpy as np
import pytest
import sklearn.datasets
import torch
from filelock import FileLock

import clipmini as cm
from clipmini import datasets, files
from clipmini.datasets import cache, digits, glyphs
from clipmini.datasets.pairs import PER_IMAGE


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
    (path,) = tmp_path.glob("glyphs-32-*.safetensors")
    return path


def test_glyphs_are_drawn_once(few, tmp_path, monkeypatch):
    first = cm.datasets.load("glyphs", "val").images
    assert cached(tmp_path).is_file()
    forget()
    monkeypatch.setattr(glyphs, "draw", None)
    assert torch.equal(cm.datasets.load("glyphs", "val").images, first)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "one bit"])
def test_a_damaged_cache_is_drawn_again(few, tmp_path, damage):
    first = cm.datasets.load("glyphs", "val").images
    path = cached(tmp_path)
    whole = path.read_bytes()
    bit = whole[:-99] + bytes([whole[-99] ^ 1]) + whole[-98:]
    path.write_bytes({"truncated": whole[:-100], "empty": b"", "text": b"not an array", "one bit": bit}[damage])
    forget()
    assert torch.equal(cm.datasets.load("glyphs", "val").images, first)
    assert path.read_bytes() == whole


def test_an_interrupt_while_glyphs_are_drawn_leaves_nothing_locked(few, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as held:
        patch.setattr(glyphs, "draw", interrupt)
        cm.datasets.load("glyphs", "val")
    assert not list(tmp_path.glob("*.safetensors")) and held.value is not None
    for lock in tmp_path.glob("*.lock"):
        FileLock(lock).acquire(timeout=0).lock.release()  # Timeout if it is still held
    assert len(cm.datasets.load("glyphs", "val")) and cached(tmp_path).is_file()


# Of 116 DejaVu glyphs at two sizes, by version. FreeType 2.13 and 2.14 draw them alike; they differ in some of STIX.
GLYPH_BYTES = {1: "3a5a0fd9113d6c90d40503baeea418a167ae5dca6c861c8afcd20fa0e3044963"}


def glyph_bytes() -> str:
    rows = [(font, code) for font, code, *_ in glyphs.manifest() if font.startswith("DejaVu")][::400]
    return hashlib.sha256(b"".join(glyphs.draw(*row, side).tobytes() for side in (32, 48) for row in rows)).hexdigest()


def test_the_bytes_of_the_glyphs_are_those_of_this_version():
    assert glyph_bytes() == GLYPH_BYTES.get(glyphs.VERSION), (
        f"`draw` draws other pixels than are known of version {glyphs.VERSION} of the glyphs. If that is not meant, undo it. If "
        f"it is, raise VERSION in clipmini/datasets/glyphs.py, or readers keep the old pictures in their caches, add the new "
        f"hash {glyph_bytes()} here, make the checkpoints again, and say why in LOG.md"
    )


def test_a_changed_glyph_is_told_from_the_version(monkeypatch):
    monkeypatch.setattr(glyphs, "BASELINE", 0.75)  # letters stand a pixel lower
    with pytest.raises(AssertionError, match="other pixels than are known of version 1 .*raise VERSION in clipmini/"):
        test_the_bytes_of_the_glyphs_are_those_of_this_version()


def test_another_version_is_drawn_anew(few, tmp_path, monkeypatch):
    cm.datasets.load("glyphs", "val")
    forget()
    monkeypatch.setattr(glyphs, "VERSION", glyphs.VERSION + 1)
    cm.datasets.load("glyphs", "val")
    assert sorted(path.name.split("-")[2] for path in tmp_path.glob("*.safetensors")) == ["v1", "v2"]


def test_without_a_cache_glyphs_are_drawn_again(few, tmp_path, monkeypatch):
    (tmp_path / "clipmini").write_text("in the way")
    monkeypatch.delenv("CLIPMINI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="cannot write .*drawn again next time"):
        assert len(cm.datasets.load("glyphs", "val"))


def test_a_cache_that_cannot_be_written_to_is_named(few, tmp_path, monkeypatch):
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
    names = cm.datasets.names()
    assert names[:2] == ["drawings", "drawings/names"] and names[names.index("scenes") + 1] == "scenes/shape"
    with pytest.raises(ValueError, match="unknown data set 'mnist'; choose from: drawings, glyphs, digits, scenes"):
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


@pytest.mark.parametrize("rows", [
    [4, 2, 2], (4, 2, 2), np.array([4, 2, 2], np.uint8), torch.tensor([4, 2, 2]), torch.tensor([4, 2, 2], dtype=torch.uint8),
    [-19, 2, -21], [np.int64(4), np.int32(2), 2],
])  # fmt: skip
def test_rows_are_chosen_by_number(pairs, rows):
    part = pairs.subset(rows)
    assert part.captions == [pairs.captions[i] for i in (4, 2, 2)] and torch.equal(part.images, pairs.images[[4, 2, 2]])


MASK = torch.arange(23) % 5 == 1  # 1, 6, 11, 16, 21


@pytest.mark.parametrize("rows", [MASK, MASK.numpy(), MASK.tolist(), slice(1, None, 5), range(1, 23, 5)], ids=type)
def test_rows_are_chosen_by_a_mask_or_a_slice(pairs, rows):
    part = pairs.subset(rows)
    assert part.captions == [pairs.captions[i] for i in (1, 6, 11, 16, 21)]
    assert torch.equal(part.images, pairs.images[1::5])


@pytest.mark.parametrize(("rows", "message"), [
    ([], "no rows are left"), (slice(5, 5), "no rows are left"), (torch.zeros(23, dtype=torch.bool), "no rows are left"),
    (MASK[:22], "a mask of 22 does not fit 23 images"), ([True], "a mask of 1 does not fit 23 images"),
    ([0, 23], "rows go from 0 to 22, or from -23 to -1, got 23"), ([-24], "got -24"),
    ([0.0, 1.0], "expected rows as whole numbers, a slice, or a mask of 23, got float64"), (3, "got int64 of shape"),
    (None, "got object"), (["red a"], "expected rows as whole"), (torch.zeros(2, 2, dtype=torch.long), r"shape \(2, 2\)"),
    ((i for i in range(3)), "got object"),
])  # fmt: skip
def test_rows_that_are_not_there_are_refused(pairs, rows, message):
    with pytest.raises(ValueError, match=message):
        pairs.subset(rows)


def test_every_field_is_of_an_image_or_of_the_set():
    """A new field of Pairs is either in PER_IMAGE, where subset and sums find it, or here."""
    fields = {field.name for field in dataclasses.fields(datasets.Pairs)}
    assert fields == set(PER_IMAGE) | {"name", "split", "images", "classes", "templates", "sources"}


def test_a_subset_keeps_all_that_is_known_of_an_image(pairs):
    known = {
        "captions": pairs.captions, "wordings": [(text, "a") for text in pairs.captions],
        "concept": torch.arange(23), "source": torch.arange(23) // 2, "labels": torch.arange(23),
        "positives": torch.arange(23)[:, None],
        "choices": [(str(i),) for i in range(23)], "films": torch.arange(23) // 7, "notes": list(map(str, range(23))),
    }  # fmt: skip
    assert set(known) == set(PER_IMAGE)
    part = datasets.Pairs(name="p", split="s", images=pairs.images, **known).subset([7, 5])
    assert (part.labels.tolist(), part.positives.tolist(), part.films.tolist()) == ([7, 5], [[7], [5]], [1, 0])
    assert (part.choices, part.notes) == ([("7",), ("5",)], ["7", "5"])
    both = part + part.subset([1])
    assert both.notes == ["7", "5", "5"] and both.captions[2] == pairs.captions[5]
    assert both.labels is both.positives is both.choices is both.films is None
    assert (part + dataclasses.replace(part, notes=None)).notes is None


@pytest.mark.parametrize(("text", "message"), [
    (None, "caption 5 is not a text: None"), (float("nan"), "caption 5 is not a text: nan"), (7, "caption 5 is not a text: 7"),
    (b"red", "caption 5 is not a text: b'red'"), (["red"], "caption 5 is not a text"),
    ("red \ud83d", r"caption 5 holds '\\ud83d', half of a character"), ("\udc00", "caption 5 holds"),
])  # fmt: skip
def test_a_caption_that_is_no_text_is_named(pairs, text, message):
    captions = [*pairs.captions[:5], text, *pairs.captions[6:]]
    with pytest.raises(ValueError, match=message):
        datasets.Pairs(name="p", split="s", images=pairs.images, captions=captions)


def test_any_text_may_be_a_caption(pairs):
    captions = np.array(["", "\U0001f600", "e\u0301\n", *pairs.captions[3:]])
    data = datasets.Pairs(name="p", split="s", images=pairs.images, captions=captions)
    assert data.subset([1, 0]).captions == ["\U0001f600", ""]
    with pytest.raises(ValueError, match="captions are a list of texts, got one text: 'abcdefghijklmnopqrstuvw'"):
        datasets.Pairs(name="p", split="s", images=pairs.images, captions="abcdefghijklmnopqrstuvw")


@pytest.mark.parametrize(("images", "got"), [
    (np.zeros((2, 3, 4, 4), np.uint8), "ndarray: torch.from_numpy makes a tensor"), ([[0]], "list"), (None, "NoneType"),
    (torch.zeros(2, 3, 4, 4, dtype=torch.float64), r"torch.float64 \(2, 3, 4, 4\)"),
    (torch.zeros(3, 4, 4).byte(), r"torch.uint8 \(3, 4, 4\)"),
])  # fmt: skip
def test_images_of_another_kind_are_refused(images, got):
    with pytest.raises(ValueError, match=rf"expected a tensor of uint8 images, 0 to 255, of shape \(N, 3, H, W\), got {got}"):
        datasets.Pairs(name="p", split="s", images=images)


def test_pairs_that_do_not_fit_are_refused(pairs):
    make = {"name": "p", "split": "s"}
    with pytest.raises(ValueError, match="p, split s: there are no images"):
        datasets.Pairs(images=pairs.images[:0], **make)
    with pytest.raises(ValueError, match="23 images but 2 captions"):
        datasets.Pairs(images=pairs.images, captions=["a", "b"], **make)
    with pytest.raises(ValueError, match="23 images but 2 labels"):
        datasets.Pairs(images=pairs.images, labels=torch.zeros(2), **make)
    with pytest.raises(ValueError, match="expected a tensor of uint8 images"):
        datasets.Pairs(images=pairs.images.float(), **make)
    with pytest.raises(ValueError, match="expected a tensor of uint8 images"):
        datasets.Pairs(images=pairs.images[:, :1], **make)


def test_right_answers_are_the_label_or_every_equal_picture():
    digits_, glyphs_ = cm.datasets.load("digits", "dev"), cm.datasets.load("glyphs", "new_names")
    assert torch.equal(digits_.right, digits_.labels[:, None])
    assert (glyphs_.right == glyphs_.labels[:, None]).any(dim=1).all()
    assert (glyphs_.right[:, 1:] >= 0).any()  # some have a twin


def test_wordings_begin_with_the_caption(pairs):
    said = [(caption, "a drawing") for caption in pairs.captions]
    worded = dataclasses.replace(pairs, wordings=said, concept=torch.arange(23) % 7)
    few = worded.subset([4, 2])
    assert (few.wordings, few.concept.tolist()) == ([said[4], said[2]], [4, 2])
    both = worded + worded
    assert both.wordings == said * 2
    assert both.concept is None, "numbers of things mean nothing in another data set"
    for row, wrong in ((3, ("a drawing",)), (5, ()), (7, pairs.captions[7])):
        with pytest.raises(ValueError, match=f"wordings {row}: expected a tuple of texts that begins with the caption"):
            dataclasses.replace(pairs, wordings=[*said[:row], wrong, *said[row + 1 :]])
    with pytest.raises(ValueError, match="22 wordings"):
        dataclasses.replace(pairs, wordings=said[1:])
    with pytest.raises(ValueError, match="wordings need captions"):
        dataclasses.replace(pairs, captions=None, wordings=said)


@pytest.mark.parametrize("wrong", ["ab", ["a", 3], 7])
def test_choices_are_texts_to_choose_from(pairs, wrong):
    choices = [("a", "b")] * 22 + [wrong]
    with pytest.raises(ValueError, match="choices 22: expected a tuple of captions to choose from, got"):
        dataclasses.replace(pairs, choices=choices)


@pytest.mark.parametrize("what", ["captions", "notes", "choices"])
def test_a_generator_in_place_of_a_list_is_refused(pairs, what):
    with pytest.raises(ValueError, match=f"{what}: expected one for each of 23 images, got generator: pass list"):
        dataclasses.replace(pairs, **{what: (text for text in pairs.captions)})


def test_the_cache_writes_the_same_bytes_and_sees_a_changed_header(tmp_path):
    arrays = {"b": np.arange(6, dtype=np.int32).reshape(2, 3), "a": np.zeros((0, 4), np.uint8), "c": np.ones(3, np.float32)}
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        cache.write(path, arrays)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = cache.read(paths[0])
    assert all(np.array_equal(read[name], part) and read[name].dtype == part.dtype for name, part in arrays.items())
    whole = paths[0].read_bytes()
    for before, after in ((b"[2,3]", b"[3,2]"), (b'"I32"', b'"F32"'), (b"cache-2", b"cache-1")):
        assert before in whole
        paths[1].write_bytes(whole.replace(before, after))
        assert cache.read(paths[1]) is None, f"{before} became {after}"
