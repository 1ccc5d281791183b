"""The figures of the solutions in `notebooks/06_vision_transformer.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its last definitions, are executed first; nothing of them is repeated here.
"""

import torch
import torch.nn.functional as F
from exercises import run

import clipmini as cm

# Up to the cell that ends the definitions, without training, figures and listings: no exercise needs them.
SKIP = ("watch(", "nonzero()", "[pairs]", "subplots", "show(")
SETTING = {"name": "06_vision_transformer", "last": "def over_names(", "skip": SKIP}


def recall(names: dict, pixels, who: str = "with positions") -> str:
    """R@5 on the held-out names, with its interval."""
    return described(names, cm.metrics.hits_at_k(names["scores"](who, pixels), names["val"].right, 5))


def described(names: dict, hits) -> str:
    low, high = cm.metrics.clustered_interval(hits, names["groups"])
    return f"R@5 {hits.float().mean():.1%} ({low:.1%} to {high:.1%})"


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

    def answers(pixels):
        x = visual.conv1(cm.transforms.normalize(pixels))
        x = torch.cat([visual.class_embedding.expand(len(x), 1, -1), x], dim=1) + torch.cat([where[:1], grown])
        x = visual.transformer(visual.ln_pre(x))[:, 0]
        return F.normalize(visual.ln_post(x) @ visual.proj, dim=1) @ texts.T

    drawn = cm.datasets.load("glyphs", "val", resolution=48)
    framed = F.pad(val.pixels, (8, 8, 8, 8), value=255)
    print("at 32 px:", recall(names, val.pixels))
    print("drawn at 48 px:", described(names, cm.metrics.hits_at_k(answers(drawn.pixels), drawn.right, 5)))
    print("at its old size on paper of 48 px:", described(names, cm.metrics.hits_at_k(answers(framed), val.right, 5)))


def additive(names: dict) -> None:
    grid = names["model"].visual.positional_embedding.detach()[1:].view(4, 4, 64)
    row, column, middle = grid.mean(1, keepdim=True), grid.mean(0, keepdim=True), grid.mean((0, 1))
    spread = (grid - middle).pow(2).sum()
    for what, part in (("rows", row - middle), ("columns", column - middle)):
        print(f"{what}: {4 * part.pow(2).sum() / spread:.0%} of the spread")
    with_places(names, (row + column - middle).flatten(0, 1))
    print("row plus column:", recall(names, names["val"].pixels, "moved"))


def fewer(names: dict) -> None:
    dice = torch.Generator().manual_seed(0)
    random = torch.rand(names["ink"].shape, generator=dice)
    for what, rank in (("at random", random), ("most, last block", names["shares"][5]), ("most ink", names["ink"])):
        for gone in (1, 2, 4, 8):
            keep = F.pad(rank.argsort(1, descending=True)[:, gone:] + 1, (1, 0))
            hits = cm.metrics.hits_at_k(names["from_patches"](keep), names["val"].right, 5)
            print(f"{gone} left out, {what}:", described(names, hits))


EXERCISES = {"1": half, "2": one_order, "3": elsewhere, "4": additive, "5": fewer, "6": larger}

if __name__ == "__main__":
    run(EXERCISES, __doc__, SETTING)
