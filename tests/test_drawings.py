"""The miniature web: what ships is what the manifest says, nothing unfit is in it, and who is a stranger is one."""

import hashlib
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

import clipmini as cm
from clipmini.datasets import drawings
from clipmini.datasets.drawings import gather, manifest, packages, redraw, sheets
from clipmini.datasets.drawings.tasks import ENOUGH
from clipmini.files import data_folder
from tools import ROOT
from tools.drawings.collect import squeezed
from tools.drawings.fit import COUNTRIES, listed, regional
from tools.drawings.sets import COLLECTIONS
from tools.drawings.words import says_any, without_style

HASHES = ROOT / "tests" / "drawing_hashes.json"
FREE = {"MIT", "Apache-2.0", "ISC", "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "public domain"}
COLLECTION = {collection.name: collection for collection in COLLECTIONS}


@pytest.fixture(scope="module")
def rows():
    return manifest.drawings()


def of(rows, *splits):
    return [row for row in rows if row.split in splits]


def test_the_bytes_are_those_of_this_version():
    folder = data_folder() / "drawings"
    now = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    stored = json.loads(HASHES.read_text())
    assert stored["version"] == drawings.VERSION
    assert now == stored["files"], "other bytes in the same version: raise drawings.VERSION, and store their hashes"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 25e6


def test_each_collection_may_ship_and_says_who_made_it(rows):
    known = manifest.collections()
    assert {row.collection for row in rows} == set(known)
    for about in known.values():
        assert about["licence"] in FREE
        assert about["title"] and about["author"] and about["package"] and about["version"] and about["studio"]
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    assert [about["title"] for about in known.values() if about["title"] not in notices] == []
    assert sum(bool(row.author) for row in rows if row.collection == "openclipart") > 5000


def test_nothing_of_a_studio_is_on_two_sides(rows):
    sides = defaultdict(set)
    for row in rows:
        studio = manifest.collections()[row.collection]["studio"]
        who = row.author or "unnamed" if row.collection == "openclipart" else studio
        sides[studio if row.collection != "openclipart" else f"clip art by {who}"].add(
            "train" if row.split in ("train", "val_names", "new_names") else row.split
        )
    assert {who: sorted(side) for who, side in sides.items() if len(side) > 1} == {}
    trained = sum(1 for who, side in sides.items() if who.startswith("clip art") and side == {"train"})
    strangers = sum(1 for who, side in sides.items() if side == {"clipart"})
    assert 0.35 < strangers / (strangers + trained) < 0.65
    counts = Counter(row.author for row in of(rows, "clipart"))
    assert max(counts.values()) <= 100


@pytest.mark.parametrize("split", drawings.STRANGERS)
def test_a_stranger_draws_enough_things_whose_names_training_knows(rows, split):
    known = {row.concept for row in of(rows, "train")}
    here = [row.concept for row in of(rows, split) if row.concept in known]
    assert len(here) >= 300
    assert len(set(here)) >= 100


@pytest.mark.parametrize("split", ["val_names", "new_names"])
def test_names_are_never_read_in_training_though_their_words_are(rows, split):
    names = {row.concept for row in of(rows, split)}
    trained = of(rows, "train")
    assert not names & {row.concept for row in trained}
    texts = {text for row in trained for text in row.captions}
    assert [text for text in texts if says_any(text, names)] == []
    words = {word for text in texts for word in text.split()}
    assert [name for name in names if not set(name.split()) <= words] == []
    assert all(2 <= len(name.split()) <= 4 for name in names)
    assert len(names) >= (100 if split == "new_names" else 40)


def test_unicodes_keywords_do_not_say_a_held_out_name(rows):
    names = {row.concept for row in of(rows, "val_names", "new_names")}
    trained = {row.concept for row in of(rows, "train")}
    said = [word for name, thing in manifest.concepts().items() if name in trained for word in thing.keywords.split("|")]
    assert [word for word in said if says_any(word, names)] == []


def test_there_are_no_logos(rows):
    exempt = {"openclipart", "circle-flags"} | {name for name, collection in COLLECTION.items() if collection.emoji}
    keys = [row for row in rows if row.collection not in exempt]
    plain = {squeezed(without_style(COLLECTION[row.collection], row.key)) for row in keys}
    assert plain & listed("logos.txt") == set()
    assert [row.key for row in keys if set(row.key.split("-")) & {"brand", "logo"}] == []
    assert {"apple", "github", "figma"} <= listed("logos.txt"), "the list is the one of simple-icons"


def test_flags_are_those_of_countries(rows):
    characters = {name: thing.character for name, thing in manifest.concepts().items()}
    letters = [regional(characters.get(row.concept, "")) for row in rows]
    assert {pair for pair in letters if pair} <= set(COUNTRIES)
    assert len(COUNTRIES) == 249
    assert len({pair for pair in letters if pair}) > 200
    for gone in ("flag for england", "rainbow flag", "pirate flag", "flag european union", "transgender flag"):
        assert gone not in {row.captions[0] for row in rows}


def test_nothing_is_unfit_for_a_class(rows):
    said = [" " + " ".join(re.findall(r"[a-z0-9]+", f"{row.key} {row.names}".lower())) + " " for row in rows]
    pattern = re.compile("|".join(f" {re.escape(word)} " for word in sorted(listed("unfit.txt"))))
    assert [text for text in said if pattern.search(text)] == []


def test_skin_has_one_tone(rows):
    assert [row.key for row in rows if "skin-tone" in row.key] == []


def test_a_split_says_all_that_is_known_of_its_pictures(rows):
    fluent = cm.datasets.load("drawings", split="fluent")
    lines = drawings.rows("fluent")
    assert len(fluent) == len(lines) == len(fluent.wordings) == len(fluent.concept)
    row = next(i for i, line in enumerate(lines) if line.key == "guitar" and line.collection == "fluent-emoji-flat")
    assert fluent.captions[row] == "guitar"
    assert {"guitar", "instrument", "music"} <= set(fluent.wordings[row])
    assert fluent.sources[fluent.source[row]] == "fluent-emoji-flat"
    train = cm.datasets.load("drawings", split="train")
    mine = next(i for i, line in enumerate(drawings.rows("train")) if (line.collection, line.key) == ("noto", "guitar"))
    assert train.concept[mine] == fluent.concept[row], "the same thing, whoever drew it"
    assert train.images.nbytes < 170e6, "grey pictures take one channel"
    assert train.images.shape == (len(train), 3, 32, 32)


def test_pictures_are_those_of_their_rows(rows):
    """Colours that can be told by hand: a red heart is red, a lemon yellow; a grey collection is grey."""
    pictures = gather.pictures(32)
    place = {(row.collection, row.key): i for i, row in enumerate(rows)}
    assert len(place) == len(rows)
    for (collection, key), channel in {("noto", "red-heart"): 0, ("twemoji", "frog"): 1, ("twemoji", "blue-square"): 2}.items():
        centre = pictures[place[collection, key]][:, 12:20, 12:20].float().mean((1, 2))
        assert centre.argmax() == channel, (key, centre)
    grey = pictures[torch.tensor([i for i, row in enumerate(rows) if row.collection == "mdi"])]
    assert (grey[:, 0] == grey[:, 1]).all() and grey.min() == 0 and grey.max() == 255


def test_smaller_pictures_are_made_of_those_that_ship():
    small, whole = (cm.datasets.load("drawings", split="val_names", resolution=side).images for side in (16, 32))
    assert small.shape == (len(whole), 3, 16, 16)
    assert abs(small[:].float().mean() - whole[:].float().mean()) < 1


def test_larger_pictures_ask_for_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    with pytest.raises(
        ValueError, match="the drawings ship at 32 px; to have them at 48 px: python -m clipmini drawings --resolution 48"
    ):
        cm.datasets.load("drawings", split="val", resolution=48)
    with pytest.raises(ValueError, match="drawings are drawn at 33 to 256 px, got 32; smaller ones are made of those that ship"):
        redraw.everything(32)


@pytest.mark.parametrize("shape", [(5, 8, 8), (70, 8, 8, 3), (1, 8, 8)])
def test_sheets_give_back_every_pixel(tmp_path, shape):
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    sheets.write(tmp_path, "a", pictures)
    back = sheets.read(sorted(tmp_path.glob("a-*.webp")), len(pictures), 8)
    assert np.array_equal(back, pictures if pictures.ndim == 4 else pictures[..., None].repeat(3, -1))


def test_tasks_are_of_strangers_and_their_answers_are_right(rows):
    tasks = drawings.tasks.TASKS
    assert len(tasks) >= 20
    sides = {f"{row.collection}:{row.key}": row.split for row in rows}
    for task in tasks.values():
        drawn = [drawing for several in task.classes.values() for drawing in several]
        assert len(drawn) == len(set(drawn)), task.name
        assert {sides[drawing] for drawing in drawn} <= {*drawings.STRANGERS, "flags"}, task.name
        assert all("{}" in template for template in task.templates)
    animals = cm.datasets.load("drawings/animals", split="strangers")
    row = animals.classes.index("elephant")
    shown = [animals.notes[i] for i in (animals.labels == row).nonzero()[:, 0].tolist()]
    assert {"fluent-emoji-flat:elephant", "game-icons:elephant"} <= set(shown)
    assert all("elephant" in drawing for drawing in shown)
    assert "too few for a verdict" in cm.datasets.about("drawings/moons", "strangers")
    assert "too few" not in cm.datasets.about("drawings/animals", "strangers")
    assert sum(sum(map(len, task.classes.values())) >= ENOUGH for task in tasks.values()) >= 12


def test_training_on_a_stranger_is_refused():
    with pytest.raises(ValueError, match="drawings/animals has no split to train on"):
        from clipmini.cli import training_data

        training_data("drawings/animals", "mini-vit")


def test_fifty_everyday_words_have_drawings_that_are_right():
    words = json.loads((data_folder() / "everyday_words.json").read_text())
    shelf = {row.concept for row in drawings.rows("fluent")}
    assert len(words) == 50
    assert {word: [name for name in names if name not in shelf] for word, names in words.items() if set(names) - shelf} == {}
    read = {text for row in drawings.rows("train") for text in row.captions}
    assert set(words) <= read, "each is a word that training reads"


def test_worlds_are_labelled_by_the_names_of_things():
    names, few = (cm.datasets.load(f"drawings/{world}", split="fluent") for world in ("names", "things"))
    for data in (names, few):
        row = data.notes.index("fluent-emoji-flat:elephant")
        assert data.classes[data.labels[row]] == "elephant"
        assert sorted(set(data.labels.tolist())) == list(range(len(data.classes)))
    assert "grinning face" not in few.classes and "one oclock" not in few.classes
    assert "robot" in names.classes and "robot" not in few.classes
    train = cm.datasets.load("drawings/things", split="train")
    assert set(few.classes) <= set(train.classes), "training has a name for all"
    unread = cm.datasets.load("drawings/things", split="new_names")
    assert not set(unread.classes) & set(train.classes) and "green book" in unread.classes
    assert 8_000 < len(train) < 10_000


def test_openmoji_is_drawn_from_its_package(monkeypatch, tmp_path):
    body = '<path d="M0 0h16v8H0z" fill="#0a0"/>'
    files = {
        "chars.json": {"1f438": "frog", "1f438-1f3fb": "frog-light", "41": "letter-a", "2600-fe0f": "sun"},
        "icons.json": {"icons": {key: {"body": body} for key in ("frog", "frog-light", "letter-a", "sun")}},
    }
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    monkeypatch.setattr(packages, "read_json", lambda name, member: files[member])
    data = cm.datasets.load("drawings/openmoji", split="strangers")
    assert data.captions == ["frog", "sun"]
    assert [data.classes[label] for label in data.labels] == data.captions
    assert data.images[0, :, 4, 4].tolist() == [0, 170, 0]
    frog = cm.datasets.load("drawings/names", split="fluent")
    assert data.concept[0] == frog.concept[frog.notes.index("fluent-emoji-flat:frog")]
    assert "CC BY-SA" in cm.datasets.about("drawings/openmoji", "strangers")
