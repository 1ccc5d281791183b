"""What a caption says in words is what its parse says: captions are read here by other rules than those that wrote them."""

import re
from collections import Counter

import numpy as np
import pytest

from clipmini.datasets.scenes import REFERENCE, rows
from clipmini.datasets.scenes.parse import Mention, omitted
from clipmini.datasets.scenes.words import ATTRIBUTES, KINDS, WORDS, is_held_out
from clipmini.datasets.scenes.world import NO_CAPTION_NOISE, CaptionNoise, replace, weights

NUMBERS = {word: n for n, word in enumerate(("zero", "one", "two", "three", "four", "five", "six"))}
MEANS = {word: (a, value) for a in ATTRIBUTES for value, entry in WORDS[f"{a}s"].items() for word in entry["words"]}
AFTER = {word: ("fill", value) for value, entry in WORDS["fills"].items() for word in entry["after"]}
NOUNS = {word: (a, value) for word, (a, value) in MEANS.items() if a == "shape"}
NOUNS |= {kind: ("shape", kind) for kind in KINDS.values()} | {noun: ("shape", "") for noun in WORDS["objects"]}
TAGS = MEANS | NOUNS
ADJECTIVES = {word: meaning for word, meaning in MEANS.items() if meaning[0] != "shape"}


def any_of(words) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


# "three small striped red hearts", "an object that is red", and without an article at the very beginning
PHRASE = re.compile(
    rf"(?:^|\b(?P<n>an?|the|{any_of(NUMBERS)}|\d) )(?P<before>(?:(?:{any_of(ADJECTIVES)}) )*)(?P<noun>{any_of(NOUNS)})"
    rf"(?P<s>e?s)?\b(?: (?P<after>{any_of(AFTER)})| (?:that (?:is|are)|in) (?P<last>{any_of(ADJECTIVES)})\b)?"
)
# What stands around noun phrases (#): a relation, and the phrases that it relates.
RELATIONS = {
    r"# (is )?(to the )?left of #": ("left of", 0, 1),
    r"# (is )?(to the )?right of #": ("right of", 0, 1),
    r"# (is )?(above|over) #": ("above", 0, 1),
    r"# (is )?(below|under) #": ("below", 0, 1),
    r"# with # (on|to) its left": ("left of", 1, 0),
    r"# with # (on|to) its right": ("right of", 1, 0),
    r"# with # (above|over) it": ("above", 1, 0),
    r"# with # (below|under) it": ("below", 1, 0),
    r"# (inside|within|surrounded by|is contained in|enclosed by) #": ("inside", 0, 1),
    r"# (containing|around) #": ("inside", 1, 0),
    r"# between # and #": ("between", 0, 1, 2),
    r"between # and # there is #": ("between", 2, 0, 1),
    r"# (larger|bigger) than #": ("larger than", 0, 1),
    r"# smaller than #": ("larger than", 1, 0),
}
# The same for actions: who acts, and on whom.
ACTIONS = {
    r"# (is )?(mov|slid)(es|ing) (to the )?left": ("moving left", 0),
    r"# (is )?(mov|slid)(es|ing) (to the )?right": ("moving right", 0),
    r"# (is )?(mov(es|ing) up|ris(es|ing))": ("moving up", 0),
    r"# (is )?(mov(es|ing) down|fall(s|ing)|drop(s|ping))": ("moving down", 0),
    r"# (is )?(grow(s|ing)|get(s|ting) bigger)": ("growing", 0),
    r"# (is )?(shrink(s|ing)|get(s|ting) smaller)": ("shrinking", 0),
    r"# (is )?(turn|spin)(s|ing|ning)": ("turning", 0),
    r"# (is )?(blink|flash)(e?s|ing)": ("blinking", 0),
    r"# (is )?(orbit|circl)(e?s|ing) #": ("orbiting", 0, 1),
    r"# (is )?(hit(s|ting)|bump(s|ing) into) #": ("hitting", 0, 1),
    r"# (is (being )?)?(orbited|circled) by #": ("orbiting", 1, 0),
    r"# (is (being )?)?(hit|struck) by #": ("hitting", 1, 0),
}
PLACE = r"(in|at|on) the (?P<row>top|upper|bottom|lower)? ?(?P<column>left|right)?(centre|middle)?( corner| edge)?"
GROUNDS = {"plain": "plain", "uniform": "plain", "gradient": "gradient", "smoothly changing": "gradient",
           "textured": "textured", "patterned": "textured", "cluttered": "cluttered", "messy": "cluttered"}  # fmt: skip


def mention_of(found: re.Match) -> Mention:
    """What a noun phrase says; "a stars" and "two star" are no phrases."""
    number, many = found["n"] or "a", found["n"] in NUMBERS or (found["n"] or "").isdigit()
    sibilant = found["noun"].endswith(("s", "x"))
    assert (found["s"] or "") == ("es" if many and sibilant else "s" if many else ""), found[0]
    words = re.findall(any_of(ADJECTIVES), found["before"]) + ([found["last"]] if found["last"] else [])
    said = [ADJECTIVES[word] for word in words] + ([AFTER[found["after"]]] if found["after"] else []) + [NOUNS[found["noun"]]]
    return Mention((), count=int(NUMBERS.get(number, number)) if many else 1, **dict(said))


