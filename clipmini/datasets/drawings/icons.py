"""Icon sets as npm's @iconify-json packages hold them: each drawing a piece of SVG with a name, some with several names."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Icon:
    """One drawing. name: its key in the set. aliases: other names for the same picture. body: SVG without its outer tag.

    box: left, top, width, height of what is seen, in the drawing's own units.
    """

    name: str
    body: str
    box: tuple[float, float, float, float]
    aliases: tuple[str, ...] = ()

    @property
    def svg(self) -> str:
        """A whole SVG file. What has no colour of its own is black, and the longer side fills a square."""
        box = " ".join(f"{number:g}" for number in self.box)
        spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        return f'<svg {spaces} viewBox="{box}" width="1" height="1" color="black">{self.body}</svg>'


def read(icons: dict) -> Iterator[Icon]:
    """The visible drawings of a set, in the order of its file.

    An alias is one more name for a picture; one that flips or turns its parent is a picture of its own.
    Args: icons: the content of a package's icons.json.
    """
    names: dict[str, list[str]] = {}
    turned = []
    for alias, change in icons.get("aliases", {}).items():
        if change.get("hidden"):
            continue
        if {"hFlip", "vFlip", "rotate"} & set(change):
            turned.append(alias)
        else:
            names.setdefault(_origin(icons, change["parent"]), []).append(alias)
    for name, icon in icons["icons"].items():
        if not icon.get("hidden"):
            yield Icon(name, icon["body"], _box(icons, icon), tuple(names.get(name, ())))
    for name in turned:
        yield Icon(name, *_turned(icons, name), tuple(names.get(name, ())))


def _origin(icons: dict, name: str) -> str:
    """The name under which a picture is first listed: an alias may be one of an alias."""
    while (change := icons.get("aliases", {}).get(name)) and not {"hFlip", "vFlip", "rotate"} & set(change):
        name = change["parent"]
    return name


def _box(icons: dict, icon: dict) -> tuple[float, float, float, float]:
    """The format's defaults: 0, 0, 16, 16, in the set first and in the icon after it."""
    defaults = {"left": 0, "top": 0, "width": 16, "height": 16}
    return tuple(icon.get(side, icons.get(side, default)) for side, default in defaults.items())


def _turned(icons: dict, name: str) -> tuple[str, tuple[float, float, float, float]]:
    """Body and box of an alias that flips or turns: its parent flipped, then turned clockwise in quarters."""
    change = icons["aliases"].get(name)
    if change is None:
        icon = icons["icons"][name]
        return icon["body"], _box(icons, icon)
    body, (left, top, width, height) = _turned(icons, change["parent"])
    across, down = (-1 if change.get(flip) else 1 for flip in ("hFlip", "vFlip"))
    quarters = change.get("rotate", 0) % 4
    x, y = left + width / 2, top + height / 2
    moves = f"rotate({90 * quarters}) scale({across} {down}) translate({-x:g} {-y:g})"
    if quarters % 2:
        width, height = height, width
    return f'<g transform="{moves}">{body}</g>', (-width / 2, -height / 2, width, height)
