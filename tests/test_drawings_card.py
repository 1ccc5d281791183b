"""The page about the drawings says what the data says today."""

import re

from tools.drawings import card, figures

AGAIN = "python -m tools.drawings.card writes the page's tables, numbers and figures afresh"


def test_tables_and_numbers_are_those_of_the_data():
    stale = [path.name for path, text in card.fragments().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], AGAIN


def test_every_number_and_figure_of_the_page_is_there():
    text = card.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"{{ (\w+) }}", text)) <= set(card.facts())
    shown = re.findall(r"_static/drawings/(\S+)\n:name: .*\n:class: dark-light\n:alt: \S", text)
    assert sorted(shown) == sorted(path.name for path in figures.STATIC.iterdir())
    assert all(path.stat().st_size < 100_000 for path in figures.STATIC.iterdir())
