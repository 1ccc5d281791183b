"""Print the numbers that the tokenizer chapter quotes and does not compute itself; all of them take some ten minutes.

Parts 3 and foreign also record in data/tokenizer_numbers.json what the chapter draws.
"""

import dataclasses
import importlib.util
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from math import inf
from pathlib import Path

import torch

import clipmini as cm
from clipmini.files import data_folder
from clipmini.tokenizer import bpe
from clipmini.tokenizer.tokenizer import RELEASED, SCHEMES
from experiments.records import Records
from tools.exercises.chapter import run

QUEENS = {
    "English": "white chess queen",
    "Turkish": "beyaz satranç veziri",
    "Korean": "하얀 체스 퀸",
    "Japanese": "チェスの白いクイーン",
}
ARTICLE = {  # the first sentence of Article 1 of the Universal Declaration of Human Rights
    "English": "All human beings are born free and equal in dignity and rights.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
}


def captions(split: str = "train") -> list[str]:
    return cm.datasets.load("glyphs", split=split).captions


def record(**numbers) -> None:
    """Keep what a part found for the chapter to draw, beside what other parts found."""
    Records(data_folder() / "tokenizer_numbers.json", indent=1).update(lambda known: known | numbers)


def tokens_per_name(tok: cm.Tokenizer, split: str) -> float:
    return statistics.mean(len(tok.encode(name)) for name in set(captions(split)))


def released() -> cm.Tokenizer:
    """The released vocabulary: open_clip's copy where that is installed, else the cache, else a download."""
    spec = importlib.util.find_spec("open_clip")
    copy = Path(spec.origin).parent / RELEASED.name if spec else None
    return cm.Tokenizer.openai(copy if copy and copy.is_file() else None)


def by_hand() -> None:
    clip = SCHEMES["clip"]
    words = {clip.spell(word): n for word, n in {"arrow": 5, "row": 3, "narrow": 2, "arrows": 1}.items()}
    print(*(" + ".join(pair) for pair in bpe.learn_merges(words, 6, clip.base)), sep=", ")


def dead_ids() -> None:
    """Base symbols that no character makes: each is tried alone, twice in a row, and between two letters."""
    clip, seen, end = SCHEMES["clip"], set(), "</w>"
    for start in range(0, 0x110000, 16):
        block = [chr(code) for code in range(start, start + 16) if not 0xD800 <= code < 0xE000]
        tried = block if start < 0x800 else [" ".join(block)]  # above, a block at once: the bytes are the same
        for text in [*tried, *(part + part for part in tried), *(f"a{part}a" for part in tried)]:
            seen |= {symbol for word in clip.split(clip.clean(text)) for symbol in clip.spell(word)}
    dead, byte_of = set(clip.base) - seen, {c: b for b, c in enumerate(bpe.byte_symbols())}
    inner = sorted(byte_of[s] for s in dead if not s.endswith(end))
    last = sorted(byte_of[s.removesuffix(end)] for s in dead if s.endswith(end))
    print(f"{len(dead)} of {len(clip.base)} never occur: {len(inner)} inside a word, {len(last)} at its end")
    print("inside:", *(f"{b:02x}" for b in inner))
    print("at the end only:", *(f"{b:02x}" for b in last if b not in inner))


def other_vocabulary() -> None:
    ours, theirs = cm.Tokenizer.train(captions(), 2048), released()
    for split in "train", "new_names":
        print(f"{split}: tokens a name {tokens_per_name(ours, split):.2f} ours, {tokens_per_name(theirs, split):.2f} released")
    ascii_only = sum(all(ord(c) < 127 for c in a + b) for a, b in theirs.merges)
    greek = sum(a[0] in "ÎÏ" for a, _ in theirs.merges)  # the bytes that open a Greek letter
    print(f"{theirs.vocab_size:,} ids; merges with a byte beyond ASCII: {len(theirs.merges) - ascii_only:,}; Greek: {greek}")
    for what, texts in {"queen": QUEENS, "sentence": ARTICLE}.items():
        for who, tok in {"ours": ours, "released": theirs}.items():
            print(f"{what}, {who}:", *(f"{language} {len(tok.encode(text))}" for language, text in texts.items()))
    record(sentence=ARTICLE, released={language: len(theirs.encode(text)) for language, text in ARTICLE.items()})
    print("a photo of a cat:", *theirs.encode("a photo of a cat"))
    for text in "chessboard", "queenside", "flower", "diaeresis", "a photo of a cat":
        print(text, *([tok.symbols[i] for i in tok.encode(text)] for tok in (ours, theirs)))


def where_the_space_goes() -> None:
    for merges in 510, 766, 1534, 1790:
        for scheme in "clip", "lossless":
            tok = cm.Tokenizer.train(captions(), len(SCHEMES[scheme].base) + merges + 2, scheme)
            costs = [f"{split} {tokens_per_name(tok, split):.2f}" for split in ("train", "new_names")]
            print(f"{scheme}, {tok.vocab_size} ids, {len(tok.merges)} merges: tokens a name,", ", ".join(costs))


