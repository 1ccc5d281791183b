"""The pictures of the page about the drawings; nothing is chosen by hand but the things that are asked for."""

import random
from pathlib import Path

from PIL import Image

from clipmini.datasets.drawings import gather, manifest, worlds
from tools import ROOT
from tools.scenes.board import MUTED, Card, grid

STATIC = ROOT / "book" / "_static" / "drawings"
WIDTH, TILE = 640, 96  # so narrow that words can be read on a phone
THINGS = ("guitar", "umbrella", "elephant")
ACROSS = 5  # drawings in a row
UNSEEN = (
    "green book", "tiger face", "fire engine", "maple leaf", "ice skate",
    "police car", "blue heart", "chocolate bar", "desert island", "cherry blossom",
)  # fmt: skip


def draw_all() -> list[Path]:
    STATIC.mkdir(parents=True, exist_ok=True)
    return [make() for make in (hands, shelves, unseen, copied)]


def picture(row: int) -> Image.Image:
    return Image.fromarray(gather.pictures(32)[row].permute(1, 2, 0).numpy())


def rows(keep) -> list[int]:
    return [row for row, drawing in enumerate(manifest.drawings()) if keep(drawing)]


def title(row: int) -> str:
    return manifest.collections()[manifest.drawings()[row].collection]["title"]


def hands() -> Path:
    """Three things, each in two rows: by collections that training sees, and by strangers."""
    card, top = Card(WIDTH), 12
    for thing in THINGS:
        drawn = rows(lambda drawing, thing=thing: drawing.concept == thing and drawing.split != "val")
        for strange in (False, True):
            of_collection = {manifest.drawings()[row].collection: row for row in reversed(drawn) if _is_stranger(row) == strange}
            chosen = sorted(of_collection.values())[:ACROSS]
            top = grid(card, [picture(row) for row in chosen], [title(row) for row in chosen], ACROSS, 17, top, TILE)
        top += 12
    return card.save("hands", STATIC)


def shelves() -> Path:
    """Five random drawings of each stranger, with what their artists call them."""
    card, top = Card(WIDTH), 12
    for split in worlds.STRANGERS:
        drawn = rows(lambda drawing, split=split: drawing.split == split)
        chosen = random.Random(1).sample(drawn, ACROSS)
        top = card.words(20, top, split, WIDTH - 40, 20, MUTED, centre=False, bold=True) + 6
        said = [manifest.drawings()[row].captions[0] for row in chosen]
        top = grid(card, [picture(row) for row in chosen], said, ACROSS, 17, top, TILE)
    return card.save("shelves", STATIC)


def unseen() -> Path:
    """Things whose names training never reads."""
    card = Card(WIDTH)
    first = [rows(lambda drawing, name=name: drawing.split == "new_names" and drawing.concept == name)[0] for name in UNSEEN]
    grid(card, [picture(row) for row in first], UNSEEN, ACROSS, 18, 12, TILE)
    return card.save("unseen", STATIC)


def copied() -> Path:
    """Strangers' drawings that are marked as copies, each beside the training drawing that it is nearest to."""
    from tools.drawings.copies import hashes, nearest_rows

    marked = rows(lambda drawing: drawing.copy == "look" and drawing.split in ("fluent", "silhouettes", "clipart", "lines"))
    chosen = random.Random(3).sample(marked, 4)
    trained = rows(lambda drawing: drawing.split == "train")
    pictures = gather.pictures(32)
    bits = [hashes([pictures[row].permute(1, 2, 0).numpy() for row in some]) for some in (chosen, trained)]
    pairs = [row for mine, other in zip(chosen, nearest_rows(*bits), strict=True) for row in (mine, trained[other])]
    card = Card(WIDTH)
    said = [f"{manifest.drawings()[row].captions[0]} ({title(row)})" for row in pairs]
    grid(card, [picture(row) for row in pairs], said, 4, 17, 12, TILE)
    return card.save("copies", STATIC)


def _is_stranger(row: int) -> bool:
    return manifest.drawings()[row].split in worlds.STRANGERS
