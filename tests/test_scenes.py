"""Scenes: the same bytes every time, splits that keep apart what they promise, sentences that are true."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import clipmini as cm
from clipmini.datasets import scenes
from clipmini.datasets.scenes import build, grammar, motion, rows
from clipmini.datasets.scenes.duplicates import ALL
from clipmini.datasets.scenes.grammar import describe
from clipmini.datasets.scenes.noise import caption
from clipmini.datasets.scenes.parse import Mention, Parse, count_of, mistakes, omitted
from clipmini.datasets.scenes.request import ANYTHING, BUCKETS, Request
from clipmini.datasets.scenes.sample import bucket, sample
from clipmini.datasets.scenes.scene import SIDE, UNIT, Object, Scene, beside, between, inside, place, related
from clipmini.datasets.scenes.words import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    CONTRASTS,
    FILLS,
    HELD_OUT,
    HELD_OUT_FILLS,
    PLACES,
    RGB,
    SHAPES,
    SIZES,
    TINTS,
    WORDS,
    distance,
    grounds_for,
    is_held_out,
)
from clipmini.datasets.scenes.world import NO_CAPTION_NOISE, REFERENCE, CaptionNoise, World, replace, weights
from experiments import scenes_adversarial
from tools.scenes import hashes
from tools.scenes.hashes import digest

FOLDER = Path(scenes.__file__).parent
ROOT = Path(__file__).resolve().parent.parent

CHOICES = [name for name, task in ALL.items() if not task.classes]
FIXED = [name for name in ALL if name != "adversarial"]


@pytest.fixture(scope="module")
def pairs():
    """2,500 training scenes with captions and parses."""
    return [rows.pair(REFERENCE, "train", i) for i in range(2500)]


@pytest.fixture(scope="module")
def answers():
    """60 rows of every task: (name, split) -> scenes, labels, choices."""
    return {
        (name, split): [rows.answer(name, ALL[name], split, i) for i in range(60)] for name in FIXED for split in ("val", "test")
    }


def thing(x=256, y=256, r=64, shape="circle", colour="red", size="small", fill="solid") -> Object:
    return Object(shape, colour, size, fill, x, y, r)


def view(*objects, **more) -> Scene:
    return Scene(objects, **{"background": "plain", "tints": ("paper", "paper"), "seed": 1} | more)


# The same bytes


def test_a_row_does_not_depend_on_the_others():
    whole = rows.draw_pairs(REFERENCE, "train", range(300), 32)
    backwards = rows.draw_pairs(REFERENCE, "train", range(299, -1, -1), 32)
    assert np.array_equal(whole.images[::-1], backwards.images)
    assert whole.captions == backwards.captions[::-1] and whole.notes == backwards.notes[::-1]
    other = rows.draw_pairs(REFERENCE, "train", range(300), 32, seed=1)
    assert sum(a == b for a, b in zip(whole.notes, other.notes, strict=True)) == 0


def test_the_bytes_are_those_of_this_version():
    now, stored = hashes.hashes(), json.loads(hashes.HASHES.read_text())
    changed = sorted(name for name in now.keys() | stored.keys() if now.get(name) != stored.get(name))
    assert not changed, (
        f"other bytes than tests/scene_hashes.json holds of version {stored['version']}: {', '.join(changed)}. If that is not "
        "meant, undo it. If it is, raise VERSION in clipmini/datasets/scenes/version.py, or readers keep the old pictures in "
        "their caches, and go on as CONTRIBUTING.md says of the scenes"
    )


def test_a_changed_byte_is_told_from_the_version(monkeypatch):
    real = hashes.hashes()
    monkeypatch.setattr(hashes, "hashes", lambda: real | {"count": "another", "train, 32 px": "another"})
    with pytest.raises(AssertionError, match=r"of version 1: count, train, 32 px\. .*raise VERSION in clipmini/"):
        test_the_bytes_are_those_of_this_version()
    monkeypatch.setattr(hashes, "hashes", lambda: real | {"version": 2})  # raised, but no hashes are stored of it
    with pytest.raises(AssertionError, match="of version 1: version"):
        test_the_bytes_are_those_of_this_version()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_another_process_draws_the_same(threads):
    code = "import json, test_scenes; print(json.dumps(test_scenes.digest(test_scenes.drawn_by_workers())))"
    env = {"OMP_NUM_THREADS": threads, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}", "PYTHONHASHSEED": threads}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    expected = digest(rows.draw_pairs(REFERENCE, "train", range(2500), 32))
    assert json.loads(result.stdout) == expected


def drawn_by_workers() -> rows.Rows:
    """Three chunks on two workers."""
    return build.in_parallel(partial(rows.draw_pairs, REFERENCE, "train", resolution=32), 2500, 32, workers=2)


def test_no_number_comes_from_a_function_that_may_round_differently():
    """Sines come from math alone, and leave it rounded to integers; randomness comes from Rng and a hash."""
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text())
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name) and node.value.id == "np"}
        assert not used & {"sin", "cos", "exp", "log", "sqrt", "random", "tan", "hypot", "arctan2", "power"}, path.name
        imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
        assert "math" not in imported or path.name in ("outlines.py", "motion.py"), path.name
        assert "random" not in imported or path.name == "rng.py", path.name


# Splits


def test_splits_share_no_scene_that_reads_the_same(pairs, answers):
    buckets = {"train": {bucket(scene) for scene, *_ in pairs}}
    for split in ("val", "test"):
        buckets[split] = {bucket(scene) for scene, *_ in (rows.pair(REFERENCE, split, i) for i in range(200))}
    for split, found in buckets.items():
        assert found == set(BUCKETS[split])
    assert sum(len(range_) for range_ in BUCKETS.values()) == len(set().union(*BUCKETS.values())) == 16
    for (name, split), found in answers.items():
        if ALL[name].frames == 1:  # the frames of a film are stills of a scene that is in the split
            assert {bucket(scene) for scene, *_ in found} <= set(BUCKETS[split]), name


def test_what_is_held_out_is_never_shown(pairs, answers):
    shown = [o for scene, *_ in pairs for o in scene.objects]
    shown += [o for (name, _), found in answers.items() if ALL[name].seen == "words seen" for scene, *_ in found
              for o in scene.objects]
    assert not [o for o in shown if is_held_out(o.shape, o.colour, o.fill)]
    assert ("heart", "green") in HELD_OUT and len(shown) > 8000
    assert {(o.shape, o.colour) for o in shown} == {(s, c) for s in SHAPES for c in COLOURS} - HELD_OUT
    assert {(o.shape, o.fill) for o in shown} == {(s, f) for s in SHAPES for f in FILLS} - HELD_OUT_FILLS


def test_what_is_held_out_is_all_that_its_tasks_show(answers):
    for name, held_out in (("unseen combination", HELD_OUT), ("unseen fill", HELD_OUT_FILLS)):
        attribute = "colour" if name == "unseen combination" else "fill"
        found = [(scene.objects[0], label) for scene, label, _ in answers[name, "test"]]
        assert {(o.shape, getattr(o, attribute)) for o, _ in found} == held_out
        assert all(ALL[name].classes[label] == f"{getattr(o, attribute)} {o.shape}" for o, label in found)
        kinds = [(c.split(" ", 1)[1], c.split(" ", 1)[0]) for c in ALL[name].classes]
        for shape, value in held_out:  # neither the shape alone nor the other attribute alone is enough
            assert sum(k[0] == shape for k in kinds) > 5 and sum(k[1] == value for k in kinds) >= 5
        assert scenes.TaskSplits(name).SPLITS == ("val", "test")
    held_out_is_right = [is_held_out(s.objects[0].shape, s.objects[0].colour, "") or
                         is_held_out(s.objects[1].shape, s.objects[1].colour, "") for s, *_ in answers["unseen binding", "test"]]
    assert 0.3 < np.mean(held_out_is_right) < 0.7


def test_pictures_and_parts_of_them_lie_within_the_frame(pairs):
    for scene, *_ in pairs:
        assert all(0 <= o.x - o.r and o.x + o.r <= SIDE and 0 <= o.y - o.r and o.y + o.r <= SIDE for o in scene.objects)


# Captions


def test_a_caption_is_true_unless_it_says_that_it_fails(pairs):
    for scene, text, parse in pairs:
        wrong = [f for f in parse.noise if f.startswith(("wrong", "unrelated"))]
        assert bool(mistakes(parse, scene)) == bool(wrong) or "unrelated" in wrong, (text, parse)


def test_an_unrelated_caption_is_seldom_true(pairs):
    unrelated = [(scene, parse) for scene, _, parse in pairs if "unrelated" in parse.noise]
    assert len(unrelated) > 5 and np.mean([bool(mistakes(parse, scene)) for scene, parse in unrelated]) > 0.8


def test_every_production_is_used(pairs):
    forms = Counter(parse.form for *_, parse in pairs)
    assert set(forms) == set(grammar.PRODUCTIONS) == {name for name, _ in grammar.WEIGHTS}
    assert min(forms.values()) >= 5
    assert grammar.PRODUCTIONS.keys() == {parse.form for *_, parse in pairs}


def test_every_word_is_used():
    texts = " | ".join(describe(scenes.Rng("w", i), rows.pair(REFERENCE, "train", i)[0])[0] for i in range(12_000)) + " "
    missing = []
    for kind in ("shapes", "colours", "sizes", "fills"):
        for entry in WORDS[kind].values():
            missing += [w for w in entry["words"] + entry.get("after", []) if not re.search(rf"\b{w}(e?s)?\b", texts)]
    spoken = [w for kind in ("places", "backgrounds") for words in WORDS[kind].values() for w in words]
    told = [entry for kind in ("relations", "actions") for entry in WORDS[kind].values()]
    spoken += [w for entry in told for words in entry.values() for w in words]
    spoken += WORDS["numbers"][2:] + [str(n) for n in range(2, 7)] + WORDS["frames"] + WORDS["objects"]
    missing += [w for w in spoken if f" {w} " not in texts]
    assert not missing


def test_sentences_are_well_formed(pairs):
    for _, text, parse in pairs:
        assert text == text.strip() and "  " not in text and "{" not in text and "\n" not in text and "\t" not in text
        if not set(parse.noise) & {"foreign word (it)", "foreign word (fr)", "foreign word (de)", "file name"}:
            assert not re.search(r"\ba (?!uniform)[aeiou]\w|\ban [^aeiou\W]", text), text


def test_caption_noise_happens_as_often_as_the_world_says():
    counted = Counter()
    for i in range(6000):
        *_, parse = rows.pair(REFERENCE, "train", i)
        counted.update({f.split(" (")[0].replace("wrong ", "wrong: ").split(":")[0] for f in parse.noise})
    rates = REFERENCE.caption_noise
    for name, rate in (("alt text", rates.alt_text), ("file name", rates.file_name), ("unrelated", rates.unrelated)):
        assert abs(counted[name] / 6000 - rate) < 4 * np.sqrt(rate / 6000), name
    for name, rate in (("wrong", rates.wrong), ("foreign word", rates.foreign)):  # a sentence may have no word to change
        assert 0.6 * rate < counted[name] / 6000 <= 1.2 * rate, name


def test_a_world_without_caption_noise_has_none():
    world = replace(REFERENCE, caption_noise=NO_CAPTION_NOISE)
    found = [rows.pair(world, "train", i) for i in range(300)]
    assert not any(parse.noise for *_, parse in found)


@pytest.mark.parametrize(("changed", "found"), [
    ({"colour": "blue"}, ["colour blue"]), ({"shape": "star"}, ["shape star"]), ({"size": "large"}, ["size large"]),
    ({"fill": "dotted"}, ["fill dotted"]), ({"place": "top left"}, ["place top left"]), ({"glyph": "A"}, ["glyph A"]),
    ({"count": 3}, ["count 3"]), ({"who": (4,)}, ["there is no such object"]), ({"shape": "round shape"}, []),
])  # fmt: skip
def test_a_planted_mistake_is_found(changed, found):
    parse = Parse("", (Mention((0,), shape="circle", colour="red", size="small", fill="solid", place="centre"),))
    assert mistakes(parse, view(thing())) == []
    assert mistakes(Parse("", (parse.mentions[0]._replace(**changed),)), view(thing())) == found


def test_what_is_said_of_the_whole_picture_is_checked():
    scene = view(thing(x=100), thing(x=400, colour="blue"))
    parse = Parse("", (Mention((0,), colour="red"), Mention((1,), colour="blue")), ("left of", 0, 1))
    assert mistakes(parse, scene) == []
    assert mistakes(parse._replace(relation=("right of", 0, 1)), scene) == ["relation right of"]
    assert mistakes(parse._replace(relation=("left of", 1, 0)), scene) == ["relation left of"]
    assert mistakes(parse._replace(background="cluttered"), scene) == ["background cluttered"]
    assert mistakes(parse._replace(word="heart"), scene) == ["word heart"]
    assert mistakes(parse._replace(action="growing"), scene) == ["action growing"]
    assert omitted(parse, scene) == [] and omitted(parse._replace(mentions=parse.mentions[:1]), scene) == [1]
    assert count_of(Mention(()), scene.objects) == 2 and count_of(Mention((), colour="red"), scene.objects) == 1


def test_a_note_is_read_as_it_was_written(pairs):
    for scene, _, parse in pairs[:500]:
        assert rows.read_note(rows.note(scene, parse)) == (scene, parse)
    assert rows.read_note(rows.note(pairs[0][0])) == (pairs[0][0], None)


# What is true of a scene, by hand


def test_relations_hold_with_a_margin():
    centre = thing()
    assert beside(thing(x=100), centre) == "left of" and beside(thing(x=400), centre) == "right of"
    assert beside(thing(y=100), centre) == "above" and beside(thing(y=400), centre) == "below"
    assert beside(thing(x=100, y=100), centre) == ""  # diagonal
    assert beside(thing(x=256 - 3 * UNIT + 1), centre) == ""  # too close to tell
    assert beside(thing(x=256 - 90, y=256 + 60), centre) == "left of" and beside(thing(x=256 - 90, y=256 + 61), centre) == ""
    assert inside(thing(r=50), thing(r=160)) and not inside(thing(r=90), thing(r=160)) and not inside(centre, centre)
    assert between(centre, thing(x=100), thing(x=400)) and not between(thing(x=100), centre, thing(x=400))
    assert related("larger than", [thing(r=96), thing(r=64)]) and not related("larger than", [thing(r=95), thing(r=64)])


def test_places_have_gaps_between_them():
    assert [place(thing(x, y)) for y in (80, 256, 430) for x in (80, 256, 430)] == list(PLACES)
    assert place(thing(x=180)) == "" and place(thing(y=330)) == ""


# Actions


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_ends_in_the_scene_itself(name):
    for i in range(20):
        scene = sample(scenes.Rng("action", i), REFERENCE, Request(action=name))
        assert 3 <= scene.action.frames <= 8 and motion.fits(scene)
        assert motion.frame(scene, scene.action.frames - 1) == scene.objects
        assert len(motion.frames(scene)) == scene.action.frames
        assert motion.frame(scene, scene.action.frames - 2) != scene.objects


# Tasks


def test_any_six_colours_stand_out_from_some_ground():
    for colours in combinations(COLOURS, 6):
        grounds = grounds_for(frozenset(colours))
        assert grounds and all(distance(TINTS[g], RGB[c]) >= CONTRASTS[-1] for g in grounds for c in colours)
    for colour in COLOURS:
        alone = grounds_for(frozenset([colour]))
        assert len(alone) >= 5 and all(distance(TINTS[g], RGB[colour]) >= CONTRASTS[0] for g in alone)


def test_there_are_enough_tasks_of_every_sort():
    seen = Counter(task.seen for task in scenes.TASKS.values())
    assert sum(seen.values()) >= 20 and set(seen) == {"words seen", "combination unseen", "domain unseen"}
    assert len(scenes.SHIFTS) == 8 and set(ALL) == set(WORDS["tasks"])
    assert all(len(values) >= n for values, n in ((SHAPES, 12), (COLOURS, 12), (FILLS, 6), (BACKGROUNDS, 4), (SIZES, 3)))


@pytest.mark.parametrize("name", FIXED)
def test_every_answer_is_right_equally_often(name):
    task = ALL[name]
    labels = Counter(task.label(row) for row in range(task.size))
    assert set(labels) == set(task.right or range(task.answers)) and len(set(labels.values())) == 1
    assert 1400 <= task.size <= 2100
    assert len(set(task.classes)) == len(task.classes)
    assert all("{}" in template for template in task.templates) and bool(task.templates) == bool(task.classes)


@pytest.mark.parametrize("name", CHOICES)
def test_words_alone_cannot_choose(answers, name):
    """The captions to choose from hold the same words, so a reader of bags of words is at chance by construction."""
    for split in ("val", "test"):
        for _, label, choices in answers[name, split]:
            assert len(set(choices)) == len(choices) == ALL[name].answers and 0 <= label < len(choices)
            assert len({tuple(sorted(choice.split())) for choice in choices} | {()}) == 2 or "an " in " ".join(choices)
            assert len({tuple(sorted(re.sub(r"\ban\b", "a", c).split())) for c in choices}) == 1


def test_frames_of_a_film_share_their_answer():
    film = [rows.answer("film", ALL["film"], "val", i) for i in range(14)]
    assert [label for _, label, _ in film] == [0] * 7 + [1] * 7
    assert len({scene.seed for scene, *_ in film[:7]}) == 1 and len({scene.objects for scene, *_ in film[:7]}) == 7
    assert all(scene.action is None for scene, *_ in film)


def test_the_adversarial_pool_is_drawn_as_it_was():
    found = scenes.adversarial()
    assert found["drawn"] == scenes_adversarial.pool_hash(), "run python -m experiments.scenes_adversarial"
    for split in ("val", "test"):
        assert len(found[split]) >= 1000 and len(set(found[split])) == len(found[split]) and max(found[split]) < found["pool"]
        assert 0.2 < found[f"{split} right"] < 0.9


# Bad input


@pytest.mark.parametrize(("wanted", "message"), [
    ({"count": 7}, "a scene holds 1 to 6 objects, got 7"),
    ({"count": 1, "objects": ({}, {})}, "2 objects are described, but there are at most 1"),
    ({"objects": ({"shape": "blob"},)}, "unknown shape 'blob'; choose from: circle, ellipse"),
    ({"objects": ({"texture": "wool"},)}, "unknown attribute 'texture'; choose from: shape, colour, size, fill, place"),
    ({"objects": ({"place": "north"},)}, "unknown place 'north'; choose from: top left"),
    ({"objects": ({"shape": "heart", "colour": "green"},)}, "a green heart is held out: training never shows one"),
    ({"objects": ({"shape": "heart", "fill": "striped"},)}, "a striped heart is held out"),
    ({"count": 6, "objects": ({"size": "large"},) * 6}, "6 objects do not fit"),
    ({"objects": ({"size": "large", "place": "left"},), "layout": "between"}, "'between' decides place and size itself"),
    ({"count": 3, "action": "hitting"}, "'hitting' takes 2 objects, got 3"),
    ({"objects": ({}, {}), "action": "growing"}, "2 objects are described, but there are at most 1"),
    ({"count": 5, "layout": "inside"}, "'inside' takes 2 objects, got 5"),
    ({"layout": "spiral"}, "unknown layout 'spiral'; choose from: scattered, inside, between"),
    ({"background": "striped"}, "unknown background 'striped'; choose from: plain"),
    ({"action": "dancing"}, "unknown action 'dancing'; choose from: moving left"),
    ({"word": "antidisestablishmentarianism"}, "unknown word"),
    ({"split": "dev"}, "unknown split 'dev'; choose from: train, val, test"),
    ({"held_out": "yes"}, "unknown held_out 'yes'; choose from: never, only, any"),
    ({"shapes": 3}, "unknown request 'shapes'; choose from: count, objects"),
])  # fmt: skip
def test_a_request_that_cannot_be_met_is_refused(wanted, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        scenes.compose(**wanted)


def test_a_request_that_can_be_met_is(answers):
    scene = scenes.compose(objects=({"shape": "heart", "colour": "green"},), held_out="any", background="plain", word="drop")
    assert (scene.objects[0].shape, scene.objects[0].colour) == ("heart", "green")
    assert (scene.background, scene.word) == ("plain", "drop")
    assert scenes.compose(3) == scenes.compose(3) != scenes.compose(4)
    assert len(scenes.compose(count=6).objects) == 6
    assert scenes.compose(layout="inside", count=2).objects[0].size == "small"


@pytest.mark.parametrize(("change", "message"), [
    ({"fills": weights(woolly=1)}, "unknown entry of fills: 'woolly'; choose from: solid"),
    ({"counts": ((7, 1),)}, "unknown entry of counts: 7; choose from: 1, 2, 3, 4, 5, 6"),
    ({"styles": weights(paint=-1)}, "styles: a weight is a number and must not be negative, got -1 for 'paint'"),
    ({"layouts": weights(scattered=0)}, "layouts: at least one weight must be positive"),
    ({"overlap": 1.5}, "overlap is a chance between 0 and 1, got 1.5"),
    ({"sizes": REFERENCE.sizes._replace(small=(90, 50))}, "that rise within 16..224, got (90, 50)"),
    ({"sizes": REFERENCE.sizes._replace(large=(136.5, 180))}, "the radius of large goes from..to, two whole numbers"),
    ({"sizes": ((52, 68), (92, 116), (136, 180))}, "sizes are Radii and caption_noise is a CaptionNoise, got tuple and Caption"),
    ({"caption_noise": 0}, "sizes are Radii and caption_noise is a CaptionNoise, got Radii and int"),
    ({"gain": 600}, "gain goes from..to, two whole numbers that rise within 16..510, got 600"),
    ({"gain": (600, 600)}, "gain goes from..to, two whole numbers that rise within 16..510, got (600, 600)"),
    ({"gain": (276, 216)}, "rise within 16..510, got (276, 216)"),
    ({"gain": (216.0, 276.0)}, "two whole numbers"),
    ({"noise": (0, 300)}, "noise goes from..to, two whole numbers that rise within 0..255, got (0, 300)"),
    ({"noise": (-4, 4)}, "rise within 0..255, got (-4, 4)"),
    ({"jitter": -1}, "jitter, to either side, goes from..to, two whole numbers that rise within 0..255, got (0, -1)"),
    ({"tilt": 181}, "rise within 0..180, got (0, 181)"),
    ({"overlap": float("nan")}, "overlap is a chance between 0 and 1, got nan"),
    ({"word": "often"}, "word is a chance between 0 and 1, got 'often'"),
    ({"styles": weights(paint=float("nan"))}, "styles: a weight is a number and must not be negative, got nan for 'paint'"),
    ({"fills": {"solid": 1}}, "fills are weights, a tuple of (name, weight) pairs as weights(...) makes them, got {'solid': 1}"),
    ({"counts": ((2.0, 1),)}, "unknown entry of counts: 2.0"),
])  # fmt: skip
def test_an_impossible_world_is_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        World(**change)


def test_other_mistakes_are_refused():
    with pytest.raises(ValueError, match="wrong is a chance between 0 and 1, got 2"):
        CaptionNoise(wrong=2)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        scenes.generate(REFERENCE, 0)
    with pytest.raises(ValueError, match="unknown split 'v2'; choose from: train, val, test"):
        scenes.generate(REFERENCE, 3, split="v2")
    with pytest.raises(ValueError, match="unknown data set 'scenes/smell'"):
        cm.datasets.load("scenes/smell", "val")
    assert sample(scenes.Rng(1), REFERENCE, ANYTHING) == sample(scenes.Rng(1), REFERENCE)


def test_a_world_of_ones_own():
    two = {"counts": ((2, 1),), "layouts": weights(scattered=1), "action": 0, "fills": weights(dotted=1)}
    world = replace(REFERENCE, caption_noise=NO_CAPTION_NOISE, **two)
    data = scenes.generate(world, 40, seed=5, resolution=48)
    assert data.images.shape == (40, 3, 48, 48) and len(data.captions) == len(data.notes) == 40
    found = [scenes.read_note(line)[0] for line in data.notes]
    assert all(len(scene.objects) == 2 and {o.fill for o in scene.objects} == {"dotted"} for scene in found)
    assert caption(scenes.Rng(1), found[0], world)[1].noise == ()


def test_other_bytes_are_not_stored_under_the_same_version(tmp_path, monkeypatch):
    stored = json.loads(hashes.HASHES.read_text())
    monkeypatch.setattr(hashes, "HASHES", tmp_path / "hashes.json")
    hashes.store(stored)
    with pytest.raises(ValueError, match=r"1 of \d+ hashes differ \(count first\) while scenes.VERSION is still 1"):
        hashes.store(stored | {"count": "another"})
    assert json.loads(hashes.HASHES.read_text()) == stored
    hashes.store(stored | {"count": "another", "version": 2})
    hashes.store(stored | {"count": "another", "version": 2, "a new task": "its hash"})