def read(text: str) -> tuple[list[Mention], dict]:
    """The noun phrases of a sentence in their order, and what else it says."""
    if all(word in TAGS for word in text.split(", ")):  # heart, red, small
        return [Mention((), **dict(TAGS[word] for word in text.split(", ")))], {}
    if found := re.fullmatch(rf"the ({any_of(NOUNS)}) is ({any_of(ADJECTIVES)})", text):
        return [Mention((), **dict((NOUNS[found[1]], ADJECTIVES[found[2]])))], {}
    mentions = [mention_of(found) for found in PHRASE.finditer(text)]
    rest = re.sub(rf"^((there (is|are)|{any_of(WORDS['frames'])}) )", "", PHRASE.sub("#", text))
    for table, name in ((RELATIONS, "relation"), (ACTIONS, "roles")):
        for pattern, meaning in table.items():
            if re.fullmatch(pattern, rest):
                return mentions, {name: meaning}
    if found := re.fullmatch(rf"# {PLACE}|{PLACE.replace('P<', 'P<_')}, #", rest):
        row, column = (found[name] or found[f"_{name}"] for name in ("row", "column"))
        row = {"upper": "top", "lower": "bottom"}.get(row, row)
        return mentions, {"place": " ".join(filter(None, (row, column))) or "centre"}
    if found := re.fullmatch(r"# point(s|ing) (\w+)", rest):
        return mentions, {"points": found[2]}
    if found := re.fullmatch(r"# with the (letter|digit) (\w) on it|the (letter|digit) (\w) on #", rest):
        assert (found[1] or found[3]) == ("digit" if (found[2] or found[4]).isdigit() else "letter"), text
        return mentions, {"glyph": found[2] or found[4]}
    if found := re.fullmatch(r"# with the word (\w+)|the word (\w+) under #", rest):
        return mentions, {"word": found[1] or found[2]}
    said = {}
    if found := re.search(rf" on (an?) ({any_of(GROUNDS)}) background$", rest):
        assert found[1] == "a", text  # none of these words begins with the sound of a vowel
        rest, said = rest[: found.start()], {"background": GROUNDS[found[2]]}
    assert rest == ", ".join("#" * (len(mentions) - 1)) + " and #" * (len(mentions) > 1) + "#" * (len(mentions) == 1), text
    return mentions, said


def agree(text: str, parse, scene) -> None:
    """What is read off a text is what its parse says."""
    mentions, more = read(text)
    if parse.form == "between":  # the middle first, in the parse
        order = more["relation"][1:]
        mentions, more = [mentions[i] for i in order], {"relation": ("between", 0, 1, 2)}
    of_one = {name: more.pop(name) for name in ("place", "points", "glyph") if name in more}
    assert [m._replace(**of_one) for m in mentions] == [m._replace(who=()) for m in parse.mentions], text
    if roles := more.pop("roles", None):
        assert roles[0] == parse.action and [parse.mentions[i].who for i in roles[1:]] == [(0,), (1,)][: len(roles) - 1], text
    else:
        assert not parse.action, text
    expected = {name: getattr(parse, name) for name in ("relation", "background", "word") if getattr(parse, name)}
    assert more == expected, text


def test_a_text_says_what_its_parse_says():
    """Wrong words included: there, too, the parse keeps what was said."""
    world = replace(REFERENCE, caption_noise=CaptionNoise(wrong=0.2, alt_text=0, file_name=0, foreign=0, unrelated=0))
    forms = Counter()
    for row in range(4000):
        scene, text, parse = rows.pair(world, "train", row)
        agree(text, parse, scene)
        forms[parse.form] += 1
    assert len(forms) == 20 and min(forms.values()) > 20


def noisy(**rates) -> list:
    """2,000 scenes with captions that fail in these ways alone."""
    world = replace(REFERENCE, caption_noise=replace(NO_CAPTION_NOISE, **rates))
    return [rows.pair(world, "train", row) for row in range(2000)]


def test_no_caption_names_what_is_held_out():
    """Nor one that is wrong, nor one of another picture."""
    for _, text, parse in noisy(wrong=0.8, unrelated=0.3):
        assert not any(is_held_out(m.shape, m.colour, m.fill) for m in parse.mentions), text


def test_a_foreign_word_is_of_the_language_that_is_recorded():
    found = [(text, parse) for _, text, parse in noisy(foreign=0.5) if parse.noise]
    assert len(found) > 500
    for text, parse in found:
        language = re.fullmatch(r"foreign word \((\w+)\)", parse.noise[0])[1]
        values = [(a, getattr(m, a)) for m in parse.mentions for a in ("shape", "colour") if getattr(m, a) in ATTRIBUTES[a]]
        assert any(WORDS[f"{a}s"][value][language] in text for a, value in values), text


def test_the_heart_is_the_only_heart():
    found = [(scene, text, parse) for scene, text, parse in noisy() if parse.form == "is"]
    assert len(found) > 30
    for scene, text, parse in found:
        assert sum(o.shape == parse.mentions[0].shape for o in scene.objects) == 1, text


@pytest.mark.parametrize("omit", [0, 0.25, 0.7])
def test_objects_are_left_out_as_often_as_the_world_says(omit):
    """But never all of them."""
    noise = replace(NO_CAPTION_NOISE, omit=omit)
    world = replace(REFERENCE, counts=((3, 1),), layouts=weights(scattered=1), action=0, caption_noise=noise)
    found = [rows.pair(world, "train", row) for row in range(1500)]
    left_out = [len(omitted(parse, scene)) for scene, _, parse in found if parse.form in ("listed", "framed", "grounded")]
    assert len(left_out) > 200 and max(left_out) <= 2
    assert abs(np.mean(left_out) / 3 - (omit - omit**3 / 3)) < 0.05
