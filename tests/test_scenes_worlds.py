"""Scenes are what their world, their split and their task set, at any size, in any order."""

import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from clipmini.datasets import scenes
from clipmini.datasets.scenes import motion, rows, shifts
from clipmini.datasets.scenes.draw import _grain, draw, expose
from clipmini.datasets.scenes.duplicates import ALL
from clipmini.datasets.scenes.request import Request
from clipmini.datasets.scenes.sample import bucket, sample
from clipmini.datasets.scenes.scene import SIDE, Object, Scene
from clipmini.datasets.scenes.words import ACTIONS, COLOURS, KINDS, RGB, SHAPES, SIZES, is_held_out
from clipmini.datasets.scenes.world import GAINS, NOISES, REFERENCE, WORLDS

PHRASE = re.compile(rf"(an?) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")


def thing(x=256, y=256, r=64, shape="circle", colour="red", size="small", fill="solid") -> Object:
    return Object(shape, colour, size, fill, x, y, r)


def view(*objects, **more) -> Scene:
    return Scene(objects, **{"background": "plain", "tints": ("paper", "paper"), "seed": 1} | more)


# What does not matter


@pytest.mark.parametrize("world", WORLDS)
def test_a_row_of_any_world_does_not_depend_on_the_others(world):
    orders = range(20), range(19, -1, -1)
    forwards, backwards = (rows.draw_pairs(WORLDS[world], "val", order, 32) for order in orders)
    assert np.array_equal(forwards.images[::-1], backwards.images) and forwards.notes == backwards.notes[::-1]


def test_pictures_of_another_size_show_the_same_scenes():
    small, large = (rows.draw_pairs(REFERENCE, "train", range(100), side) for side in (32, 64))
    assert small.notes == large.notes and small.captions == large.captions
    halved = large.images.reshape(100, 3, 32, 2, 32, 2).mean((3, 5))
    assert np.abs(halved - small.images).mean() < 6


def test_a_picture_does_not_depend_on_the_sizes_drawn_before():
    """Of textures: squares as large, in parts of the picture, at any size."""
    scene = view(background="textured", seed=2 * 5)
    for sides in ((32, 96), (96, 32)):
        drawn = [np.asarray(draw(scene, side)).astype(int).sum(2) for side in sides]
        changes = [np.abs(np.diff(d, axis=1)).sum() / (len(d) * np.ptp(d)) for d in drawn]
        assert 0.7 < changes[0] / changes[1] < 1.4


@pytest.mark.parametrize("colour", COLOURS)
def test_splits_do_not_look_at_what_cannot_be_pointed_at(colour):
    """A scene in another light, moved a little, its objects in another order, is in the same split."""
    a, b = thing(80, 80), thing(400, 256, shape="star", colour=colour)
    same = [
        view(b, a),
        view(a._replace(x=90, y=70, r=60, angle=9, rgb=(9, 9, 9), texture=5), b),
        view(a, b, seed=77, gain=200, noise=9),
        view(a, b, tints=("paper", "sky")),
    ]
    other = [
        view(a._replace(fill="striped"), b),
        view(a._replace(glyph="A"), b),
        view(a._replace(x=256), b),
        view(a, b, background="cluttered"),
        view(a, b, tints=("sky", "paper")),
        view(a, b, word="heart"),
    ]
    assert {bucket(scene) for scene in same} == {bucket(view(a, b))}
    assert len({bucket(scene) for scene in [view(a, b), *other]}) > 2


# What a world sets


def test_values_are_as_frequent_as_their_weights_say():
    rng = scenes.Rng("weights")
    found = Counter(rng.weighted((("a", 1), ("b", 0), ("c", 3))) for _ in range(4000))
    assert found["b"] == 0 and abs(found["a"] / 4000 - 0.25) < 0.03


