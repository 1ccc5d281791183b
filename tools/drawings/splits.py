"""Who is where: studios and artists that training never sees, and names that it never sees.

All by hashes of names, so that no order matters. Half of the clip artists are strangers, with at most 100 pictures each.
"""

import hashlib
from collections import Counter, defaultdict

from tools.drawings.collect import Found
from tools.drawings.words import LONGEST, groups, says_any

SAME_TITLES = ("codifiedivining", "Danny Allen")  # 1,375 pictures called "gramastar", 952 "Part of the Flat Icon Collection"
AN_ARTIST = 100  # pictures of one, among the strangers
TRAINED = 4  # collections of the training side that must have drawn a thing before its name is held out
SEEN = 3  # pictures of other things whose names have each of its words
HELD_OUT = (("val_names", 0, 15), ("new_names", 15, 55))  # of a hundred things that could be


def splits(found: list[Found], concepts: list[str], captions: list[str]) -> list[str | None]:
    """The split of each drawing; None for one that is left out, so that a held-out name is never read in training."""
    sides = [artist(drawing) if drawing.collection.name == "openclipart" else drawing.collection.split for drawing in found]
    held = held_out(found, sides, concepts, captions)
    for row, (side, concept, caption) in enumerate(zip(sides, concepts, captions, strict=True)):
        if side == "train":
            sides[row] = held.get(concept) or (None if says_any(caption, held) else "train")
    read = {word for side, caption in zip(sides, captions, strict=True) if side == "train" for word in caption.split()}
    for row, concept in enumerate(concepts):
        if sides[row] in ("val_names", "new_names") and not set(concept.split()) <= read:
            sides[row] = None
    for row in beyond(found, sides, concepts):
        sides[row] = None
    return sides


def beyond(found: list[Found], sides: list[str | None], concepts: list[str]) -> list[int]:
    """The pictures of strange clip artists that are too many; those whose names training knows are kept first."""
    known = {concept for side, concept in zip(sides, concepts, strict=True) if side == "train"}
    rows = [row for row, side in enumerate(sides) if side == "clipart"]
    counts: Counter[str] = Counter()
    left = []
    for row in sorted(rows, key=lambda row: concepts[row] not in known):
        counts[found[row].author] += 1
        if counts[found[row].author] > AN_ARTIST:
            left.append(row)
    return left


def artist(drawing: Found) -> str:
    """The side of a clip artist; who is not named stays in training, and so do the two whose titles say nothing."""
    trained = not drawing.author or drawing.author in SAME_TITLES or bucket(drawing.author, 2) == 0
    return "train" if trained else "clipart"


def held_out(found: list[Found], sides: list[str], concepts: list[str], captions: list[str]) -> dict[str, str]:
    """Things whose names training never reads, though it reads each of their words, and the split of each."""
    drawn, words = defaultdict(set), defaultdict(Counter)  # by whom; a thing's words and how often
    for drawing, side, concept, caption in zip(found, sides, concepts, captions, strict=True):
        if side == "train":
            words[concept].update(set(caption.split()))
            if is_thing(drawing.character):
                drawn[concept].add(drawing.collection.name)
    seen: Counter[str] = Counter()
    for counted in words.values():
        seen.update(counted)
    held: dict[str, str] = {}
    for concept in sorted(drawn, key=lambda concept: bucket(concept, 2**60)):
        chosen = next((split for split, low, high in HELD_OUT if low <= bucket(concept, 100) < high), None)
        name = concept.split()
        if chosen and 2 <= len(name) <= LONGEST and len(drawn[concept]) >= TRAINED:
            if all(seen[word] - words[concept][word] >= SEEN for word in name):
                held[concept] = chosen
                seen.subtract(words[concept])
    return held


def is_thing(character: str) -> bool:
    """Whether Unicode files a character under something other than symbols, flags and times."""
    group, subgroup = groups().get(character, ("symbols", ""))
    return group not in ("symbols", "flags") and subgroup != "time"


def bucket(name: str, count: int) -> int:
    """A number below count that depends on the name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) % count
