"""Drawing the pictures from their packages, at any size: each collection once, then kept in the cache."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from clipmini.datasets.cache import cached
from clipmini.datasets.drawings import icons, manifest, packages
from clipmini.datasets.drawings.render import NotDrawn, cut_out, render
from clipmini.files import cache_dir

VERSION = 1  # raised by hand when `render` draws other pixels
CLIPART = "openclipart"
LARGER = range(33, 257)  # px a side
MISSING = -(2**31)  # the place of a picture that does not draw


def collection(name: str, keys: list[str], resolution: int) -> dict[str, np.ndarray]:
    """The pictures of a collection: grey (A, S, S), colour (B, S, S, 3) uint8, and where each is.

    Args: keys: which ones, N of them. resolution: S, px a side.
    Returns: also place (N,): a row of colour, or ~row of grey where it is negative, or MISSING for one that does not draw.
    Raises: ValueError if a package cannot be had, or has no drawing of such a name.
    """
    return cached(_path(name, keys, resolution), lambda: _sorted(list(_drawn(name, keys, resolution))))


def everything(resolution: int, draw: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All drawings of the manifest: grey (A, 1, S, S), colour (B, 3, S, S) uint8 and place (N,), as `datasets.mixed` has them.

    Args: resolution: S, px a side. draw: what is not in the cache; each collection is kept once it is drawn.
    Raises: ValueError, with the command that draws them, if some are not there and draw is not asked for.
    """
    if resolution not in LARGER:
        sizes = f"{LARGER[0]} to {LARGER[-1]} px, got {resolution}"
        raise ValueError(f"drawings are drawn at {sizes}; smaller ones are made of those that ship")
    grey, colour, places = [], [], []
    keys: dict[str, list[str]] = {}
    for drawing in manifest.drawings():
        keys.setdefault(drawing.collection, []).append(drawing.key)
    for name in tqdm(keys, desc=f"drawings, {resolution} px", disable=not draw):
        if not draw and not _path(name, keys[name], resolution).is_file():
            way_out = f"python -m clipmini drawings --resolution {resolution}"
            raise ValueError(f"the drawings ship at 32 px; to have them at {resolution} px: {way_out}")
        drawn = collection(name, keys[name], resolution)
        place = drawn["place"]
        if lost := int((place == MISSING).sum()):
            raise ValueError(f"{lost} drawings of {name} do not draw at {resolution} px, though they did at 32 px")
        places.append(np.where(place < 0, place - sum(map(len, grey)), place + sum(map(len, colour))))
        grey.append(drawn["grey"])
        colour.append(drawn["colour"])
    return np.concatenate(grey)[:, None], np.concatenate(colour).transpose(0, 3, 1, 2), np.concatenate(places)


def _drawn(name: str, keys: list[str], resolution: int) -> Iterator[np.ndarray | None]:
    if name == CLIPART:
        read, _ = packages.members("openclipart-png")
        for key in keys:
            yield _or_none(cut_out, read(f"usr/share/openclipart/png/{key}.png"), resolution)
        return
    known = {icon.name: icon for icon in icons.read(packages.read_json(f"@iconify-json/{name}", "icons.json"))}
    if lacking := [key for key in keys if key not in known]:
        raise ValueError(f"{name} has no drawing {lacking[0]!r}, and {len(lacking)} in all of {len(keys)} are not in it")
    parts = [keys[start : start + 512] for start in range(0, len(keys), 512)]
    jobs = (delayed(_several)([known[key].svg for key in part], resolution) for part in parts)
    for part in Parallel(n_jobs=len(os.sched_getaffinity(0)), return_as="generator")(jobs):
        yield from part


def _path(name: str, keys: list[str], resolution: int) -> Path:
    """Where the pictures of a collection are kept; another version of its package, or of this code, is another file."""
    source = CLIPART + "-png" if name == CLIPART else f"@iconify-json/{name}"
    made_of = (VERSION, keys, packages.pinned()[source].sha512)
    digits = hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]
    return cache_dir() / "drawings" / f"{name}-{resolution}-{digits}.safetensors"


def _several(svgs: list[str], resolution: int) -> list[np.ndarray | None]:
    return [_or_none(render, svg, resolution) for svg in svgs]


def _or_none(draw, what, resolution: int) -> np.ndarray | None:
    try:
        return draw(what, resolution)
    except NotDrawn:
        return None


def _sorted(pictures: list[np.ndarray | None]) -> dict[str, np.ndarray]:
    """Grey and coloured ones apart, and where each went."""
    grey = [picture for picture in pictures if picture is not None and picture.ndim == 2]
    colour = [picture for picture in pictures if picture is not None and picture.ndim == 3]
    kind = np.array([0 if picture is None else picture.ndim for picture in pictures])
    place = np.where(kind == 3, np.cumsum(kind == 3) - 1, np.where(kind == 2, -np.cumsum(kind == 2), MISSING))
    side = next(len(picture) for picture in pictures if picture is not None)
    return {
        "grey": np.array(grey, np.uint8).reshape(-1, side, side),
        "colour": np.array(colour, np.uint8).reshape(-1, side, side, 3),
        "place": place.astype(np.int64),
    }
