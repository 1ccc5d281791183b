"""How captions of the web fail: wrong words, noise around them, file names, other languages, somebody else's caption."""

import re

from clipmini.datasets.scenes.grammar import article_of, describe
from clipmini.datasets.scenes.parse import Mention, Parse
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.sample import sample
from clipmini.datasets.scenes.scene import Scene
from clipmini.datasets.scenes.words import ATTRIBUTES, LANGUAGES, WORDS, is_held_out
from clipmini.datasets.scenes.world import World


def caption(rng: Rng, scene: Scene, world: World) -> tuple[str, Parse]:
    """A caption as the web writes it: true, but for the noise that the world sets rates for. And its parse."""
    rates = world.caption_noise
    if rng.chance(rates.unrelated):
        text, parse = describe(rng, sample(rng, world), rates.omit)
        return text, parse._replace(noise=("unrelated",))
    file_name = rng.chance(rates.file_name)  # made of few words
    text, parse = describe(rng, scene, rates.omit, form="bare" if file_name else None)
    for kind, rate in (("wrong word", rates.wrong), ("foreign word", rates.foreign)):
        if rng.chance(rate):
            text, parse = NOISE[kind](rng, text, parse)
    if file_name:
        return _framed(rng, re.sub(r"[ ,]+", rng.pick("_-"), text), parse, "file name")
    return _framed(rng, text, parse, "alt text") if rng.chance(rates.alt_text) else (text, parse)


def _wrong_word(rng: Rng, text: str, parse: Parse) -> tuple[str, Parse]:
    """One attribute of one object is another than it says. The parse keeps what was said."""
    i = rng.below(len(parse.mentions))
    m = parse.mentions[i]
    for attribute in rng.shuffled([a for a in ATTRIBUTES if getattr(m, a) in ATTRIBUTES[a]]):
        right = getattr(m, attribute)
        wrong = rng.pick([v for v in ATTRIBUTES[attribute] if v != right and not _names_held_out(m, attribute, v)])
        changed = _replaced(text, _words(attribute, right), rng.pick(WORDS[attribute + "s"][wrong]["words"]), m.count > 1)
        if changed:
            mentions = (*parse.mentions[:i], m._replace(**{attribute: wrong}), *parse.mentions[i + 1 :])
            return changed, parse._replace(mentions=mentions, noise=(*parse.noise, f"wrong {attribute}"))
    return text, parse


def _foreign_word(rng: Rng, text: str, parse: Parse) -> tuple[str, Parse]:
    """A shape or a colour in Italian, French or German. What it says stays the same."""
    m, language = rng.pick(parse.mentions), rng.pick(LANGUAGES)
    for attribute in rng.shuffled([a for a in ("shape", "colour") if getattr(m, a) in ATTRIBUTES[a]]):
        words, foreign = _words(attribute, getattr(m, attribute)), WORDS[attribute + "s"][getattr(m, attribute)][language]
        if foreign not in words and (changed := _replaced(text, words, foreign, plural=False)):
            return changed, parse._replace(noise=(*parse.noise, f"foreign word ({language})"))
    return text, parse


def _names_held_out(m: Mention, attribute: str, value: str) -> bool:
    """Whether the changed phrase would name what training is never to see: that stays unsaid, too."""
    m = m._replace(**{attribute: value})
    return is_held_out(m.shape, m.colour, m.fill)


NOISE = {"wrong word": _wrong_word, "foreign word": _foreign_word}


def _framed(rng: Rng, text: str, parse: Parse, kind: str) -> tuple[str, Parse]:
    frame = rng.pick(WORDS["alt_texts" if kind == "alt text" else "file_names"])
    text = frame.replace("{}", text).replace("{n}", str(rng.between(1, 9999)))
    return text, parse._replace(noise=(*parse.noise, kind))


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
