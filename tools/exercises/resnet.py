"""The figures of the solutions in `notebooks/07_modified_resnet.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its last definitions, are executed first; nothing of them is repeated here.
"""

import numpy as np
import torch

import clipmini as cm
from clipmini.models.variants import with_one_convolution
from tools.exercises.chapter import run

CHAPTER = "07_modified_resnet"


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


def transformer(names: dict) -> None:
    val, moved, points = names["val"], names["moved"], names["points"]
    rooms, (vit, _, _) = {"a border of 4": names["fits"], "roomy": names["roomy"]}, cm.load("glyphs-vit")
    for what, model in (("ResNet", names["model"]), ("Transformer", vit)):
        texts = cm.embed_texts(model, names["tok"], val.classes)
        seen = [names["scores"](moved(val.pixels, by), model, texts) for by in range(9)]
        same = [(s.argmax(dim=1) == seen[0].argmax(dim=1)).double() for s in seen]
        hits = [cm.metrics.hits_at_k(s, val.right, k=5).double() for s in seen]
        for room, rows in rooms.items():
            print(f"{what}, {room}, {int(rows.sum())} pictures")
            print("  same answer at 1 to 8:", [f"{s[rows].mean():.0%}" for s in same[1:]])
            print("  R@5 at 0 to 8:", [f"{h[rows].mean():.0%}" for h in hits])
            changed = 1 - torch.stack(same, dim=1)[rows]
            for by in (2, 3):
                print(f"  tooth at {by} px:", points(names["tooth"](changed, by), val.labels[rows]))
            print("  8 px less 7:", points((same[8] - same[7])[rows], val.labels[rows]))


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
        """For each group: a row a name, what its pictures add up to and how many they are."""
        return {has: np.array([(values[rows].sum().item(), rows.sum().item()) for rows in group])
                for has, group in groups.items()}

    had = of_names(hits())
    for has, what in ((True, "marked"), (False, "others")):
        print(f"as trained, {what}: {over(had[has]):.1%} of {len(had[has])} names")
    for head in (0, 1):
        kept = of_names(hits(head))
        points = {has: np.stack([had[has][:, 0] - kept[has][:, 0], had[has][:, 1]], axis=1) for has in groups}
        fractions = {has: np.stack([had[has][:, 0] - kept[has][:, 0], had[has][:, 0]], axis=1) for has in groups}
        for has, what in ((True, "marked"), (False, "others")):
            print(f"head {head + 1} made even, {what}: loses", again(points[has]), "of what it had", again(fractions[has]))
        print("  marked less others, points:", again(points[True], points[False]))
        print("  marked less others, fractions:", again(fractions[True], fractions[False]))


def over(pairs: np.ndarray) -> float:
    """The sum of the first column over that of the second: with counts of pictures, a mean over pictures."""
    return pairs[:, 0].sum() / pairs[:, 1].sum()


def again(pairs: np.ndarray, others: np.ndarray | None = None, draws: int = 4000) -> str:
    """`over`, or the difference of two, with its 95% interval: names drawn again, with all of their pictures."""
    dice = np.random.default_rng(0)

    def drawn(rows):
        return over(rows[dice.integers(len(rows), size=len(rows))])

    value = over(pairs) - (0 if others is None else over(others))
    low, high = np.percentile([drawn(pairs) - (0 if others is None else drawn(others)) for _ in range(draws)], [2.5, 97.5])
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


EXERCISES = {"1": thirds, "2": field, "3": transformer, "4": stem, "5": heads}

if __name__ == "__main__":
    run(EXERCISES, __doc__, CHAPTER)
