"""The rendered book: no warning, no dead link inside, nothing fetched from elsewhere."""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from tools import ROOT
from tools.book import render

pytestmark = pytest.mark.slow
# What a browser fetches by itself; an ordinary <a href> is the reader's choice.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
POINTERS = {"canonical", "search", "index", "next", "prev", "author"}  # <link rel=...> that loads nothing


class Page(HTMLParser):
    """The anchors, the links and the fetched addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        address = attributes.get(FETCHED.get(tag, ""))
        if address and not (tag == "link" and attributes.get("rel") in POINTERS):
            self.fetched.append(address)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every page of a fresh build, by path."""
    html = render.build(tmp_path_factory.mktemp("book"))
    return {path.resolve(): Page(path.read_text()) for path in html.rglob("*.html") if "_static" not in path.parts}


def dead_links(pages):
    """(page, address) of links and fetched files inside the book that lead nowhere."""
    found = []
    for path, page in pages.items():
        for address in page.links + page.fetched:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = pages[target].ids if target in pages else {anchor}
            if not target.exists() or (anchor and anchor not in known):
                found.append((path.name, address))
    return found


def test_every_page_of_the_contents_is_there(pages):
    names = {path.stem for path in pages}
    assert {"introduction", "bibliography", "notation"} <= names
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} <= names


def test_links_inside_the_book_lead_somewhere(pages):
    assert not dead_links(pages)


def test_a_dead_link_is_found(pages):
    path = next(path for path in pages if path.stem == "notation")
    broken = {**pages, path: Page('<a href="nowhere.html">x</a><a href="#nothing">y</a>')}
    assert {("notation.html", "nowhere.html"), ("notation.html", "#nothing")} <= set(dead_links(broken))


def test_pages_fetch_nothing_from_elsewhere(pages):
    if not render.MATHJAX.exists():
        pytest.skip("MathJax could not be fetched: formulas come from its public address")
    outside = {address for page in pages.values() for address in page.fetched
               if urlsplit(address).netloc and urlsplit(address).scheme != "data"}
    assert not outside
