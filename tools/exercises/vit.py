"""The figures of the solutions in `notebooks/06_vision_transformer.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its last definitions, are executed first; nothing of them is repeated here.
"""

import torch
import torch.nn.functional as F

import clipmini as cm
from tools.exercises.chapter import run

CHAPTER = "06_vision_transformer"


def recall(names: dict, pixels, who: str = "with positions") -> str:
    """R@5 on the held-out names, with its interval."""
    return described(names, cm.metrics.hits_at_k(names["scores"](who, pixels), names["val"].right, 5))


def described(names: dict, hits) -> str:
    low, high = cm.metrics.clustered_interval(hits, names["groups"])
    return f"R@5 {hits.float().mean():.1%} ({low:.1%} to {high:.1%})"


def difference(names: dict, hits, other) -> str:
    """Hits less the other hits, picture by picture, in points, with the chapter's interval."""
    low, high = names["spread"](hits.float() - other.float())
    return f"{100 * (hits.float() - other.float()).mean():+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def with_places(names: dict, places) -> None:
    """Let the chapter's `scores` answer for "moved": the shipped model with other positions, (16, 64)."""
    moved, _, _ = cm.load("glyphs-vit")
    moved.visual.positional_embedding.data[1:] = places
    names["models"]["moved"], names["names"]["moved"] = moved, names["names"]["with positions"]


def half(names: dict) -> None:
    for name in ("ViT-B/16", "ViT-L/14"):
        vision = cm.PRESETS[name].vision
        positions = 6 * vision.width
        print(f"{name}: {positions:,} positions, {vision.patch * (positions - 1) ** 0.5:.0f} px a side")


def one_order(names: dict) -> None:
    val, order = names["val"], names["order"]
    mixed = names["put"](names["cut"](val.pixels)[:, order])
    print("in order:", recall(names, val.pixels), " one shuffle for all:", recall(names, mixed))
    with_places(names, names["model"].visual.positional_embedding.detach()[1:][order])
    apart = (names["scores"]("moved", mixed) - names["whole"]["with positions"]).abs().max()
    print("the vectors shuffled, too:", recall(names, mixed, "moved"), f"cosines differ by at most {apart:.0e}")
    resnet, tok, _ = cm.load("glyphs-resnet")
    names["models"]["resnet"], names["names"]["resnet"] = resnet.eval(), cm.embed_texts(resnet, tok, val.classes)
    print("glyphs-resnet, in order:", recall(names, val.pixels, "resnet"), " shuffled:", recall(names, mixed, "resnet"))


@torch.no_grad()
def elsewhere(names: dict) -> None:
    visual, texts = names["model"].visual, names["names"]["with positions"]
    ends = names["activations"](visual, cm.transforms.normalize(names["val"].pixels))["transformer.resblocks.5"]

    def reading(x):
        scores = F.normalize(visual.ln_post(x) @ visual.proj, dim=1) @ texts.T
        return cm.metrics.hits_at_k(scores, names["val"].right, 5)

    print("class token:", described(names, reading(ends[:, 0])))
    print("mean of the patches:", described(names, reading(ends[:, 1:].mean(dim=1))))
    print("best patch:", described(names, max((reading(ends[:, i]) for i in range(1, 17)), key=lambda hits: hits.sum())))


@torch.no_grad()
def larger(names: dict) -> None:
    visual, texts, val = names["model"].visual, names["names"]["with positions"], names["val"]
    where = visual.positional_embedding
    grid = where[1:].T.reshape(1, 64, 4, 4)
    grown = F.interpolate(grid, size=(6, 6), mode="bicubic", align_corners=False)[0].flatten(1).T

    kept = grown.clone().view(6, 6, 64)
    kept[1:5, 1:5] = where[1:].view(4, 4, 64)

    def answers(pixels, places=grown):
        x = visual.conv1(cm.transforms.normalize(pixels))
        places = torch.cat([where[:1], places.reshape(-1, 64)])
        x = torch.cat([visual.class_embedding.expand(len(x), 1, -1), x], dim=1) + places
        x = visual.transformer(visual.ln_pre(x))[:, 0]
        return F.normalize(visual.ln_post(x) @ visual.proj, dim=1) @ texts.T

    def told(scores, data):
        hits = cm.metrics.hits_at_k(scores, data.right, 5)
        return hits, described(names, hits)

    drawn = cm.datasets.load("glyphs", "val", resolution=48)
    framed = F.pad(val.pixels, (8, 8, 8, 8), value=255)
    print("at 32 px:", recall(names, val.pixels))
    print("drawn at 48 px:", told(answers(drawn.pixels), drawn)[1])
    strange, said = told(answers(framed), val)
    print("at its old size on paper of 48 px:", said)
    old, said = told(answers(framed, kept), val)
    print("the same, with the old sixteen vectors in the middle:", said, "gain", difference(names, old, strange))


def additive(names: dict) -> None:
    grid, middle = names["grid"], names["middle"]
    spread = (grid - middle).pow(2).sum()
    for what in ("row", "column"):
        print(f"{what}s: {4 * (names[what] - middle).pow(2).sum() / spread:.0%} of the spread")
    start = names["row"] + names["column"] - middle
    base = names["answers_with"](start)
    print("row plus column:", described(names, base))
    for r in range(4):
        own = start.clone()
        own[r] = grid[r]
        hits = names["answers_with"](own)
        print(f"its own vectors for line {r + 1}:", described(names, hits))
        print("    gain:", difference(names, hits, base))


def one_place(names: dict) -> None:
    usual, dark = names["shares"].mean((0, 1)), (names["ink"] > 0.02).float().mean(0)
    left, mapped = [], names["without"](names["shares"].mean(0), 1)
    print("the most of all blocks, in each picture:", described(names, mapped))
    for place in range(16):
        rank = F.one_hot(torch.tensor(place), 16).expand_as(names["ink"])
        hits = names["without"](rank, 1)
        left.append(hits.float().mean())
        print(f"without {place + 1}:", described(names, hits), f"usual share {usual[place]:.0%}, ink in {dark[place]:.0%},",
              "less the most of all blocks", difference(names, hits, mapped))
    left = torch.stack(left)
    for what, values in (("usual map", usual), ("ink", dark)):
        ranks = torch.stack([(-left).argsort().argsort(), values.argsort().argsort()]).float()
        print(f"rank correlation of the loss with {what}: {torch.corrcoef(ranks)[0, 1]:.2f}")


EXERCISES = {"1": half, "2": one_order, "3": elsewhere, "4": additive, "5": one_place, "6": larger}

if __name__ == "__main__":
    run(EXERCISES, __doc__, CHAPTER)
