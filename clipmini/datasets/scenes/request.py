"""Asking for a scene: what it must show, and whether that is possible."""

from collections.abc import Mapping
from typing import NamedTuple

from clipmini.config import choose
from clipmini.datasets.scenes.motion import TWO_SIDED
from clipmini.datasets.scenes.words import (
    ACTIONS,
    ATTRIBUTES,
    BACKGROUNDS,
    GLYPHS,
    MAX_OBJECTS,
    PLACES,
    WRITTEN_WORDS,
    is_held_out,
)
from clipmini.datasets.scenes.world import LAYOUTS

NEEDED = {"inside": 2, "between": 3} | dict.fromkeys(TWO_SIDED, 2)  # objects that a layout or an action takes
BUCKETS = {"train": range(12), "val": range(12, 14), "test": range(14, 16)}  # of 16: how scenes are shared out to splits
NAMES = ATTRIBUTES | {"place": PLACES, "glyph": ("", *GLYPHS)}


class Request(NamedTuple):
    """What a scene must show; what is left out is drawn from the world.

    objects: for the first objects, attributes by name (shape, colour, size, fill, place, glyph, angle), each with a value
    or a tuple of values to choose from.
    held_out: "never" (as in training), "only" (object 0 is such a combination) or "any".
    """

    count: int | None = None
    objects: tuple[Mapping[str, str], ...] = ()
    layout: str | None = None
    background: str | None = None
    word: str | None = None
    action: str | None = None
    held_out: str = "never"
    split: str | None = None


ANYTHING = Request()


class DoesNotFit(ValueError):
    """A scene that was asked for has no room for its objects."""


def validate(request: Request) -> Request:
    """The same request, if it can be met. Raises ValueError otherwise; `sample` itself does not look, to be fast."""
    fields = {"layout": LAYOUTS, "action": ACTIONS, "background": BACKGROUNDS, "word": ("", *WRITTEN_WORDS), "split": BUCKETS}
    for name, choices in fields.items():
        if getattr(request, name) is not None:
            choose(name, getattr(request, name), dict.fromkeys(choices))
    choose("held_out", request.held_out, dict.fromkeys(("never", "only", "any")))
    _validate_count(request)
    for wanted in request.objects:
        _validate_object(wanted, request.held_out)
    return request


def _validate_count(request: Request) -> None:
    if request.count is not None and not 1 <= request.count <= MAX_OBJECTS:
        raise ValueError(f"a scene holds 1 to {MAX_OBJECTS} objects, got {request.count}")
    what = request.layout if request.layout in NEEDED else request.action
    needed = NEEDED.get(what, 1) if what else request.count or MAX_OBJECTS
    if what and request.count not in (None, needed):
        raise ValueError(f"{what!r} takes {needed} object{'s' * (needed > 1)}, got {request.count}")
    if len(request.objects) > needed:
        raise ValueError(f"{len(request.objects)} objects are described, but there are at most {needed}")
    fixed = {"size", "place"} & {name for wanted in request.objects for name in wanted}
    if what in NEEDED and fixed:
        raise ValueError(f"{what!r} decides {' and '.join(sorted(fixed))} itself: leave it out")


def _validate_object(wanted: Mapping, held_out: str) -> None:
    for attribute, values in wanted.items():
        choose("attribute", attribute, NAMES | {"angle": ()})
        for value in values if isinstance(values, tuple) else (values,):
            if attribute != "angle":
                choose(attribute, value, dict.fromkeys(NAMES[attribute]))
    shape, colour, fill = (wanted.get(name, "") for name in ("shape", "colour", "fill"))
    if held_out == "never" and is_held_out(shape, colour, fill):
        raise ValueError(
            f"a {' '.join(filter(None, (fill, colour, shape)))} is held out: training never shows one. "
            'Choose another, or ask with held_out="any"'
        )
