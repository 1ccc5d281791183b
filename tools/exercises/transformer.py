"""The figures of the solutions in `notebooks/05_text_transformer.ipynb`: all of them, or those of the numbers given.

`words`, `longer` and `rates` print what its text quotes: the weights of the EOT against single words, ten times as many
steps, other learning rates. The chapter's own cells, up to its first trained readers, are executed first; nothing of them
is repeated here.
"""

import numpy as np
import torch
from scipy.stats import spearmanr

import clipmini as cm
from tools.exercises.chapter import run

CHAPTER = "05_text_transformer"


def by_hand(names: dict) -> None:
    queries = np.array([[0.0, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0]])
    keys = np.log(np.array([[4.0, 1, 1, 1], [2, 1, 1, 1], [1, 1, 1, 1]]))
    print(*(names["collect"](i, queries, keys, np.array([[7.0], [14], [21]])).round(2) for i in (1, 2)))


def heads(names: dict) -> None:
    """The chapter's loop, once a head, against the library's tower with four heads."""
    torch.manual_seed(0)
    attention = cm.CLIP.from_preset("small-resnet").text.transformer.resblocks[0].attn
    x = torch.randn(1, 7, 256)
    with torch.no_grad():
        q, k, v = (part[0].numpy() for part in attention.queries_keys_values(x))  # (H, L, K)
        z = np.stack([np.concatenate([names["collect"](i, q[h], k[h], v[h]) for h in range(4)]) for i in range(7)])
        ours = attention.out_proj(torch.tensor(z, dtype=torch.float32))
        print("four heads, loop = library:", torch.allclose(ours, attention(x, causal=True)[0], atol=1e-5))


def one_block(names: dict) -> None:
    """Does a mask without positions give order away in one block, and what do readers make of it?"""
    says, (a, b) = names["says"], names["held"][0]
    for layers in (1, 2):
        torch.manual_seed(0)
        text = names["Reader"](positions=False, layers=layers).text
        with torch.no_grad():
            x, y = text(torch.stack([says[0, a, b], says[0, b, a]]))
        print(f"{layers} blocks, mirrors equal:", torch.allclose(x, y, rtol=0, atol=1e-5))
    train(names, "mirrored, no positions, one block", mirrors=True, positions=False, layers=1)


def single_words(names: dict, without: str, changed) -> None:
    """Do the EOT's weights find the word that matters most, and rank all, by `changed`, which makes a caption for each word?"""
    model, tok, tower, guess = names["model"], names["tok"], names["tower"], []
    rank: dict[str, list] = {"block 1": [], "block 2": [], "place in the row": []}
    first: dict[str, list] = {what: [] for what in rank}  # the last word is the one that the place in the row names
    for name in sorted(set(names["unseen"].captions)):
        words = name.split()
        if len(words) < 3 or len(tok.encode(name)) != len(words) or without in words:
            continue
        maps = names["attention_maps"](tower, tok([name], 48))
        vectors = cm.embed_texts(model, tok, [name] + [" ".join(changed(words, i)) for i in range(len(words))])
        moved = 1 - vectors[1:] @ vectors[0]
        heard = [m[0, 0, -1, 1:-1] for m in maps] + [torch.arange(len(words))]
        for what, weight in zip(rank, heard, strict=True):
            rank[what].append(spearmanr(weight, moved)[0])
            first[what].append(int(weight.argmax() == moved.argmax()))
        guess.append(1 / len(words))
    print(f"{len(guess)} names, a guess finds the word that matters most in {np.mean(guess):.0%}")
    for what, runs in rank.items():
        low, high = cm.metrics.t_interval(runs)
        print(f"{what}: rank correlation {np.mean(runs):.2f} ({low:.2f} to {high:.2f})")
        share, (low, high) = np.mean(first[what]), cm.metrics.wilson_interval(np.mean(first[what]), len(runs))
        print(f"  greatest weight on the word that matters most: {share:.0%} ({low:.0%} to {high:.0%})")
    low, high = cm.metrics.t_interval(np.subtract(first["block 2"], first["block 1"]).tolist())
    print(f"  block 2 - block 1: {low:+.0%} to {high:+.0%}")


def left_out(names: dict) -> None:
    single_words(names, "", lambda words, i: words[:i] + words[i + 1:])


def replaced(names: dict) -> None:
    single_words(names, "star", lambda words, i: words[:i] + ["star"] + words[i + 1:])


def train(names: dict, what: str, seeds=range(5), **how) -> None:
    torch.set_num_threads(1)
    films, losses = zip(*(names["film_of"](seed, **how) for seed in seeds), strict=True)
    print(f"{what}: loss {np.mean(losses):.1e}")
    for question, runs in zip(("which two things", "which way round"), 100 * np.array(films)[:, -1].T, strict=True):
        low, high = cm.metrics.t_interval(runs.tolist())
        print(f"  {question}:", *(f"{x:.1f}" for x in runs), f"mean {runs.mean():.1f} ({low:.1f} to {high:.1f})", flush=True)


def longer(names: dict) -> None:
    """Ordinary batches for ten times as many steps."""
    names["length"] *= 10
    train(names, f"ordinary batches, {names['length']} steps")
    names["length"] //= 10


def rates(names: dict) -> None:
    """Other learning rates, on seeds that the chapter does not use."""
    chosen = names["peak"]
    for names["peak"] in (0.002, 0.004, 0.008, 0.016):
        for mirrors in (False, True):
            train(names, f"rate {names['peak']}, {'mirrored' if mirrors else 'ordinary'}", range(10, 13), mirrors=mirrors)
    names["peak"] = chosen


def one_wording(names: dict) -> None:
    """Ordinary batches in a world in which everybody says "left of"."""
    says = names["says"]
    names["says"] = says[:1].expand(2, -1, -1, -1)
    train(names, "only left of, ordinary batches")
    names["says"] = says


def few_mirrors(names: dict) -> None:
    known, original, length = names["known"], names["draw"], names["length"]
    for k, times in ((1, 1), (4, 1), (16, 1), (1, 4), (4, 4)):

        def draw(mirrors, k=k):
            some = known[torch.randperm(len(known))]
            turn = torch.rand(64, 1) < 0.5
            some = torch.where(turn, some[:64].flip(1), some[:64])
            return torch.cat([some[: 64 - k], some[:k].flip(1)])

        names["draw"], names["length"] = draw, times * length
        train(names, f"{k} couples of a batch both ways round, {times * length} steps")
    names["draw"], names["length"] = original, length


EXERCISES = {"1": by_hand, "2": heads, "3": one_block, "4": replaced, "5": one_wording, "6": few_mirrors,
             "words": left_out, "longer": longer, "rates": rates}

if __name__ == "__main__":
    run(EXERCISES, __doc__, CHAPTER)