@pytest.mark.parametrize("name", WORLDS)
def test_scenes_show_what_their_world_sets(name):
    world = WORLDS[name]
    found = [sample(scenes.Rng("w", i), world) for i in range(600)]
    objects = [o for scene in found for o in scene.objects]
    ranges = [(world.gain, [s.gain for s in found]), (world.noise, [s.noise for s in found])]
    ranges += [((-world.tilt, world.tilt), [o.angle for o in objects if o.shape != "arrow"])]
    ranges += [(getattr(world.sizes, size), [o.r for o in objects if o.size == size]) for size in SIZES]
    for (low, high), values in ranges:
        assert min(values) >= low and max(values) <= high and max(values) - min(values) >= 0.7 * (high - low)
    channels = [(v, w) for o in objects for v, w in zip(o.rgb, RGB[o.colour], strict=True)]
    assert max(abs(v - w) for v, w in channels) == world.jitter
    styles, grounds = ([getattr(s, key) for s in found] for key in ("style", "background"))
    for table, values in ((world.styles, styles), (world.backgrounds, grounds)):
        total = sum(weight for _, weight in table)
        assert all(abs(values.count(value) / len(values) - weight / total) < 0.08 for value, weight in table)


def test_light_and_noise_are_those_of_the_scene():
    views = [view(seed=seed, gain=gain, noise=noise) for seed in (1, 2) for gain in (200, 256) for noise in (0, 20)]
    pictures = [draw(scene, 32) for scene in views]
    lit = expose(pictures, views).astype(int)
    for scene, picture, found in zip(views, pictures, lit, strict=True):
        difference = found - np.asarray(picture, int).transpose(2, 0, 1) * scene.gain // 256
        if scene.noise == 0:
            assert np.abs(difference).max() <= 1
        elif scene.gain == 200:  # nothing reaches 255
            assert 10 < np.abs(difference).max() <= 21 and abs(difference.mean()) < 1.5
    assert (lit[0] == lit[4]).all() and (lit[1] != lit[5]).mean() > 0.5  # another seed, another grain


