"""How captions of the web fail: wrong words, noise around them, file names, other languages, somebody else's caption."""

import re

from clipmini.datasets.scenes.grammar import article_of, describe
from clipmini.datasets.scenes.parse import Mention, Said
from clipmini.datasets.scenes.rng import Dice
from clipmini.datasets.scenes.sample import sample
from clipmini.datasets.scenes.scene import Scene
from clipmini.datasets.scenes.words import ATTRIBUTES, LANGUAGES, WORDS, is_held_out
from clipmini.datasets.scenes.world import World


def caption(dice: Dice, scene: Scene, world: World) -> tuple[str, Said]:
    """A caption as the web writes it: true, but for the failings that the world sets rates for. And its parse."""
    rates = world.failings
    if dice.chance(rates.unrelated):
        text, said = describe(dice, sample(dice, world), rates.omit)
        return text, said._replace(failings=("unrelated",))
    file_name = dice.chance(rates.file_name)  # made of few words
    text, said = describe(dice, scene, rates.omit, form="bare" if file_name else None)
    for failing, rate in (("wrong word", rates.wrong), ("foreign word", rates.foreign)):
        if dice.chance(rate):
            text, said = FAIL[failing](dice, text, said)
    if file_name:
        return _noise(dice, re.sub(r"[ ,]+", dice.pick("_-"), text), said, "file name")
    return _noise(dice, text, said, "alt text") if dice.chance(rates.alt_text) else (text, said)


def _wrong_word(dice: Dice, text: str, said: Said) -> tuple[str, Said]:
    """One attribute of one object is another than it says. The parse keeps what was said."""
    i = dice.below(len(said.mentions))
    m = said.mentions[i]
    for attribute in dice.shuffled([a for a in ATTRIBUTES if getattr(m, a) in ATTRIBUTES[a]]):
        right = getattr(m, attribute)
        wrong = dice.pick([v for v in ATTRIBUTES[attribute] if v != right and not _names_held_out(m, attribute, v)])
        changed = _replaced(text, _words(attribute, right), dice.pick(WORDS[attribute + "s"][wrong]["words"]), m.count > 1)
        if changed:
            mentions = (*said.mentions[:i], m._replace(**{attribute: wrong}), *said.mentions[i + 1 :])
            return changed, said._replace(mentions=mentions, failings=(*said.failings, f"wrong {attribute}"))
    return text, said


def _foreign_word(dice: Dice, text: str, said: Said) -> tuple[str, Said]:
    """A shape or a colour in Italian, French or German. What it says stays the same."""
    m, language = dice.pick(said.mentions), dice.pick(LANGUAGES)
    for attribute in dice.shuffled([a for a in ("shape", "colour") if getattr(m, a) in ATTRIBUTES[a]]):
        words, foreign = _words(attribute, getattr(m, attribute)), WORDS[attribute + "s"][getattr(m, attribute)][language]
        if foreign not in words and (changed := _replaced(text, words, foreign, plural=False)):
            return changed, said._replace(failings=(*said.failings, f"foreign word ({language})"))
    return text, said


def _names_held_out(m: Mention, attribute: str, value: str) -> bool:
    """Whether the changed phrase would name what training is never to see: that stays unsaid, too."""
    m = m._replace(**{attribute: value})
    return is_held_out(m.shape, m.colour, m.fill)


FAIL = {"wrong word": _wrong_word, "foreign word": _foreign_word}


def _noise(dice: Dice, text: str, said: Said, failing: str) -> tuple[str, Said]:
    frame = dice.pick(WORDS["alt_texts" if failing == "alt text" else "file_names"])
    text = frame.replace("{}", text).replace("{n}", str(dice.between(1, 9999)))
    return text, said._replace(failings=(*said.failings, failing))


def _words(attribute: str, value: str) -> list[str]:
    """Every word for a value, longest first, so that "dark blue" is found before "blue"."""
    return sorted(WORDS[attribute + "s"][value]["words"], key=len, reverse=True)


def _replaced(text: str, old: list[str], new: str, plural: bool) -> str:
    """The text with the one occurrence of an old word replaced; "" if there is none, or more than one: which, then?"""
    found = list(re.finditer(rf"\b(?:{'|'.join(map(re.escape, old))})(?:e?s)?\b", text))
    if len(found) != 1:
        return ""
    start, end = found[0].span()
    new += "s" if plural and not new.endswith("s") and text[end - 1] == "s" else ""
    return re.sub(r"\ban? (\w+)", lambda found: f"{article_of(found[1])} {found[1]}", text[:start] + new + text[end:])
