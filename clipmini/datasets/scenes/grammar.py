"""The grammar: from a scene to a true sentence and its parse. Each production is one function; `PRODUCTIONS` lists them."""

from collections.abc import Callable, Sequence
from itertools import permutations

from clipmini.datasets.scenes.parse import Mention, Parse, count_of
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import Scene, beside, between, inside, place, points, related
from clipmini.datasets.scenes.words import KINDS, WORDS

CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
NUMBERS = WORDS["numbers"]


def describe(rng: Rng, scene: Scene, omit: float = 0.25, form: str | None = None) -> tuple[str, Parse]:
    """A caption in which every word is true, and its parse.

    Args:
        omit: the chance that an object is left out.
        form: a production that applies to every scene, or any by chance.
    """
    while True:
        chosen = form or rng.weighted(WEIGHTS)
        if result := PRODUCTIONS[chosen](rng, scene, omit):
            text, parse = result
            return text, parse._replace(form=chosen)


def mention(rng: Rng, scene: Scene, i: int, say: str = "") -> Mention:
    """What is said of one object: always the attribute `say`, the others by chance, and hardly ever all."""
    o, random = scene.objects[i], rng.random
    shape = o.shape if say == "shape" or random() < 0.93 else ""
    if shape and random() < 0.07:
        shape = KINDS[shape]
    return Mention(
        who=(i,),
        shape=shape,
        colour=o.colour if say == "colour" or random() < 0.72 else "",
        size=o.size if random() < 0.22 else "",
        fill=o.fill if random() < (0.1 if o.fill == "solid" else 0.5) else "",
    )


def phrase(rng: Rng, m: Mention, article: str = "a") -> str:
    """A noun phrase in one of several orders: "a small striped red heart", "a red heart with stripes"."""
    colour = say(rng, WORDS["colours"][m.colour]["words"]) if m.colour else ""
    size = say(rng, WORDS["sizes"][m.size]["words"]) if m.size else ""
    before = after = ""
    if m.fill and rng.chance(0.65):
        before = say(rng, WORDS["fills"][m.fill]["words"])
    elif m.fill:
        after = " " + rng.pick(WORDS["fills"][m.fill]["after"])
    noun = noun_of(rng, m)
    if colour and not after and rng.chance(0.1):
        after, colour = rng.pick((f" that is {colour}", f" in {m.colour}")), ""
        if m.count > 1:
            after = after.replace("that is", "that are")
    words = " ".join(word for word in (size, before, colour, noun) if word)
    if m.count > 1:
        article = NUMBERS[m.count] if rng.chance(0.6) else str(m.count)
    elif article:
        article = article_of(words)
    return f"{article} {words}{after}" if article else words + after


def say(rng: Rng, words: Sequence[str]) -> str:
    """One of several words for the same thing, mostly the first."""
    return words[0] if rng.chance(0.6) else rng.pick(words)


def noun_of(rng: Rng, m: Mention) -> str:
    """The shape in one of its words; "object" where the shape is not said."""
    entry = WORDS["shapes"].get(m.shape)
    noun = say(rng, entry["words"]) if entry else m.shape or rng.pick(WORDS["objects"])
    return noun if m.count == 1 else plural(noun)


def article_of(words: str) -> str:
    """a or an, by sound."""
    return "an" if words[0] in "aeiou" and not words.startswith("uni") else "a"


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def join(phrases: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))


def _bare(rng, scene, omit):
    """red heart"""
    m = mention(rng, scene, _one(rng, scene))
    return phrase(rng, m, article=""), Parse("", (m,))


def _simple(rng, scene, omit):
    """a red heart; there is a red heart"""
    m = mention(rng, scene, _one(rng, scene))
    return rng.pick(("", "", "there is ")) + phrase(rng, m), Parse("", (m,))


def _framed(rng, scene, omit):
    """a picture of a red heart and a star"""
    text, parse = _listed(rng, scene, omit)
    return f"{rng.pick(WORDS['frames'])} {text}", parse


def _listed(rng, scene, omit):
    """a red heart, a blue star and an arrow: in any order, some of them left out"""
    order = rng.shuffled(range(len(scene.objects)))
    kept = [i for i in order if not rng.chance(omit)] or order[:1]
    mentions = [mention(rng, scene, i) for i in kept[:4]]
    return join([phrase(rng, m) for m in mentions]), Parse("", tuple(mentions))


def _tags(rng, scene, omit):
    """heart, red, small"""
    m = mention(rng, scene, _one(rng, scene), say="shape")
    words = [m.shape] + [say(rng, WORDS[f"{a}s"][v]["words"]) for a in ("colour", "size", "fill") if (v := getattr(m, a))]
    return ", ".join(rng.shuffled(words)), Parse("", (m,))


