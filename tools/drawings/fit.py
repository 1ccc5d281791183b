"""Which drawings are left out: logos, flags that are no country's, tones of skin, and what is unfit for a classroom."""

import re
from functools import lru_cache
from pathlib import Path

from tools.drawings.collect import Found, squeezed
from tools.drawings.words import without_style

# ISO 3166-1, alpha-2
COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
""".split()
OBJECTS = ("triangular flag", "chequered flag", "crossed flags", "black flag", "white flag", "flag in hole", "golf")  # no one's
BRANDED = ("brand", "logo", "social media")
FLAGS = "signs_and_symbols/flags/"  # a folder of clip art: regions, navies, states that are gone
FLYING = {"pride", "rainbow", "transgender", "pirate", "usa", "brazil", "european", "africa"}  # on flags of icon sets
TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}


def reason(found: Found) -> str | None:
    """Why a drawing is left out, or None for one that is kept."""
    if "skin tone" in found.name or TONES & set(found.character.split("-")):
        return "a tone of skin"
    if is_flag(found) and not is_country(found):
        return "a flag that is no country's"
    if found.collection.emoji or found.collection.name == "circle-flags":
        return "unfit" if is_unfit(found) else None
    if is_logo(found):
        return "a logo"
    return "unfit" if is_unfit(found) else None


def is_flag(found: Found) -> bool:
    words = found.name.lower().split()
    if found.collection.name == "circle-flags":
        return True
    if found.collection.name == "openclipart":
        return found.key.startswith(FLAGS) or "flag" in words
    if found.collection.emoji:
        named = "flag" in words and "Flags" in found.categories or found.name.startswith("flag ")
        named |= found.collection.name == "fxemoji" and found.name.endswith("flag")
        return named and not found.name.removeprefix("flag for ").startswith(OBJECTS) or regional(found.character) is not None
    return "flag" in words and bool(FLYING & set(words)) or found.name == "union jack"


def is_country(found: Found) -> bool:
    if found.collection.name == "circle-flags":
        return found.key.upper() in COUNTRIES
    return regional(found.character) in COUNTRIES


def regional(character: str) -> str | None:
    """The two letters of a flag's code points; None where it is no such flag."""
    parts = [int(part, 16) - 0x1F1E6 for part in character.split("-") if part]
    return "".join(chr(ord("A") + part) for part in parts) if len(parts) == 2 and all(0 <= p < 26 for p in parts) else None


def is_logo(found: Found) -> bool:
    """Filed as a logo, named like one in simple-icons, or with a brand among its words."""
    if any(mark in category.lower() for category in found.categories for mark in BRANDED):
        return True
    if found.collection.name == "openclipart" and "logo" in " ".join((found.key, found.name, *found.also)).lower():
        return True
    plain = without_style(found.collection, found.key)
    return squeezed(plain) in listed("logos.txt") or bool(set(found.key.split("-")) & listed("brands.txt"))


def is_unfit(found: Found) -> bool:
    said = " ".join([found.key, found.name, *found.also, *found.categories]).lower()
    words = " " + " ".join(re.findall(r"[a-z0-9]+", said)) + " "
    return any(f" {word} " in words for word in listed("unfit.txt"))


@lru_cache(maxsize=3)
def listed(file: str) -> set[str]:
    """The words of a list; hyphens are spaces in those that are unfit."""
    lines = [line for line in (Path(__file__).parent / file).read_text().splitlines() if not line.startswith("#")]
    words = " ".join(lines).split()
    return {word.replace("-", " ") for word in words} if file == "unfit.txt" else set(words)
