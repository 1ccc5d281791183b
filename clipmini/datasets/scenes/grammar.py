"""The grammar: from a scene to a true sentence and its parse. Each production is one function; `PRODUCTIONS` lists them."""

from collections.abc import Callable, Sequence
from itertools import permutations

from clipmini.datasets.scenes.parse import Mention, Said, count_of
from clipmini.datasets.scenes.rng import Dice
from clipmini.datasets.scenes.scene import Scene, beside, between, inside, place, points, related
from clipmini.datasets.scenes.words import KINDS, WORDS

CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
NUMBERS = WORDS["numbers"]


def describe(dice: Dice, scene: Scene, omit: float = 0.25, form: str | None = None) -> tuple[str, Said]:
    """A caption in which every word is true, and its parse.

    Args: omit: the chance that an object is left out; form: a production that applies to every scene, or any by chance.
    """
    while True:
        chosen = form or dice.weighted(WEIGHTS)
        if result := PRODUCTIONS[chosen](dice, scene, omit):
            text, said = result
            return text, said._replace(form=chosen)


def mention(dice: Dice, scene: Scene, i: int, say: str = "") -> Mention:
    """What is said of one object: always the attribute `say`, the others by chance, and hardly ever all."""
    o, throw = scene.objects[i], dice.random
    shape = o.shape if say == "shape" or throw() < 0.93 else ""
    if shape and throw() < 0.07:
        shape = KINDS[shape]
    return Mention(
        who=(i,),
        shape=shape,
        colour=o.colour if say == "colour" or throw() < 0.72 else "",
        size=o.size if throw() < 0.22 else "",
        fill=o.fill if throw() < (0.1 if o.fill == "solid" else 0.5) else "",
    )


def phrase(dice: Dice, m: Mention, article: str = "a") -> str:
    """A noun phrase in one of several orders: "a small striped red heart", "a red heart with stripes"."""
    colour = say(dice, WORDS["colours"][m.colour]["words"]) if m.colour else ""
    size = say(dice, WORDS["sizes"][m.size]["words"]) if m.size else ""
    before = after = ""
    if m.fill and dice.chance(0.65):
        before = say(dice, WORDS["fills"][m.fill]["words"])
    elif m.fill:
        after = " " + dice.pick(WORDS["fills"][m.fill]["after"])
    noun = noun_of(dice, m)
    if colour and not after and dice.chance(0.1):
        after, colour = dice.pick((f" that is {colour}", f" in {m.colour}")), ""
        if m.count > 1:
            after = after.replace("that is", "that are")
    words = " ".join(word for word in (size, before, colour, noun) if word)
    if m.count > 1:
        article = NUMBERS[m.count] if dice.chance(0.6) else str(m.count)
    elif article:
        article = article_of(words)
    return f"{article} {words}{after}" if article else words + after


def say(dice: Dice, words: Sequence[str]) -> str:
    """One of several words for the same thing, mostly the first."""
    return words[0] if dice.chance(0.6) else dice.pick(words)


def noun_of(dice: Dice, m: Mention) -> str:
    """The shape in one of its words; "object" where the shape is not said."""
    entry = WORDS["shapes"].get(m.shape)
    noun = say(dice, entry["words"]) if entry else m.shape or dice.pick(WORDS["objects"])
    return noun if m.count == 1 else plural(noun)


def article_of(words: str) -> str:
    """a or an, by sound."""
    return "an" if words[0] in "aeiou" and not words.startswith("uni") else "a"


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def join(phrases: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))


def _bare(dice, scene, omit):
    """red heart"""
    m = mention(dice, scene, _one(dice, scene))
    return phrase(dice, m, article=""), Said("", (m,))


def _simple(dice, scene, omit):
    """a red heart; there is a red heart"""
    m = mention(dice, scene, _one(dice, scene))
    return dice.pick(("", "", "there is ")) + phrase(dice, m), Said("", (m,))


def _framed(dice, scene, omit):
    """a picture of a red heart and a star"""
    text, said = _listed(dice, scene, omit)
    return f"{dice.pick(WORDS['frames'])} {text}", said


def _listed(dice, scene, omit):
    """a red heart, a blue star and an arrow: in any order, some of them left out"""
    order = dice.shuffled(range(len(scene.objects)))
    kept = [i for i in order if not dice.chance(omit)] or order[:1]
    mentions = [mention(dice, scene, i) for i in kept[:4]]
    return join([phrase(dice, m) for m in mentions]), Said("", tuple(mentions))


