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
    val, ways = names["val"], (("right", -1, 1), ("left", -1, -1), ("down", -2, 1), ("up", -2, -1))

    def mover(axis, sign):
        """White comes in where the roll would bring back what it has pushed out."""
        def moved(pixels, by):
            paper = torch.full_like(pixels, 255)
            order = (pixels, paper) if sign < 0 else (paper, pixels)
            side = pixels.shape[axis]
            return torch.cat(order, dim=axis).narrow(axis, by if sign < 0 else side - by, side)
        return moved

    for what, axis, sign in ways:
        moved = mover(axis, sign)
        answers = [names["scores"](moved(val.pixels, by), names["model"], names["names"]).argmax(dim=1) for by in range(5)]
        same = [(a == answers[0]).float() for a in answers]
        print(f"same answer, moved {what} by 1 to 4:", [f"{s.mean():.0%}" for s in same[1:]])
        for odd, even in ((1, 2), (3, 4)):
            print(f"  {even} less {odd}:", names["over_names"](same[even] - same[odd]))
    to_the_right = names["moved"]
    for what, axis, sign in ways:
        names["moved"] = mover(axis, sign)  # what `sensitivity` calls
        untrained = np.array([names["sensitivity"](names["fresh"](seed, names["as_in_clip"])) for seed in range(5)])
        print(f"untrained, moved {what}, one pixel less two:", names["over_seeds"](names["tooth"](untrained)))
    names["moved"] = to_the_right


def stem(names: dict) -> None:
    old, clip = (np.array([names["sensitivity"](names["fresh"](seed, change)) for seed in range(5)])
                 for change in (with_one_convolution, names["as_in_clip"]))
    for what, distance in (("the old stem", old), ("CLIP's", clip)):
        print(what, np.round(distance.mean(axis=0), 2))
    for by in (1, 4):
        print(f"at {by} px, the old less CLIP's:", names["over_seeds"]((old - clip)[:, by]))


def heads(names: dict) -> None:
    val, marked = names["val"], names["above"] | names["below"]
    with_mark = set(val.labels[marked].tolist())
    groups = {has: [val.labels == i for i in val.labels.unique() if (i.item() in with_mark) is has] for has in (True, False)}

    def hits(head=None):
        def change(shares):
            shares = shares.clone()
            if head is not None:
                shares[:, head] = 1 / shares.shape[-1]
            return shares

        return cm.metrics.hits_at_k(names["redirected"](change), val.right, k=5).float()

    def of_names(values):
        return {has: np.array([values[rows].mean().item() for rows in group]) for has, group in groups.items()}

    had = of_names(hits())
    for has, what in ((True, "marked"), (False, "others")):
        print(f"as trained, {what}: {had[has].mean():.1%} of {len(had[has])} names")
    for head in (0, 1):
        kept = of_names(hits(head))
        lost = {has: had[has] - kept[has] for has in groups}
        for has, what in ((True, "marked"), (False, "others")):
            print(f"head {head + 1} made even, {what}: loses {lost[has].mean():.1%}",
                  [f"{x:.1%}" for x in cm.metrics.t_interval(lost[has].tolist())],
                  f"a fraction {lost[has].sum() / had[has].sum():.2f} of what it had", again(lost[has], had[has]))
        print("  marked less others, points:", again(lost[True], None, lost[False], None))
        print("  marked less others, fractions:", again(lost[True], had[True], lost[False], had[False]))


def again(lost, had, other_lost=None, other_had=None, draws: int = 4000) -> str:
    """95% interval of a mean, or of a fraction of what there was, or of a difference of two: names drawn again."""
    dice = np.random.default_rng(0)

    def value(lost, had):
        rows = dice.integers(len(lost), size=len(lost))
        return lost[rows].mean() / (1 if had is None else had[rows].mean())

    values = [value(lost, had) - (0 if other_lost is None else value(other_lost, other_had)) for _ in range(draws)]
    low, high = np.percentile(values, [2.5, 97.5])
    return f"({low:.2f} to {high:.2f})"


EXERCISES = {"1": thirds, "2": field, "3": directions, "4": stem, "5": heads}

if __name__ == "__main__":
    run(EXERCISES, __doc__, SETTING)
