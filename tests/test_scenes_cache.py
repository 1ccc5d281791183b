"""Scenes on disk: drawn once, checked at every reading, drawn again if damaged, safe beside another process."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from filelock import FileLock

import clipmini as cm
from clipmini import tensors
from clipmini.cli import main
from clipmini.datasets import cache as store
from clipmini.datasets import scenes
from clipmini.datasets.scenes import build, duplicates
from clipmini.datasets.scenes.request import BUCKETS
from clipmini.datasets.scenes.rows import Rows
from clipmini.datasets.scenes.sample import bucket

TASK = "scenes/pentagon or hexagon"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, small splits, and a list that grows by one name whenever something is drawn."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    monkeypatch.setattr(scenes, "SIZES", dict.fromkeys(scenes.SIZES, 70))
    drawn = []
    for module, name in ((scenes, "draw_pairs"), (scenes, "draw_answers"), (duplicates, "draw_duplicates")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, real=real, name=name, **k: (drawn.append(name), real(*a, **k))[1])
    return tmp_path, drawn


@pytest.mark.parametrize("split", ["train", "val", "test", "v2"])
def test_a_split_is_drawn_once(cache, split):
    folder, drawn = cache
    first, again = cm.datasets.load("scenes", split), cm.datasets.load("scenes", split)
    assert drawn == ["draw_pairs"] and len(list(folder.rglob("*.safetensors"))) == 1
    assert torch.equal(first.images, again.images) and first.captions == again.captions and first.notes == again.notes
    assert first.images.shape == (70, 3, 32, 32) and first.images.dtype == torch.uint8
    assert len(first.captions) == len(first.notes) == 70 and first.labels is None


def test_v2_is_another_world_and_other_splits_other_scenes(cache):
    pictures = [cm.datasets.load("scenes", split).images.numpy().tobytes() for split in ("train", "val", "test", "v2")]
    assert len(set(pictures)) == 4


def test_a_task_is_a_data_set(cache):
    folder, drawn = cache
    data, again = cm.datasets.load(TASK, "val"), cm.datasets.load(TASK, "val")
    assert drawn == ["draw_answers"] and torch.equal(data.images, again.images) and torch.equal(data.labels, again.labels)
    assert data.classes == ["pentagon", "hexagon"] and data.captions is None and data.choices is None
    shapes = [scenes.read_note(line)[0].objects[0].shape for line in data.notes]
    assert [data.classes[label] for label in data.labels.tolist()] == shapes


def buckets_of(data) -> set[int]:
    return {bucket(scenes.read_note(line)[0]) for line in data.notes}


@pytest.mark.parametrize("name", ["scenes", TASK])
def test_every_split_is_drawn_from_its_own_share(cache, monkeypatch, name):
    monkeypatch.setattr(scenes, "TRAIN_TIMES", 1)
    for split in ("train", "val", "test"):
        assert buckets_of(cm.datasets.load(name, split)) == set(BUCKETS[split])
        assert buckets_of(scenes.generate(scenes.REFERENCE, 70, split=split)) == set(BUCKETS[split])
    assert buckets_of(cm.datasets.load("scenes", "v2")) == set(BUCKETS["test"])


def test_v2_shows_the_second_world(cache):
    found = [scenes.read_note(line)[0] for line in cm.datasets.load("scenes", "v2").notes]
    low, high = scenes.V2.noise
    assert all(low <= scene.noise <= high for scene in found) and max(scene.noise for scene in found) > scenes.REFERENCE.noise[1]


def test_another_seed_gives_other_scenes():
    one, two = (scenes.generate(scenes.REFERENCE, 5, seed=seed) for seed in (0, 1))
    assert not set(one.notes) & set(two.notes)


def test_a_file_is_for_one_size_one_generator_and_one_font_library(cache):
    folder, _ = cache
    assert [cm.datasets.load("scenes", "val", resolution=side).images.shape[-1] for side in (32, 48, 32)] == [32, 48, 32]
    paths = sorted(folder.rglob("*.safetensors"))
    assert len(paths) == 2 and all(f"-v{scenes.VERSION}-" in path.name and build.PIL.__version__ in path.name for path in paths)


def test_choices_and_films_come_with_their_task(cache):
    data = cm.datasets.load("scenes/middle", "val")
    assert data.classes == [] and len(data.choices) == len(data) == 1998 and {len(c) for c in data.choices} == {3}
    film = cm.datasets.load("scenes/video", "val")
    assert film.films.tolist() == [i // 7 for i in range(len(film))]
    assert all(len(set(film.labels[film.films == i].tolist())) == 1 for i in range(20))
    part = data.subset([5, 3])
    assert part.choices == [data.choices[5], data.choices[3]] and part.notes == [data.notes[5], data.notes[3]]


def damage(path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "one bit":
        content[-100] ^= 1
    elif how == "cut short":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = bytearray()
    elif how == "another file":
        content = bytearray(b"PK\3\4 not what you think" * 50)
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["one bit", "cut short", "empty", "another file"])
def test_a_damaged_file_is_made_again(cache, how):
    folder, drawn = cache
    first = cm.datasets.load("scenes", "val").captions
    (path,) = folder.rglob("*.safetensors")
    damage(path, how)
    assert cm.datasets.load("scenes", "val").captions == first and drawn == ["draw_pairs"] * 2
    assert cm.datasets.load("scenes", "val").captions == first and drawn == ["draw_pairs"] * 2  # and it was kept


def test_a_folder_in_the_way_is_named(tmp_path, monkeypatch):
    (tmp_path / "scenes").write_text("a file where the folder should be")
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="cannot write .*scenes.*choose a folder that you may write to"):
        cm.datasets.load(TASK, "val")


def test_without_a_cache_pictures_are_drawn_again(tmp_path, monkeypatch):
    (tmp_path / "clipmini").mkdir()
    (tmp_path / "clipmini" / "scenes").write_text("in the way")
    monkeypatch.delenv("CLIPMINI_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="cannot write .*drawn again next time: CLIPMINI_CACHE names another folder"):
        assert len(cm.datasets.load(TASK, "val")) == 2000


def test_a_cache_that_cannot_be_written_to_is_still_read(cache):
    folder, drawn = cache
    first = cm.datasets.load("scenes", "val")
    (path,) = folder.rglob("*.safetensors")
    lock = path.with_name(f"{path.name}.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # nobody can lock it
    assert torch.equal(cm.datasets.load("scenes", "val").images, first.images) and drawn == ["draw_pairs"]
    path.unlink()
    with pytest.raises(ValueError, match="CLIPMINI_CACHE: cannot write .*choose a folder that you may write to"):
        cm.datasets.load("scenes", "val")


@pytest.mark.parametrize("chosen", [True, False])
def test_a_full_disk_is_told(tmp_path, monkeypatch, chosen):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path)) if chosen else monkeypatch.delenv("CLIPMINI_CACHE", raising=False)
    monkeypatch.setattr(tensors, "save_file", full)
    told = (pytest.raises, ValueError, "CLIPMINI_CACHE: could") if chosen else (pytest.warns, UserWarning, "could not save")
    with told[0](told[1], match=told[2]):
        assert store.cached(tmp_path / "x", lambda: {"a": np.ones(3)})["a"].tolist() == [1, 1, 1]
    assert not (tmp_path / "x").exists() and not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError("from the drawing")])
def test_after_an_interrupt_the_same_call_draws(tmp_path, error):
    """The error is held here as a notebook holds it, with all that its frames hold."""
    path = tmp_path / "x"

    def interrupted():
        raise error

    with pytest.raises(error if isinstance(error, type) else OSError) as held:
        store.cached(path, interrupted)
    FileLock(f"{path}.lock").acquire(timeout=0).lock.release()  # Timeout if it is still held
    assert store.cached(path, lambda: {"a": np.ones(3)})["a"].tolist() == [1, 1, 1] and path.is_file()
    assert held.value is not None


def test_an_interrupt_stops_the_workers(monkeypatch):
    """Also while the error is held, and with it the frames that know of the workers."""
    stopped = []

    def parallel(**options):
        def parts(tasks):
            try:
                for draw, arguments, _ in tasks:
                    yield draw(*arguments)
            finally:
                stopped.append(True)

        return parts

    def draw(chunk: range) -> Rows:
        return Rows(np.zeros((len(chunk), 3, 4, 4), np.uint8), ["a"] * len(chunk), [0] * len(chunk), [""] * len(chunk))

    def interrupt(bar, n):
        raise KeyboardInterrupt  # in the reader's process, while workers draw

    monkeypatch.setattr(build, "Parallel", parallel)
    monkeypatch.setattr(build.tqdm, "update", interrupt)
    with pytest.raises(KeyboardInterrupt) as held:
        build.in_parallel(draw, 5, 4)
    assert stopped and held.value is not None


TWO_AT_ONCE = """
import sys, time
from pathlib import Path
from clipmini.datasets import scenes
from clipmini.datasets.scenes import build, rows
folder = Path(sys.argv[1])
def slow():
    (folder / f"drawn by {sys.argv[2]}").touch()
    time.sleep(2)
    return rows.draw_pairs(scenes.REFERENCE, "val", range(20), 32)