def _is(rng, scene, omit):
    """the heart is red"""
    i = _one(rng, scene)
    m = Mention((i,), shape=scene.objects[i].shape, colour=scene.objects[i].colour)
    if count_of(m._replace(colour=""), scene.objects) > 1:
        return None
    colour = say(rng, WORDS["colours"][m.colour]["words"])
    return f"the {noun_of(rng, m)} is {colour}", Parse("", (m,))


def _placed(rng, scene, omit):
    """a red heart in the top left corner; in the top left corner, a red heart"""
    i = _one(rng, scene)
    where = place(scene.objects[i])
    if not where:
        return None
    m = mention(rng, scene, i)._replace(place=where)
    text, spot = phrase(rng, m), rng.pick(WORDS["places"][where])
    return (f"{text} {spot}" if rng.chance(0.7) else f"{spot}, {text}"), Parse("", (m,))


def _grounded(rng, scene, omit):
    """a red heart on a plain background"""
    text, parse = _listed(rng, scene, omit)
    word = rng.pick(WORDS["backgrounds"][scene.background])
    return f"{text} on {article_of(word)} {word} background", parse._replace(background=scene.background)


def _counted(rng, scene, omit):
    """three objects; 3 hearts; two red shapes and a star"""
    o = scene.objects[_one(rng, scene)]
    group = rng.pick((Mention(()), Mention((), shape=o.shape), Mention((), colour=o.colour)))
    who = tuple(i for i, other in enumerate(scene.objects) if _same(group, other))
    if len(who) < 2:
        return None
    group, text = group._replace(who=who, count=len(who)), ""
    rest = [i for i in range(len(scene.objects)) if i not in who]
    if len(rest) == 1 and not rng.chance(omit):
        last = mention(rng, scene, rest[0])
        if last.shape and (not group.colour or last.colour):
            return f"{phrase(rng, group)} and {phrase(rng, last)}", Parse("", (group, last))
    text = ("there are " if rng.chance(0.3) else "") + phrase(rng, group)
    return text, Parse("", (group,))


def _beside(rng, scene, omit):
    """a heart left of a star; a heart is above a star"""
    found = _pair(rng, scene, beside)
    if not found:
        return None
    a, b, relation = found
    verb = "is " if rng.chance(0.3) else ""
    words = rng.pick(WORDS["relations"][relation]["active"])
    return f"{phrase(rng, a)} {verb}{words} {phrase(rng, b)}", Parse("", (a, b), (relation, 0, 1))


def _beside_converse(rng, scene, omit):
    """a star with a heart on its left"""
    found = _pair(rng, scene, beside)
    if not found:
        return None
    a, b, relation = found
    words = rng.pick(WORDS["relations"][relation]["converse"])
    return f"{phrase(rng, b)} with {phrase(rng, a)} {words}", Parse("", (b, a), (relation, 1, 0))


def _inside(rng, scene, omit):
    """a heart inside a circle"""
    found = _pair(rng, scene, lambda a, b: "inside" if inside(a, b) else "")
    if not found:
        return None
    a, b, _ = found
    words = rng.pick(WORDS["relations"]["inside"]["active"])
    return f"{phrase(rng, a)} {words} {phrase(rng, b)}", Parse("", (a, b), ("inside", 0, 1))


def _inside_passive(rng, scene, omit):
    """a circle containing a heart; a heart is surrounded by a circle"""
    found = _pair(rng, scene, lambda a, b: "inside" if inside(a, b) else "")
    if not found:
        return None
    a, b, _ = found
    if rng.chance(0.5):
        words = rng.pick(WORDS["relations"]["inside"]["passive"])
        return f"{phrase(rng, b)} {words} {phrase(rng, a)}", Parse("", (b, a), ("inside", 1, 0))
    verb = rng.pick(("surrounded by", "is contained in", "enclosed by"))
    return f"{phrase(rng, a)} {verb} {phrase(rng, b)}", Parse("", (a, b), ("inside", 0, 1))


def _between(rng, scene, omit):
    """a heart between a star and an arrow"""
    for a, b, c in permutations(range(len(scene.objects)), 3):
        if between(scene.objects[a], scene.objects[b], scene.objects[c]):
            first, *ends = [mention(rng, scene, i) for i in (a, *rng.shuffled((b, c)))]
            two = " and ".join(phrase(rng, m) for m in ends)
            parse = Parse("", (first, *ends), ("between", 0, 1, 2))
            if rng.chance(0.7):
                return f"{phrase(rng, first)} between {two}", parse
            return f"between {two} there is {phrase(rng, first)}", parse
    return None


