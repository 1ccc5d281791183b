"""drawings/openmoji: one more stranger. Its licence (CC BY-SA) keeps it from shipping; npm brings it when it is first asked for.

Only drawings of things whose names training reads, one a character.
"""

import torch

from clipmini.datasets.drawings import gather, manifest, packages, redraw
from clipmini.datasets.mixed import Mixed
from clipmini.datasets.pairs import Pairs

SPLITS = ("strangers",)
PACKAGE = "@iconify-json/openmoji"


def load(split: str = "strangers", resolution: int = gather.SHIPPED) -> Pairs:
    """Labels into the names of things, as in drawings/names.

    Raises: ValueError if npm or resvg is not at hand, or the package is not the pinned one.
    """
    shown = _things(packages.read_json(PACKAGE, "chars.json"))
    drawn = redraw.collection("openmoji", list(shown), resolution)
    there = drawn["place"] != redraw.MISSING
    keys = [key for key, is_there in zip(shown, there, strict=True) if is_there]
    classes = {thing: number for number, thing in enumerate(sorted({shown[key] for key in keys}))}
    grey, colour, place = (torch.from_numpy(part) for part in (drawn["grey"], drawn["colour"], drawn["place"][there]))
    return Pairs(
        name="drawings/openmoji",
        split=split,
        images=Mixed(grey[:, None], colour.permute(0, 3, 1, 2), place),
        captions=[key.replace("-", " ") for key in keys],
        labels=torch.tensor([classes[shown[key]] for key in keys]),
        classes=list(classes),
        concept=torch.tensor([gather.concepts()[shown[key]] for key in keys]),
        notes=[f"openmoji:{key}" for key in keys],
    )


def about(split: str) -> str:
    """A line for a listing, which fetches nothing."""
    return "OpenMoji, CC BY-SA 4.0, does not ship: npm brings it when it is first loaded"


def _things(characters: dict[str, str]) -> dict[str, str]:
    """Of each drawing's key the thing that it shows, if training reads its name: the first drawing of each."""
    known = {drawing.concept for drawing in manifest.drawings() if drawing.split == "train"}
    of_character = {thing.character: name for name, thing in manifest.concepts().items() if name in known}
    plain = {"-".join(part for part in code.split("-") if part != "fe0f"): key for code, key in reversed(characters.items())}
    return {key: of_character[code] for code, key in sorted(plain.items()) if code in of_character}
