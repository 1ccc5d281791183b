"""The data card of the scenes says what the generator does today, and shows every task."""

import json
import re

import pytest

import clipmini as cm
from clipmini.datasets import scenes
from tools.scenes import card, figures, numbers
from tools.scenes.board import LIMIT, STATIC, font_of, lines

AGAIN = "python -m tools.scenes.card writes the page's tables, numbers and figures afresh"


@pytest.fixture(scope="module")
def written_now():
    return card.fragments()


@pytest.fixture(scope="module")
def page():
    """The page with all that it includes."""
    text = card.PAGE.read_text(encoding="utf-8")
    return re.sub(r"```\{include\} (\S+)\n```", lambda found: (card.PAGE.parent / found[1]).read_text(encoding="utf-8"), text)


@pytest.fixture(scope="module")
def shown(page):
    """Every figure of the page, with its options."""
    return dict(re.findall(r"```\{(?:figure|image)\} _static/scenes/(\S+)\n((?::.*\n)*)", page))


def stale(fragments):
    return [path.name for path, text in fragments.items() if path.read_text(encoding="utf-8") != text]


def test_tables_and_numbers_are_those_of_the_generator(written_now):
    assert not stale(written_now), AGAIN


def test_a_stale_table_and_a_stale_number_are_noticed(written_now):
    table, page = card.TABLES / "splits.md", card.PAGE
    changed = {table: written_now[table] + "| more |", page: written_now[page].replace("objects: '6'", "objects: '7'")}
    assert stale(changed) == ["splits.md", "scenes.md"]


def test_what_takes_minutes_was_counted_of_this_generator():
    assert numbers.is_counted(), AGAIN


def test_lines_for_another_training_set_run_as_they_stand(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    code = card.FRAGMENTS["other"]().strip("`\n").removeprefix("python\n")
    few = re.sub(r"\d+_000", "3", code).replace("train +", "both = train +")
    names = {"cm": cm, "scenes": scenes, "train": scenes.generate(scenes.REFERENCE, 2)}
    exec(few, names)
    assert len(names["both"]) == 2 + scenes.SIZES["planted"]
    assert not any(scenes.read_note(note)[1].noise for note in scenes.generate(names["clean"], 50).notes)


def test_figures_were_drawn_by_this_generator():
    drawn = json.loads((card.TABLES / "drawn.json").read_text())
    assert drawn["version"] == scenes.VERSION, AGAIN


def test_every_table_is_on_the_page():
    included = re.findall(r"\{include\} scenes_tables/(\S+)\.md", card.PAGE.read_text(encoding="utf-8"))
    assert sorted(included) == sorted(card.FRAGMENTS)


def test_every_number_of_a_sentence_is_known_and_used():
    *_, head, body = card.PAGE.read_text(encoding="utf-8").split("---\n", 2)
    known, used = set(numbers.facts()), set(re.findall(r"\{\{ (\w+) \}\}", body))
    assert used == known


def test_every_task_and_shift_has_its_pictures_and_its_question(page, shown):
    for name, task in figures.drawable().items():
        assert f"task-{figures.slug(name)}.png" in shown
        assert task.question in page
    assert set(scenes.TASKS | scenes.SHIFTS) - set(figures.drawable()) <= {"adversarial"}


def test_figures_are_small_and_described(shown):
    assert set(shown) == {path.name for path in STATIC.glob("*.png")}
    for name, options in shown.items():
        assert (STATIC / name).stat().st_size <= LIMIT, name
        alt = re.search(r":alt: (.+)", options)
        assert alt and len(alt[1]) > 30, name


@pytest.mark.parametrize(
    ("words", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed(words, expected):
    assert numbers.listed(words) == expected


def test_long_file_names_break_within_a_card():
    font, name = font_of(20), "a_very_long_name_of_a_file_1234.png"
    broken = ["".join(word for word, _ in line) for line in lines([(name, "black")], font, 120)]
    assert "".join(broken) == name and all(font.getlength(line) <= 120 for line in broken)
