"""What a caption says, apart from how it says it; and whether that is true of a scene."""

from collections.abc import Sequence
from typing import NamedTuple

from clipmini.datasets.scenes.scene import Object, Scene, place, points, related
from clipmini.datasets.scenes.words import ATTRIBUTES, KINDS


class Mention(NamedTuple):
    """One noun phrase. who: the objects that it is about; count: how many it says; the rest: what it says of them, or "".

    shape may also be a kind of shapes ("star", "four-sided shape").
    """

    who: tuple[int, ...]
    count: int = 1
    shape: str = ""
    colour: str = ""
    size: str = ""
    fill: str = ""
    glyph: str = ""
    place: str = ""
    points: str = ""


class Parse(NamedTuple):
    """The parse of a caption. form: the production that made it; relation: its name, then which mentions it relates.

    noise: how the text fails, in the order in which it happened; "wrong ..." names what is not true.
    """

    form: str
    mentions: tuple[Mention, ...]
    relation: tuple = ()
    background: str = ""
    word: str = ""
    action: str = ""
    noise: tuple[str, ...] = ()

    @classmethod
    def from_list(cls, values: list) -> "Parse":
        """The parse that `json.dumps(parse)` wrote."""
        form, mentions, relation, *rest, noise = values
        mentions = tuple(Mention(tuple(who), *others) for who, *others in mentions)
        return cls(form, mentions, tuple(relation), *rest, tuple(noise))


def mistakes(parse: Parse, scene: Scene) -> list[str]:
    """Everything that a caption says and the scene does not show; measured on the two, not remembered from their making."""
    found = []
    for mention in parse.mentions:
        found += _mistakes_of(mention, scene)
    if parse.relation and not found:
        name, *which = parse.relation
        objects = [scene.objects[parse.mentions[i].who[0]] for i in which]
        found += [] if related(name, objects) else [f"relation {name}"]
    for name in ("background", "word"):
        value = getattr(parse, name)
        found += [f"{name} {value}"] if value and value != getattr(scene, name) else []
    if parse.action and (scene.action is None or scene.action.name != parse.action):
        found.append(f"action {parse.action}")
    return found


def omitted(parse: Parse, scene: Scene) -> list[int]:
    """The objects of a scene that its caption does not speak of."""
    spoken_of = {i for mention in parse.mentions for i in mention.who}
    return [i for i in range(len(scene.objects)) if i not in spoken_of]


def fits(mention: Mention, o: Object) -> bool:
    """Whether all that a noun phrase says is true of an object."""
    return (
        mention.shape in ("", o.shape, KINDS[o.shape])
        and all(getattr(mention, a) in ("", getattr(o, a)) for a in ("colour", "size", "fill", "glyph"))
        and mention.place in ("", place(o))
        and mention.points in ("", points(o))
    )


def _mistakes_of(mention: Mention, scene: Scene) -> list[str]:
    if any(i >= len(scene.objects) for i in mention.who):
        return ["there is no such object"]
    wrong = [
        f"{name} {getattr(mention, name)}"
        for name in (*ATTRIBUTES, "glyph", "place", "points")
        if not all(fits(Mention((), **{name: getattr(mention, name)}), scene.objects[i]) for i in mention.who)
    ]
    if mention.count > 1 and mention.count != count_of(mention, scene.objects):
        wrong.append(f"count {mention.count}")
    return wrong


def count_of(mention: Mention, objects: Sequence[Object]) -> int:
    """How many of the objects a noun phrase describes."""
    return sum(fits(mention, o) for o in objects)