def _tags(dice, scene, omit):
    """heart, red, small"""
    m = mention(dice, scene, _one(dice, scene), say="shape")
    words = [m.shape] + [say(dice, WORDS[f"{a}s"][v]["words"]) for a in ("colour", "size", "fill") if (v := getattr(m, a))]
    return ", ".join(dice.shuffled(words)), Said("", (m,))


def _is(dice, scene, omit):
    """the heart is red"""
    i = _one(dice, scene)
    m = Mention((i,), shape=scene.objects[i].shape, colour=scene.objects[i].colour)
    if count_of(m._replace(colour=""), scene.objects) > 1:
        return None
    colour = say(dice, WORDS["colours"][m.colour]["words"])
    return f"the {noun_of(dice, m)} is {colour}", Said("", (m,))


def _placed(dice, scene, omit):
    """a red heart in the top left corner; in the top left corner, a red heart"""
    i = _one(dice, scene)
    where = place(scene.objects[i])
    if not where:
        return None
    m = mention(dice, scene, i)._replace(place=where)
    text, spot = phrase(dice, m), dice.pick(WORDS["places"][where])
    return (f"{text} {spot}" if dice.chance(0.7) else f"{spot}, {text}"), Said("", (m,))


def _grounded(dice, scene, omit):
    """a red heart on a plain background"""
    text, said = _listed(dice, scene, omit)
    word = dice.pick(WORDS["backgrounds"][scene.background])
    return f"{text} on {article_of(word)} {word} background", said._replace(background=scene.background)


def _counted(dice, scene, omit):
    """three objects; 3 hearts; two red shapes and a star"""
    o = scene.objects[_one(dice, scene)]
    group = dice.pick((Mention(()), Mention((), shape=o.shape), Mention((), colour=o.colour)))
    who = tuple(i for i, other in enumerate(scene.objects) if _same(group, other))
    if len(who) < 2:
        return None
    group, text = group._replace(who=who, count=len(who)), ""
    rest = [i for i in range(len(scene.objects)) if i not in who]
    if len(rest) == 1 and not dice.chance(omit):
        last = mention(dice, scene, rest[0])
        if last.shape and (not group.colour or last.colour):
            return f"{phrase(dice, group)} and {phrase(dice, last)}", Said("", (group, last))
    text = ("there are " if dice.chance(0.3) else "") + phrase(dice, group)
    return text, Said("", (group,))


def _beside(dice, scene, omit):
    """a heart left of a star; a heart is above a star"""
    found = _pair(dice, scene, beside)
    if not found:
        return None
    a, b, relation = found
    verb = "is " if dice.chance(0.3) else ""
    words = dice.pick(WORDS["relations"][relation]["active"])
    return f"{phrase(dice, a)} {verb}{words} {phrase(dice, b)}", Said("", (a, b), (relation, 0, 1))


def _beside_converse(dice, scene, omit):
    """a star with a heart on its left"""
    found = _pair(dice, scene, beside)
    if not found:
        return None
    a, b, relation = found
    words = dice.pick(WORDS["relations"][relation]["converse"])
    return f"{phrase(dice, b)} with {phrase(dice, a)} {words}", Said("", (b, a), (relation, 1, 0))


def _inside(dice, scene, omit):
    """a heart inside a circle"""
    found = _pair(dice, scene, lambda a, b: "inside" if inside(a, b) else "")
    if not found:
        return None
    a, b, _ = found
    words = dice.pick(WORDS["relations"]["inside"]["active"])
    return f"{phrase(dice, a)} {words} {phrase(dice, b)}", Said("", (a, b), ("inside", 0, 1))


def _inside_passive(dice, scene, omit):
    """a circle containing a heart; a heart is surrounded by a circle"""
    found = _pair(dice, scene, lambda a, b: "inside" if inside(a, b) else "")
    if not found:
        return None
    a, b, _ = found
    if dice.chance(0.5):
        words = dice.pick(WORDS["relations"]["inside"]["passive"])
        return f"{phrase(dice, b)} {words} {phrase(dice, a)}", Said("", (b, a), ("inside", 1, 0))
    verb = dice.pick(("surrounded by", "is contained in", "enclosed by"))
    return f"{phrase(dice, a)} {verb} {phrase(dice, b)}", Said("", (a, b), ("inside", 0, 1))