@pytest.mark.parametrize("gain", [GAINS[0] - 5, GAINS[0], GAINS[1], GAINS[1] + 5])
def test_all_light_that_a_world_may_set_fits_the_integers(gain):
    """And what films make of it, with the most noise; the control would wrap."""
    white = Image.new("RGB", (32, 32), "white")
    for noise in (0, NOISES[1]):
        found = expose([white], [view(seed=1, gain=gain, noise=noise)]).astype(int)
        expected = min(255 * (gain // 2) // 128, 255)
        assert (found == expected).all() if noise == 0 else abs(found.mean() - expected) < 75
    assert (expose([white], [view(seed=1, gain=600)]) != 255).all()


def test_all_noise_that_a_world_may_set_fits_the_integers():
    """At the strongest grain, too, whose sign a wrap would turn."""
    grey, most = Image.new("RGB", (32, 32), (128, 128, 128)), view(seed=1, noise=NOISES[1])
    start = (most.seed + 7919 * most.gain) % (len(_grain()) - 3 * 32 * 32)
    grain = _grain()[start : start + 3 * 32 * 32].astype(int)
    grain[np.abs(grain).argmax()] = np.iinfo(np.int8).max  # the strongest that there is
    expected = (128 + (NOISES[1] * grain >> 7)).clip(0, 255)
    with pytest.MonkeyPatch.context() as patch:
        padded = np.roll(np.pad(grain.astype(np.int16), (0, len(_grain()) - len(grain))), start)
        patch.setitem(expose.__globals__, "_grain", lambda: padded)
        assert np.array_equal(expose([grey], [most]).ravel(), expected)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_frame_of_an_action_lies_within_the_picture(name):
    for i in range(60):
        scene = sample(scenes.Rng("frames", i), REFERENCE, Request(action=name))
        for o in (o for still in motion.frames(scene) for o in still.objects):
            assert o.r <= min(o.x, o.y) and max(o.x, o.y) <= SIDE - o.r


# What a task sets

STYLES = {"sketched shape": {"sketch"}, "rendered shape": {"engraving", "cartoon", "mosaic"}, "sketch": {"sketch"}}
STYLES |= {"renditions": STYLES["rendered shape"], "letter in another font": {"serif"}}
STYLES |= dict.fromkeys(("shape on a photograph", "colour on a photograph"), {"photograph"})


@pytest.mark.parametrize("name", ALL)
def test_a_task_shows_its_own_domain(name):
    found = [rows.answer(name, ALL[name], "val", 7 * i)[0] for i in range(60)]
    assert {scene.style for scene in found} == STYLES.get(name, {"paint"})


@pytest.mark.parametrize("name", ["v2", "odd views", "adversarial", "video"])
def test_a_shift_is_unlike_the_reference(name):
    """In its light, in its noise, in how far things are tilted, in their sizes."""
    found = [rows.answer(name, ALL[name], "val", 7 * i)[0] for i in range(100)]
    objects = [scene.objects[0] for scene in found]
    unlike = {
        "v2": max(scene.noise for scene in found) > 15,
        "odd views": max(abs(o.angle) for o in objects if o.shape != "arrow") > 120,
        "adversarial": max(abs(o.angle) for o in objects if o.shape != "arrow") > 45,
        "video": min(scene.noise for scene in found) >= 6,
    }
    assert unlike[name]


def test_the_adversarial_rows_are_those_that_were_found():
    for split in ("val", "test"):
        assert ALL["adversarial"].rows(split) == scenes.adversarial()[split]
    assert scenes.adversarial()["val"] != scenes.adversarial()["test"]
    assert scenes.TaskSplits("adversarial").SPLITS == ("val", "test")


def test_a_class_knows_its_kind():
    for name, kind in zip(shifts.CLASSES, shifts.KIND_OF_CLASS, strict=True):
        assert ALL["video"].classes[kind] == KINDS[name.split(" ", 1)[1]]


@pytest.mark.parametrize("name", ["film", "video"])
def test_frames_are_in_order_of_time(name):
    for action in shifts.FILMED:
        scene = sample(scenes.Rng("film"), REFERENCE, Request(action=action))
        scene = scene._replace(action=scene.action._replace(frames=7, pace=9))
        task = replace(ALL[name], make=lambda *_, scene=scene: (scene, ()))
        shown = [rows.answer(name, task, "val", 7 + t)[0].objects for t in range(7)]
        assert shown == [motion.frame(scene, t) for t in range(7)] and shown[-1] == scene.objects


# What would give the answer away


@pytest.mark.parametrize("name", [name for name, task in ALL.items() if not task.classes])
def test_choices_are_well_formed_and_name_what_training_shows(name):
    for split in ("val", "test"):
        for row in range(100):
            _, label, choices = rows.answer(name, ALL[name], split, row)
            for choice in choices:
                phrases = PHRASE.findall(choice)
                assert len(phrases) == (3 if name == "middle" else 2)
                assert all((article == "an") == (colour == "orange") for article, colour, _ in phrases), choice
                if name != "unseen binding":
                    assert not any(is_held_out(shape, colour, "") for _, colour, shape in phrases), choice


def test_the_order_of_the_words_does_not_tell_the_middle():
    """Where a wrong caption has the true middle as an end, it comes first as often as second."""
    first = []
    for row in range(200):
        _, label, choices = rows.answer("middle", ALL["middle"], "val", row)
        (right, *_), *wrong = (PHRASE.findall(choices[(label + i) % 3]) for i in range(3))
        first += [order[1] == right for order in wrong]
    assert len(first) == 400 and 0.4 < np.mean(first) < 0.6


def test_how_large_objects_are_does_not_tell_how_many():
    radii = defaultdict(list)
    for row in range(600):
        scene, label, _ = rows.answer("count", ALL["count"], "val", row)
        radii[label].append(np.mean([o.r for o in scene.objects]))
    means = [np.mean(of_label) for of_label in radii.values()]
    assert len(means) == 6 and max(means) - min(means) < 6
