"""The figures of the solutions in `notebooks/07_modified_resnet.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its last definitions, are executed first; nothing of them is repeated here.
"""

import numpy as np
import torch
from exercises import run

import clipmini as cm
from clipmini.originals import with_one_convolution

SETTING = {"name": "07_modified_resnet", "last": "def redirected("}  # the cell that ends the definitions


def thirds(names: dict) -> None:
    row = np.tile([0, 0, 1], 4)
    for by in (0, 1):
        moved = np.roll(row, by)
        print(f"moved by {by}: every second {moved[::2]}, means {moved.reshape(-1, 2).mean(axis=1)}")


def field(names: dict) -> None:
    visual = names["fresh"](0, names["as_in_clip"]).visual
    picture = torch.randn(1, 3, 96, 96, requires_grad=True)
    x = visual.bn1(visual.conv1(picture)).relu()
    x = visual.bn2(visual.conv2(x)).relu()
    x = visual.avgpool(visual.bn3(visual.conv3(x)).relu())
    visual.layer2(visual.layer1(x))[0, :, 6, 6].sum().backward()
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    print(f"rows {rows.min()} to {rows.max()}: {rows.max() - rows.min() + 1}")


def directions(names: dict) -> None:
    val = names["val"]

    def moved(by, axis, sign):
        """White comes in where the roll would bring back what it has pushed out."""
        paper = torch.full_like(val.pixels, 255)
        order = (val.pixels, paper) if sign < 0 else (paper, val.pixels)
        return torch.cat(order, dim=axis).narrow(axis, by if sign < 0 else 32 - by, 32)

    for what, axis, sign in (("right", -1, 1), ("left", -1, -1), ("down", -2, 1), ("up", -2, -1)):
        answers = [names["scores"](moved(by, axis, sign), names["model"], names["names"]).argmax(dim=1) for by in range(5)]
        same = [(a == answers[0]).float() for a in answers]
        print(f"same answer, moved {what} by 1 to 4:", [f"{s.mean():.0%}" for s in same[1:]])
        for odd, even in ((1, 2), (3, 4)):
            print(f"  {even} less {odd}:", names["over_names"](same[even] - same[odd]))


def stem(names: dict) -> None:
    ways = {what: np.array([names["restless"](names["fresh"](seed, change)) for seed in range(5)])
            for what, change in (("the old stem", with_one_convolution), ("CLIP's", names["as_in_clip"]))}
    for what, way in ways.items():
        print(what, np.round(way.mean(axis=0), 2))
    print("at four pixels, the old less CLIP's:", cm.metrics.t_interval((ways["the old stem"] - ways["CLIP's"])[:, 4].tolist()))
    print("at one pixel, the old less CLIP's:", cm.metrics.t_interval((ways["the old stem"] - ways["CLIP's"])[:, 1].tolist()))


def heads(names: dict) -> None:
    val, marked = names["val"], names["above"] | names["below"]

    def hits(head):
        def change(shares):
            shares = shares.clone()
            shares[:, head] = 1 / shares.shape[-1]
            return shares

        return cm.metrics.hits_at_k(names["redirected"](change), val.right, k=5).float()

    whole = cm.metrics.hits_at_k(names["scores"](val.pixels, names["model"], names["names"]), val.right, k=5).float()
    gap = {}
    for head in (0, 1):
        lost = whole - hits(head)
        per_name = {i.item(): lost[val.labels == i].mean().item() for i in val.labels.unique()}
        with_mark = set(val.labels[marked].tolist())
        groups = [[v for i, v in per_name.items() if (i in with_mark) is has] for has in (True, False)]
        for what, values in zip(("marked", "others"), groups, strict=True):
            print(f"head {head + 1} made even, {what}, {len(values)} names: loses {np.mean(values):.1%}",
                  [f"{x:.1%}" for x in cm.metrics.t_interval(values)])
        spread = np.sqrt(sum(np.var(g, ddof=1) / len(g) for g in groups))
        gap[head] = np.mean(groups[0]) - np.mean(groups[1]), 1.96 * spread
        print(f"  marked less others {gap[head][0]:+.1%} +- {gap[head][1]:.1%}")
    print(f"R@5 as trained: marked {whole[marked].mean():.1%}, others {whole[~marked].mean():.1%}")


EXERCISES = {"1": thirds, "2": field, "3": directions, "4": stem, "5": heads}

if __name__ == "__main__":
    run(EXERCISES, __doc__, SETTING)