def _between(dice, scene, omit):
    """a heart between a star and an arrow"""
    for a, b, c in permutations(range(len(scene.objects)), 3):
        if between(scene.objects[a], scene.objects[b], scene.objects[c]):
            first, *ends = [mention(dice, scene, i) for i in (a, *dice.shuffled((b, c)))]
            two = " and ".join(phrase(dice, m) for m in ends)
            said = Said("", (first, *ends), ("between", 0, 1, 2))
            if dice.chance(0.7):
                return f"{phrase(dice, first)} between {two}", said
            return f"between {two} there is {phrase(dice, first)}", said
    return None


def _larger(dice, scene, omit):
    """a heart larger than a star; a star smaller than a heart"""
    found = _pair(dice, scene, lambda a, b: "larger than" if related("larger than", [a, b]) else "")
    if not found:
        return None
    a, b, relation = found
    a, b = a._replace(size=""), b._replace(size="")
    if dice.chance(0.5):
        return f"{phrase(dice, a)} {dice.pick(('larger', 'bigger'))} than {phrase(dice, b)}", Said("", (a, b), (relation, 0, 1))
    return f"{phrase(dice, b)} smaller than {phrase(dice, a)}", Said("", (b, a), (relation, 1, 0))


def _pointing(dice, scene, omit):
    """a red arrow pointing right; an arrow points up"""
    arrows = [i for i, o in enumerate(scene.objects) if points(o)]
    if not arrows:
        return None
    i = dice.pick(arrows)
    m = mention(dice, scene, i, say="shape")._replace(shape="arrow", points=points(scene.objects[i]))
    return f"{phrase(dice, m)} {dice.pick(('pointing', 'points'))} {m.points}", Said("", (m,))


def _glyph(dice, scene, omit):
    """a red circle with the letter A; the digit 7 on a square"""
    written = [i for i, o in enumerate(scene.objects) if o.glyph]
    if not written:
        return None
    i = dice.pick(written)
    o = scene.objects[i]
    m = mention(dice, scene, i)._replace(glyph=o.glyph)
    name = f"the {'digit' if o.glyph.isdigit() else 'letter'} {o.glyph}"
    text = phrase(dice, m)
    return (f"{text} with {name} on it" if dice.chance(0.6) else f"{name} on {text}"), Said("", (m,))


def _word(dice, scene, omit):
    """a red circle with the word heart"""
    if not scene.word:
        return None
    m = mention(dice, scene, _one(dice, scene))
    text = phrase(dice, m)
    text = dice.pick((f"{text} with the word {scene.word}", f"the word {scene.word} under {text}"))
    return text, Said("", (m,), word=scene.word)


def _acting(dice, scene, omit):
    """a heart falling; a heart hits a star; a heart is circling a star"""
    if not scene.action:
        return None
    mentions = [mention(dice, scene, i) for i in range(len(scene.objects))]
    words = WORDS["actions"][scene.action.name]
    verb = dice.pick((dice.pick(words["ing"]), "is " + dice.pick(words["ing"]), dice.pick(words["verb"])))
    subject, *objects = [phrase(dice, m) for m in mentions]
    return " ".join((subject, verb, *objects)), Said("", tuple(mentions), action=scene.action.name)


def _acting_passive(dice, scene, omit):
    """a star is hit by a heart"""
    if not scene.action or len(scene.objects) < 2:
        return None
    agent, patient = (mention(dice, scene, i) for i in range(2))
    verb = dice.pick(("is ", "", "is being ")) + dice.pick(WORDS["actions"][scene.action.name]["passive"])
    said = Said("", (patient, agent), action=scene.action.name)
    return f"{phrase(dice, patient)} {verb} {phrase(dice, agent)}", said


def _one(dice: Dice, scene: Scene) -> int:
    return dice.below(len(scene.objects))


def _same(m: Mention, o) -> bool:
    return m.shape in ("", o.shape) and m.colour in ("", o.colour)


def _pair(dice: Dice, scene: Scene, relation: Callable) -> tuple[Mention, Mention, str] | None:
    """Two objects in a relation, and its name; None if it holds for no pair."""
    for i, j in dice.shuffled(list(permutations(range(len(scene.objects)), 2))):
        if name := relation(scene.objects[i], scene.objects[j]):
            return mention(dice, scene, i), mention(dice, scene, j), name
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
