"""What do positions buy a Vision Transformer? Trains it with them and without, and keeps what each reaches.

    python -m experiments.positions --seeds 1 2 3       about four minutes a seed on two cores; results in
    data/positions.json, what is there already is not trained again

Recipe `glyphs-vit`, cut to 500 steps; the same first weights, pairs and seeds for both. Names and handwriting are the
development splits; near misses are pairs of training names that differ in one word.
"""

import itertools
from dataclasses import replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

import clipmini as cm
from clipmini.files import data_folder
from experiments.records import Records
from experiments.training import command_line, pairs, train

RECORDS = Records(data_folder() / "positions.json")
STEPS = 500
MARKS = "acute diaeresis tilde macron circumflex breve caron".split()
NEAR_MISSES = {  # words of which one stands in one name, and the other in its near miss
    "place": [("above", "below"), ("lower", "upper"), ("subscript", "superscript")],
    "direction": [("left", "right"), ("leftwards", "rightwards"), ("up", "down"), ("upwards", "downwards")],
    "mark": list(itertools.combinations(MARKS, 2)),
}


def with_positions(model: cm.CLIP) -> cm.CLIP:
    return model


def without_positions(model: cm.CLIP) -> cm.CLIP:
    """Every position's vector is zero and stays so."""
    nn.init.zeros_(model.visual.positional_embedding.requires_grad_(False))
    return model


VARIANTS = {"with positions": with_positions, "without positions": without_positions}


def shuffled(pixels, patch: int, seed: int = 0):
    """Every picture's patches in an order of its own."""
    dice = torch.Generator().manual_seed(seed)
    patches = rearrange(pixels, "N C (h p) (w q) -> N (h w) C p q", p=patch, q=patch)
    order = torch.rand(patches.shape[:2], generator=dice).argsort(dim=1)
    patches = torch.stack([picture[o] for picture, o in zip(patches, order, strict=True)])
    return rearrange(patches, "N (h w) C p q -> N C (h p) (w q)", h=pixels.shape[-2] // patch)


def with_patches_shuffled(data, patch: int = 8):
    return replace(data, images=shuffled(data.pixels, patch).expand(-1, 3, -1, -1))


def near_misses(names: list[str], words: list[tuple[str, str]]) -> dict[str, str]:
    """Of each name the one that says the other word of a couple instead, where both exist."""
    known, found = set(names), {}
    for name in sorted(known):
        parts = name.split()
        for couple, (i, word) in itertools.product(words, enumerate(parts)):
            if word in couple:
                other = " ".join([*parts[:i], couple[word == couple[0]], *parts[i + 1:]])
                if other in known:
                    found[name] = other
    return found


def nearer_than_near_miss(model, tok, train, other: dict[str, str]) -> float:
    """How often a picture is nearer to its own name than to the near miss; the mean over names."""
    some = train.subset(torch.tensor([i for i, name in enumerate(train.captions) if name in other]))
    own = cm.embed(model, tok, some)
    theirs = cm.embed_texts(model, tok, [other[name] for name in some.captions])
    won = ((own.image * own.text).sum(dim=1) > (own.image * theirs).sum(dim=1)).float()
    return torch.stack([won[some.labels == i].mean() for i in some.labels.unique()]).mean().item()


def alike(model: cm.CLIP) -> dict[str, float]:
    """Mean cosine between the embeddings of positions: neighbours in a row, neighbours in a column, all other pairs."""
    where = model.visual.positional_embedding.detach()[1:]
    side = round(len(where) ** 0.5)
    cosine = F.cosine_similarity(where[:, None], where[None], dim=-1)
    row, column = torch.arange(len(where)) // side, torch.arange(len(where)) % side
    down, across = (row[:, None] - row).abs(), (column[:, None] - column).abs()
    beside, under = (down == 0) & (across == 1), (down == 1) & (across == 0)
    rest = ~(beside | under) & ~torch.eye(len(where), dtype=torch.bool)
    return {"in a row": cosine[beside].mean().item(), "in a column": cosine[under].mean().item(),
            "others": cosine[rest].mean().item()}


def scores(model: cm.CLIP, tok: cm.Tokenizer, train) -> dict:
    names, digits = cm.datasets.load("glyphs", "val"), cm.datasets.load("digits", "dev")
    as_is, mixed = (cm.scores.classify(model, tok, data) for data in (names, with_patches_shuffled(names)))
    found = {
        "names R@5": cm.metrics.top_k(as_is, names.right, k=5),
        "names R@5, shuffled": cm.metrics.top_k(mixed, names.right, k=5),
        "same answer, shuffled": (as_is.argmax(1) == mixed.argmax(1)).float().mean().item(),
        "digits top-1": cm.metrics.top_k(cm.scores.classify(model, tok, digits), digits.labels, k=1),
    }
    others = {what: near_misses(train.captions, words) for what, words in NEAR_MISSES.items()}
    found |= {f"near misses by {what}": nearer_than_near_miss(model, tok, train, other) for what, other in others.items()}
    return found | {"names with a near miss": {what: len(other) for what, other in others.items()}}


def run(change, seed: int) -> dict:
    """One training and what it reaches."""
    model, tok, *_ = trained = train("mini-vit", replace(cm.RECIPES["glyphs-vit"], steps=STEPS, seed=seed), change)
    found = {"loss": trained.last_loss} | scores(model, tok, pairs())
    return found | {"alike": alike(model)} if change is with_positions else found


def main(seeds: list[int]) -> None:
    for seed, (name, change) in itertools.product(seeds, VARIANTS.items()):
        if not RECORDS.has(name, seed):
            found = run(change, seed)
            RECORDS.keep(found, name, seed)
            print(name, seed, found, flush=True)


if __name__ == "__main__":
    main(command_line(__doc__).parse_args().seeds)
