"""Stamps: the pictures of Tux Paint, most of them photographs cut out on white, with captions in dozens of languages.

They are read where Debian's or Ubuntu's `tuxpaint-stamps-default` puts them, or in the folder that CLIPMINI_STAMPS names.
Their licence is the GPL, version 2 or later, so none comes with clipmini.

A stamp is a PNG file with a text beside it. The folder `symbols` is left out (letters, coins, notes), and so is a file that
shows another stamp the other way round, and what is there as SVG only. Version 2022.06.04 has 538; 108 of them are drawings,
in folders called `cartoon`, one is there twice (a fireman), and one is white and cannot be seen on white (a lightning bolt).

`stamps` has all of them with captions; `stamps/kinds` has those in twelve of the folders, as a labelled task.
"""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from clipmini.config import choose
from clipmini.datasets.pairs import Pairs
from clipmini.files import package_data

SPLITS = ("test",)
PLACE = "/usr/share/tuxpaint/stamps"
INSTALL = "sudo apt-get install tuxpaint-stamps-default"
NOT_THINGS = "symbols"
TURNED = ("_mirror", "_flip")  # the ends of the names that show another stamp the other way round
TRANSLATION = re.compile(r"([\w@]+)\.utf8=(.+)")


class Stamp(NamedTuple):
    """One stamp. name: its file without the suffix, "animals/birds/owl"; words: its caption by locale, "en" and others."""

    name: str
    words: dict[str, str]


def load(split: str = "test", resolution: int = 32) -> Pairs:
    """All stamps, (N, 3, resolution, resolution), with English captions; `notes` are their names.

    Raises: ValueError if there are none, with the command that installs them.
    """
    stamps = found()
    return Pairs(
        name="stamps",
        split=split,
        images=_pictures(stamps, resolution),
        captions=[stamp.words["en"] for stamp in stamps],
        notes=[stamp.name for stamp in stamps],
    )


def about(split: str) -> str:
    """A line for a listing, where there are no stamps, too; no picture is read."""
    stamps = _stamps(_folder())
    return f"{len(stamps):7,} images, captions in {len(_locales(stamps))} locales" if stamps else _absent()


def captions(locale: str = "en") -> list[str | None]:
    """A caption for each row of `load` in one language, None where nobody has written one.

    Args: locale: as Tux Paint writes it: "tr", "pt_BR", "sr@latin". Raises: ValueError, with the choices, if it has none.
    """
    stamps = found()
    choose("locale of stamps", locale, dict.fromkeys(_locales(stamps)))
    return [stamp.words.get(locale) for stamp in stamps]


def locales() -> list[str]:
    """What there are captions in, alphabetically. Raises: ValueError if there are no stamps."""
    return _locales(found())


def found() -> list[Stamp]:
    """The stamps, by name. Raises: ValueError if there are none, with the command that installs them."""
    stamps = _stamps(_folder())
    if not stamps:
        raise ValueError(f"stamps in {_folder()}: {_absent()}; or set CLIPMINI_STAMPS to their folder")
    return stamps


def show(path: Path, resolution: int) -> UInt8[np.ndarray, "H W 3"]:
    """A stamp without its empty margins, in the middle of a white square. Raises: ValueError if the file is broken."""
    try:
        stamp = Image.open(path).convert("RGBA")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}; once more: {INSTALL} --reinstall") from error
    stamp = stamp.crop(stamp.getbbox())
    side = max(stamp.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(stamp, ((side - stamp.width) // 2, (side - stamp.height) // 2))
    return np.asarray(square.convert("RGB").resize((resolution, resolution), Image.Resampling.BICUBIC))


class Kinds:
    """The stamps of twelve folders as a labelled task; which folder is which class is in data/stamps.json."""

    SPLITS = SPLITS

    @staticmethod
    def load(split: str = "test", resolution: int = 32) -> Pairs:
        """Pictures and labels, (N, 3, resolution, resolution) and (N,); `notes` are the stamps' names. Raises as `found`."""
        task = _task()
        labelled = _labelled(found(), task["classes"])
        if not labelled:
            raise ValueError(f"no stamps in {_folder()} are in one of its folders {', '.join(task['classes'].values())}")
        stamps, labels = zip(*labelled, strict=True)
        return Pairs(
            name="stamps/kinds",
            split=split,
            images=_pictures(stamps, resolution),
            labels=torch.tensor(labels),
            classes=list(task["classes"]),
            templates=tuple(task["templates"]),
            notes=[stamp.name for stamp in stamps],
        )

    @staticmethod
    def about(split: str) -> str:
        """A line for a listing, where there are no stamps, too; no picture is read."""
        folders, stamps = _task()["classes"], _stamps(_folder())
        return f"{len(_labelled(stamps, folders)):7,} images, {len(folders)} classes" if stamps else _absent()


TASK_SPLITS = {"stamps/kinds": Kinds}


def _folder() -> Path:
    """CLIPMINI_STAMPS, else where the package puts them. Raises: ValueError for a ~ that stands for no folder."""
    chosen = os.environ.get("CLIPMINI_STAMPS") or PLACE
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise ValueError(f"CLIPMINI_STAMPS is {chosen!r}: {error}; write the folder in full") from error


def _stamps(folder: Path) -> list[Stamp]:
    """The stamps in a folder, by name; none if there is no such folder."""
    names = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.png"))
    kept = [name for name in names if not name.startswith(f"{NOT_THINGS}/") and not name.endswith(TURNED)]
    words = [_words(folder / f"{name}.txt") for name in kept]
    return [Stamp(name, said) for name, said in zip(kept, words, strict=True) if said.get("en")]


def _words(path: Path) -> dict[str, str]:
    """What a text says by locale: English on the first line, then a line each. None without a text."""
    if not path.is_file():
        return {}
    try:
        english, *others = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}; once more: {INSTALL} --reinstall") from error
    translated = [said.groups() for line in others if (said := TRANSLATION.fullmatch(line.strip()))]
    return {"en": english.strip()} | dict(translated)


def _locales(stamps: list[Stamp]) -> list[str]:
    return sorted({locale for stamp in stamps for locale in stamp.words})


def _absent() -> str:
    return f"no images: not installed, and does not ship (GPL): {INSTALL}"


def _task() -> dict:
    return json.loads(package_data("stamps.json").read_text(encoding="utf-8"))


def _labelled(stamps: list[Stamp], folders: dict[str, str]) -> list[tuple[Stamp, int]]:
    """The stamps that lie in one of the folders, each with which one."""
    starts = [f"{folder}/" for folder in folders.values()]
    return [(stamp, i) for stamp in stamps for i, start in enumerate(starts) if stamp.name.startswith(start)]


def _pictures(stamps: list[Stamp], resolution: int) -> UInt8[Tensor, "N 3 H W"]:
    folder = _folder()
    pictures = np.stack([show(folder / f"{stamp.name}.png", resolution) for stamp in stamps])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