(folder / f"ready {sys.argv[2]}").touch()
while len(list(folder.glob("ready *"))) < 2:
    time.sleep(0.01)
print(len(build.kept("both", 32, slow).captions))
"""


def test_two_processes_draw_once(tmp_path):
    env = os.environ | {"CLIPMINI_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path)]
    both = [subprocess.Popen([*command, who], env=env, stdout=subprocess.PIPE, text=True) for who in "ab"]
    assert [process.communicate(timeout=600)[0] for process in both] == ["20\n", "20\n"]
    assert len(list(tmp_path.glob("drawn by *"))) == 1


def test_every_part_is_checked(tmp_path):
    rows = Rows(np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2), ["a", "ünicode 🙂"], [4, -2], ['{"a": 1}', ""])
    store.write(tmp_path / "x", rows.to_arrays())
    read = Rows.from_arrays(store.read(tmp_path / "x"))
    assert np.array_equal(read.images, rows.images) and read[1:] == rows[1:]
    content = (tmp_path / "x").read_bytes()
    parts = rows.images.nbytes + 2 * 8 + len("a\nünicode 🙂".encode()) + len('{"a": 1}\n')
    for place in range(len(content) - parts, len(content)):
        (tmp_path / "x").write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert store.read(tmp_path / "x") is None, place


def test_rows_are_the_same_in_chunks(monkeypatch):
    monkeypatch.setattr(build, "CHUNK", 7)
    drawn = scenes.generate(scenes.REFERENCE, 20)
    assert drawn.captions == scenes.generate(scenes.REFERENCE, 30).captions[:20]


def test_chunks_stay_in_order_if_the_first_takes_longest(monkeypatch):
    monkeypatch.setattr(build, "CHUNK", 2)

    def draw(chunk: range) -> Rows:
        time.sleep(1.5 * (chunk.start == 0))
        numbers = list(chunk)
        images = np.broadcast_to(np.array(numbers, np.uint8)[:, None, None, None], (len(numbers), 3, 4, 4))
        return Rows(images, list(map(str, numbers)), numbers, list(map(str, numbers)))

    drawn = build.in_parallel(draw, 7, 4, workers=2)
    assert drawn.images[:, 0, 0, 0].tolist() == drawn.labels == list(range(7))


def test_the_listing_draws_nothing(cache, capsys):
    folder, drawn = cache
    for name in ("scenes", *(f"scenes/{task}" for task in scenes.duplicates.ALL)):
        for split in cm.datasets.splits(name):
            assert "images" in cm.datasets.about(name, split)
    assert not drawn and not list(folder.iterdir())


def test_a_model_is_scored_on_tasks_and_on_choices(cache, capsys):
    assert main(["eval", "glyphs-resnet", "--data", "scenes/relation:val", "scenes/green or teal:val"]) == 0
    out = capsys.readouterr().out
    assert "scenes/relation:val" in out and out.count("pixel nearest neighbour") == 1 and out.count("50.0%") >= 2
    assert main(["eval", "glyphs-resnet", "--data", "scenes:val"]) == 2
    assert "scenes:val has captions but no labels to score" in capsys.readouterr().err
