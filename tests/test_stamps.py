"""Stamps: from a small folder that is built here, and from the real ones where they are installed."""

import numpy as np
import pytest
from PIL import Image

import clipmini as cm
from clipmini.cli import main
from clipmini.datasets import stamps

COLOURS = {
    "animals/birds/owl": (200, 0, 0),
    "animals/mammals/cats/cat": (0, 0, 200),
    "food/pizza": (0, 200, 0),
    "town/roadsigns/stop": (9, 9, 9),
}
TEXTS = {
    "animals/birds/owl": "An owl.\nde.utf8=Eine Eule.\ntr.utf8=Bir baykuş.\nsr@latin.utf8=Sova.\npt_BR.utf8=\n\n",
    "animals/mammals/cats/cat": "A cat.\nde.utf8=Eine Katze = Mieze.\n",
    "food/pizza": "A quarter of pizza.",
    "town/roadsigns/stop": " A “Stop” sign.\r\nde.utf8=Halt!\r\n",
}
ALL = ["An owl.", "A cat.", "A quarter of pizza.", "A “Stop” sign."]


def put(folder, name, picture, text="A thing."):
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    if text is not None:
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four stamps, and what is none."""
    monkeypatch.setenv("CLIPMINI_STAMPS", str(tmp_path))
    for name, colour in COLOURS.items():
        put(tmp_path, name, Image.new("RGBA", (20, 20), (*colour, 255)), TEXTS[name])
    for name in ("symbols/music/clef", "animals/birds/owl_mirror", "animals/birds/owl_flip", "animals/birds/owl_mirror_flip"):
        put(tmp_path, name, Image.new("RGB", (20, 20)))
    put(tmp_path, "animals/birds/nameless", Image.new("RGB", (20, 20)), None)
    put(tmp_path, "animals/birds/wordless", Image.new("RGB", (20, 20)), "\n")
    (tmp_path / "food/gift.txt").write_text("A gift.")
    (tmp_path / "food/cake.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPMINI_STAMPS", str(tmp_path / "nowhere"))


def test_a_stamp_is_a_picture_of_a_thing_with_words(folder):
    data = cm.datasets.load("stamps", split="test", resolution=17)
    assert data.captions == ALL and data.notes == list(COLOURS)
    assert data.images[:, :, 8, 8].tolist() == [list(colour) for colour in COLOURS.values()]
    assert data.images.shape == (4, 3, 17, 17) and data.labels is None
    assert cm.datasets.splits("stamps") == ("test",)


def test_captions_in_another_language_are_aligned_with_the_rows(folder):
    assert stamps.captions() == stamps.captions("en") == ALL
    assert stamps.captions("de") == ["Eine Eule.", "Eine Katze = Mieze.", None, "Halt!"]
    assert stamps.captions("tr") == ["Bir baykuş.", None, None, None]
    assert stamps.locales() == ["de", "en", "sr@latin", "tr"]  # an empty translation is none
    with pytest.raises(ValueError, match="unknown locale of stamps 'fr'; choose from: de, en, sr@latin, tr"):
        stamps.captions("fr")


def test_kinds_are_folders(folder):
    data = cm.datasets.load("stamps/kinds", split="test", resolution=16)
    assert [data.classes[i] for i in data.labels] == ["bird", "mammal", "road sign"] and len(data.classes) == 12
    assert data.notes == ["animals/birds/owl", "animals/mammals/cats/cat", "town/roadsigns/stop"]
    assert data.images[:, :, 8, 8].tolist() == [list(COLOURS[name]) for name in data.notes] and data.captions is None
    assert all("{}" in template for template in data.templates)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_clear_is_white_and_margins_go(tmp_path, mode):
    """A black bar of 20 x 10 in a clear canvas of 60 x 30, off its middle: across the square, with white above and below."""
    canvas = Image.new("RGBA", (60, 30), (0, 0, 0, 0))
    canvas.paste((0, 0, 0, 255), (5, 3, 25, 13))
    seen = stamps.show(put(tmp_path, "bar", canvas.convert(mode)), 20)
    assert seen.shape == (20, 20, 3) and seen.dtype == np.uint8
    assert (seen[:5] == 255).all() and (seen[5:15] == 0).all() and (seen[15:] == 255).all()


def test_half_clear_is_half_white_and_colours_stay(tmp_path):
    path = put(tmp_path, "haze", Image.new("RGBA", (16, 16), (200, 0, 100, 128)))
    assert np.abs(stamps.show(path, 16).astype(int) - (227, 127, 177)).max() <= 1


def test_a_stamp_of_nothing_is_white(tmp_path):
    assert (stamps.show(put(tmp_path, "ghost", Image.new("RGBA", (9, 5))), 16) == 255).all()


@pytest.mark.parametrize("name", ["stamps", "stamps/kinds"])
def test_where_there_are_none_the_command_is_said(nowhere, name):
    message = r"stamps in .*: no images: not .*GPL.*: sudo apt-get install tuxpaint-stamps-default; .*CLIPMINI_STAMPS"
    with pytest.raises(ValueError, match=message):
        cm.datasets.load(name, split="test")


@pytest.mark.parametrize("ask", [stamps.captions, stamps.locales])
def test_without_stamps_there_are_no_words(nowhere, ask):
    with pytest.raises(ValueError, match="sudo apt-get install tuxpaint-stamps-default"):
        ask()


def test_an_empty_folder_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPMINI_STAMPS", str(tmp_path))
    with pytest.raises(ValueError, match="not installed.*sudo apt-get"):
        cm.datasets.load("stamps", split="test")


def test_stamps_of_no_kind_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPMINI_STAMPS", str(tmp_path))
    put(tmp_path, "food/pie", Image.new("L", (4, 4)))
    with pytest.raises(ValueError, match="no stamps in .* are in one of its folders animals/birds, "):
        cm.datasets.load("stamps/kinds", split="test")


def test_the_usual_place_counts_where_none_is_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPMINI_STAMPS", "")
    monkeypatch.setattr(stamps, "PLACE", str(tmp_path / "usual"))
    put(tmp_path / "usual", "food/pie", Image.new("L", (4, 4)), "A pie.")
    assert stamps.captions() == ["A pie."]


def test_a_tilde_that_stands_for_nothing_is_said(monkeypatch):
    monkeypatch.setenv("CLIPMINI_STAMPS", "~nobody-of-this-name/stamps")
    with pytest.raises(ValueError, match="CLIPMINI_STAMPS is '~nobody-of-this-name/stamps': .*; write the folder in full"):
        stamps.found()


def test_a_broken_stamp_is_named(folder):
    path = folder / "animals/birds/owl.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="owl.png cannot be read: .*--reinstall"):
        cm.datasets.load("stamps", split="test")
    path.with_suffix(".txt").write_bytes(b"An \xff owl.")
    with pytest.raises(ValueError, match="owl.txt is not UTF-8: .*--reinstall"):
        stamps.captions()


def test_a_model_is_scored_on_kinds(folder, capsys):
    assert main(["eval", "glyphs-resnet", "--data", "stamps/kinds:test"]) == 0
    trained, untrained, chance = capsys.readouterr().out.splitlines()[1:]
    assert "trained" in trained and "untrained" in untrained and "8.3%" in chance and "n = 3" in chance


def test_the_listing_has_stamps_and_reads_no_picture(folder, monkeypatch, capsys):
    monkeypatch.setattr(stamps, "show", None)
    assert cm.datasets.about("stamps", "test").split() == "4 images, captions in 4 locales".split()
    assert cm.datasets.about("stamps/kinds", "test").split() == "3 images, 12 classes".split()


def test_the_listing_works_where_there_are_none(nowhere, monkeypatch, capsys):
    monkeypatch.setattr(cm.datasets, "FAMILIES", ("stamps",))
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["stamps:test", "stamps/kinds:test"]
    assert all("not installed" in line and "sudo apt-get install tuxpaint-stamps-default" in line for line in lines)


def test_the_real_ones():
    try:
        stamps.found()
    except ValueError as error:
        pytest.skip(str(error))
    data, kinds = (cm.datasets.load(name, split="test") for name in ("stamps", "stamps/kinds"))
    assert len(data) >= 500 and len(kinds) >= 350 and {"de", "ja", "ko", "tr"} <= set(stamps.locales())
    assert kinds.labels.bincount(minlength=12).min() >= 15
    assert data.captions[data.notes.index("animals/birds/owl")] == "An owl."
    assert stamps.captions("de")[data.notes.index("animals/birds/owl")] == "Eine Eule."
    assert (data.images.flatten(1).float().mean(1) < 255).sum() >= len(data) - 1  # a lightning bolt is white on white
