"""The figures of the solutions in `notebooks/05_text_transformer.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its first trained readers, are executed first; nothing of them is repeated here.
"""

import sys

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from source_hash import code_cells

import clipmini as cm
from notebooks import ROOT, read

matplotlib.use("agg")
LAST = "def film_of("  # the cell that ends the chapter's definitions
SKIPPED = ("%pip", "cm.notebook.show(", "first_answers", "shuffled(", "pictures = cm.embed", "won",
           "scores = {", "scores.items", "states", "hits")


def chapter() -> dict:
    """The names that the chapter defines before it trains anything."""
    names: dict = {}
    for cell in code_cells(read(ROOT / "notebooks" / "05_text_transformer.ipynb")):
        if not any(part in cell.source for part in SKIPPED):
            exec(compile(cell.source, "chapter 5", "exec"), names)
        if LAST in cell.source:
            return names
    raise ValueError(f"chapter 5 has no cell with {LAST!r}")


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


def no_mask(names: dict) -> None:
    """The vector of a short caption, alone and beside a long one, with the mask and without it."""
    tower, tok = names["tower"], names["tok"]
    both = tok(["snowman", names["name"]], 48)
    for causal in (True, False):
        tower.transformer.causal = causal
        with torch.no_grad():
            alone, beside = tower(both[:1])[0], tower(both)[0]
        print(f"mask {causal}: cosine of the two vectors {F.cosine_similarity(alone, beside, dim=0):.2f}")
    tower.transformer.causal = True


def leave_one_out(names: dict) -> None:
    """Does a weight of the EOT say how much the caption's vector moves when the word goes?"""
    model, tok, tower, rank = names["model"], names["tok"], names["tower"], {"block 1": [], "block 2": [], "place in the row": []}
    for name in sorted(set(names["unseen"].captions)):
        words = name.split()
        if len(words) < 3 or len(tok.encode(name)) != len(words):
            continue
        maps = names["attention_maps"](tower, tok([name], 48))
        vectors = cm.embed_texts(model, tok, [name] + [" ".join(words[:i] + words[i + 1:]) for i in range(len(words))])
        moved = 1 - vectors[1:] @ vectors[0]
        heard = [m[0, 0, -1, 1:-1] for m in maps] + [torch.arange(len(words))]
        for what, weight in zip(rank, heard, strict=True):
            rank[what].append(spearmanr(weight, moved)[0])
    for what, runs in rank.items():
        low, high = cm.metrics.t_interval(runs)
        print(f"{what}: rank correlation {np.mean(runs):.2f} ({low:.2f} to {high:.2f}), {len(runs)} names")


def train(names: dict, what: str, seeds: int = 5, **how) -> None:
    torch.set_num_threads(1)
    ends = np.array([names["film_of"](seed, **how)[-1] for seed in range(seeds)])
    for question, runs in zip(("which two things", "which way round"), ends.T, strict=True):
        low, high = cm.metrics.t_interval(runs.tolist())
        print(f"{what}, {question}: {runs.mean():.1%} ({low:.1%} to {min(high, 1):.1%}), {seeds} seeds", flush=True)


def one_wording(names: dict) -> None:
    """Ordinary batches in a world in which everybody says "left of"."""
    says = names["says"]
    names["says"] = says[:1].expand(2, -1, -1, -1)
    train(names, "only left of, ordinary batches")
    names["says"] = says


def few_mirrors(names: dict) -> None:
    known = names["known"]
    original = names["draw"]
    for k in (1, 4, 16):

        def draw(mirrors, k=k):
            some = known[torch.randperm(len(known))]
            turn = torch.rand(64, 1) < 0.5
            some = torch.where(turn, some[:64].flip(1), some[:64])
            return torch.cat([some[: 64 - k], some[:k].flip(1)])

        names["draw"] = draw
        train(names, f"{k} couples of a batch both ways round")
    names["draw"] = original


PARTS = {"2": heads, "3": no_mask, "4": leave_one_out, "5": one_wording, "6": few_mirrors}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    if strangers := set(chosen) - set(PARTS):
        sys.exit(f"no figures for {sorted(strangers)}; choose from: {', '.join(PARTS)}")
    names = chapter()
    for number in chosen:
        print(f"exercise {number}", flush=True)
        PARTS[number](names)


if __name__ == "__main__":
    main()