def _larger(rng, scene, omit):
    """a heart larger than a star; a star smaller than a heart"""
    found = _pair(rng, scene, lambda a, b: "larger than" if related("larger than", [a, b]) else "")
    if not found:
        return None
    a, b, relation = found
    a, b = a._replace(size=""), b._replace(size="")
    if rng.chance(0.5):
        return f"{phrase(rng, a)} {rng.pick(('larger', 'bigger'))} than {phrase(rng, b)}", Parse("", (a, b), (relation, 0, 1))
    return f"{phrase(rng, b)} smaller than {phrase(rng, a)}", Parse("", (b, a), (relation, 1, 0))


def _pointing(rng, scene, omit):
    """a red arrow pointing right; an arrow points up"""
    arrows = [i for i, o in enumerate(scene.objects) if points(o)]
    if not arrows:
        return None
    i = rng.pick(arrows)
    m = mention(rng, scene, i, say="shape")._replace(shape="arrow", points=points(scene.objects[i]))
    return f"{phrase(rng, m)} {rng.pick(('pointing', 'points'))} {m.points}", Parse("", (m,))


def _glyph(rng, scene, omit):
    """a red circle with the letter A; the digit 7 on a square"""
    written = [i for i, o in enumerate(scene.objects) if o.glyph]
    if not written:
        return None
    i = rng.pick(written)
    o = scene.objects[i]
    m = mention(rng, scene, i)._replace(glyph=o.glyph)
    name = f"the {'digit' if o.glyph.isdigit() else 'letter'} {o.glyph}"
    text = phrase(rng, m)
    return (f"{text} with {name} on it" if rng.chance(0.6) else f"{name} on {text}"), Parse("", (m,))


def _word(rng, scene, omit):
    """a red circle with the word heart"""
    if not scene.word:
        return None
    m = mention(rng, scene, _one(rng, scene))
    text = phrase(rng, m)
    text = rng.pick((f"{text} with the word {scene.word}", f"the word {scene.word} under {text}"))
    return text, Parse("", (m,), word=scene.word)


def _acting(rng, scene, omit):
    """a heart falling; a heart hits a star; a heart is circling a star"""
    if not scene.action:
        return None
    mentions = [mention(rng, scene, i) for i in range(len(scene.objects))]
    words = WORDS["actions"][scene.action.name]
    verb = rng.pick((rng.pick(words["ing"]), "is " + rng.pick(words["ing"]), rng.pick(words["verb"])))
    subject, *objects = [phrase(rng, m) for m in mentions]
    return " ".join((subject, verb, *objects)), Parse("", tuple(mentions), action=scene.action.name)


def _acting_passive(rng, scene, omit):
    """a star is hit by a heart"""
    if not scene.action or len(scene.objects) < 2:
        return None
    agent, patient = (mention(rng, scene, i) for i in range(2))
    verb = rng.pick(("is ", "", "is being ")) + rng.pick(WORDS["actions"][scene.action.name]["passive"])
    parse = Parse("", (patient, agent), action=scene.action.name)
    return f"{phrase(rng, patient)} {verb} {phrase(rng, agent)}", parse


def _one(rng: Rng, scene: Scene) -> int:
    return rng.below(len(scene.objects))


def _same(m: Mention, o) -> bool:
    return m.shape in ("", o.shape) and m.colour in ("", o.colour)


def _pair(rng: Rng, scene: Scene, relation: Callable) -> tuple[Mention, Mention, str] | None:
    """Two objects in a relation, and its name; None if it holds for no pair."""
    for i, j in rng.shuffled(list(permutations(range(len(scene.objects)), 2))):
        if name := relation(scene.objects[i], scene.objects[j]):
            return mention(rng, scene, i), mention(rng, scene, j), name
    return None


# How often each production is tried; one that does not apply to a scene gives way to another.
PRODUCTIONS: dict[str, Callable] = {
    "bare": _bare,
    "simple": _simple,
    "framed": _framed,
    "listed": _listed,
    "tags": _tags,
    "is": _is,
    "placed": _placed,
    "grounded": _grounded,
    "counted": _counted,
    "beside": _beside,
    "beside, converse": _beside_converse,
    "inside": _inside,
    "inside, passive": _inside_passive,
    "between": _between,
    "larger": _larger,
    "pointing": _pointing,
    "glyph": _glyph,
    "word": _word,
    "acting": _acting,
    "acting, passive": _acting_passive,
}
WEIGHTS = (
    ("bare", 5), ("simple", 8), ("framed", 9), ("listed", 16), ("tags", 3), ("is", 4), ("placed", 10), ("grounded", 8),
    ("counted", 18), ("beside", 16), ("beside, converse", 9), ("inside", 25), ("inside, passive", 25), ("between", 25),
    ("larger", 6), ("pointing", 30), ("glyph", 110), ("word", 80), ("acting", 140), ("acting, passive", 90),
)