def vocabulary_sizes(steps: int = 200, seeds: int = 3) -> None:
    """The quickstart's model and recipe with fewer steps; a context that fits the names with any vocabulary."""
    train, unseen = cm.datasets.load("glyphs", split="train"), cm.datasets.load("glyphs", split="new_names")
    preset, recipe = cm.PRESETS["mini-resnet"], cm.RECIPES["quickstart"]
    for size in 614, 2048, 3586:
        tok, scores = cm.Tokenizer.train(train.captions, size), []
        text = dataclasses.replace(preset.text, vocab_size=tok.vocab_size, context_length=65)
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = cm.CLIP(dataclasses.replace(preset, text=text))
            for _ in cm.train(model, tok, train, dataclasses.replace(recipe, steps=steps, seed=seed)):
                pass
            images = cm.embed(model, tok, unseen.without_captions()).image
            found = images @ cm.embed_texts(model, tok, unseen.classes).T
            scores.append(cm.metrics.recall_at_k(found, unseen.right, 5))
        low, high = cm.metrics.t_interval(scores)
        runs = " ".join(f"{score:.1%}" for score in scores)
        print(f"{size} ids: R@5 {runs}, mean {statistics.mean(scores):.1%} ({low:.1%} to {high:.1%})")


def foreign_vocabulary() -> None:
    """What a checkpoint makes of texts in the ids of other vocabularies of its size."""
    model, tok, _ = cm.load("glyphs-resnet")
    unseen, digits = cm.datasets.load("glyphs", split="new_names"), cm.datasets.load("digits", split="dev")
    pictures, written = cm.embed(model, tok, unseen.without_captions()).image, cm.embed(model, tok, digits).image
    wanted, scores = len(tok.merges), {}
    others = {
        "its own": tok,
        "each name once": cm.Tokenizer.train(sorted(set(captions())), tok.vocab_size),
        "ties to the younger": cm.Tokenizer(naive_merges(captions(), wanted, lambda pair, age: (age[pair[0]], age[pair[1]]))[0]),
    }
    for seed in range(5):
        dice = random.Random(seed)
        merges, *_ = naive_merges(captions(), wanted, lambda pair, age, dice=dice: dice.random())
        others[f"ties by dice, seed {seed}"] = cm.Tokenizer(merges)
    for what, other in others.items():
        recall = cm.metrics.recall_at_k(pictures @ cm.embed_texts(model, other, unseen.classes).T, unseen.right, 5)
        classifier = cm.zeroshot_classifier(model, other, digits.classes, digits.templates)
        top = cm.metrics.top_k(written @ classifier.T, digits.labels)
        same = sum(a == b for a, b in zip(tok.symbols, other.symbols, strict=True))
        print(f"{what}: digits {top:.1%}, never-seen names R@5 {recall:.1%}, {same:,} ids mean the same", flush=True)
        scores[what] = {"digits": round(top, 4), "names": round(recall, 4)}
    record(foreign=scores)


def oldest(pair: bpe.Pair, age: dict[str, int]) -> tuple[int, int]:
    return -age[pair[0]], -age[pair[1]]


def naive_merges(texts: Iterable[str], wanted: float, first: Callable) -> tuple[list[bpe.Pair], int, int]:
    """Merges as `Tokenizer.train` learns them, but of equally frequent pairs the one with the highest first(pair, age) wins.

    Also how many steps were ties, and in how many of these two of the tied pairs occur in exactly the same words.
    """
    clip = SCHEMES["clip"]
    words = Counter(word for text in texts for word in clip.split(clip.clean(text)))
    spelled = {clip.spell(word): n for word, n in words.items()}
    age, merges, ties, twins = {symbol: i for i, symbol in enumerate(clip.base)}, [], 0, 0
    while len(merges) < wanted:
        counts, where = Counter(), defaultdict(set)
        for word, n in spelled.items():
            for pair in pairwise(word):
                counts[pair] += n
                where[pair].add(word)
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], first(pair, age)))
        rivals = [pair for pair in counts if counts[pair] == counts[best]]
        ties += len(rivals) > 1
        twins += len({frozenset(where[pair]) for pair in rivals}) < len(rivals)
        merges.append(best)
        age["".join(best)] = len(age)
        spelled = {tuple(bpe.apply_merges(word, {best: 0})) if word in where[best] else word: n for word, n in spelled.items()}
    return merges, ties, twins


def count_ties() -> None:
    pictures = Counter(Counter(captions()).values())
    print(f"names with 4, 8 or 12 pictures: {sum(pictures[n] for n in (4, 8, 12)) / pictures.total():.0%}")
    for what, texts in {"captions": captions(), "each name once": sorted(set(captions()))}.items():
        merges, ties, twins = naive_merges(texts, inf, oldest)
        print(f"{what}: {len(merges):,} merges, {ties:,} of them ties, {twins:,} of these between pairs of the same words")


PARTS = {
    "1": by_hand,
    "2": dead_ids,
    "3": other_vocabulary,
    "4": where_the_space_goes,
    "5": vocabulary_sizes,
    "foreign": foreign_vocabulary,
    "ties": count_ties,
}

if __name__ == "__main__":
    run(PARTS, __doc__)
