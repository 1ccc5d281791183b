"""The figures of the solutions in `notebooks/03_contrastive_loss.ipynb`: all of them, or those of the numbers given.

The chapter's own cells, up to its first trained models, are executed first; nothing of them is repeated here.
"""

import numpy as np
import torch
import torch.nn.functional as F

import clipmini as cm
from tools.exercises.chapter import run

CHAPTER = "03_contrastive_loss"


def two_pairs(names: dict) -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]], requires_grad=True)
    loss = (F.cross_entropy(logits, torch.arange(2)) + F.cross_entropy(logits.T, torch.arange(2))) / 2
    (gradient,) = torch.autograd.grad(loss, logits)
    print(f"loss {loss.item():.3f}, G {[[round(value, 3) for value in row] for row in gradient.tolist()]}")


def gap(names: dict) -> None:
    for difference in (0.3, 0.1):
        print(f"a gap of {difference} needs a scale of {np.log(32_767 / (np.e - 1)) / difference:.1f}")


def best_scale(names: dict) -> None:
    cosine = names["cosines"](names["name_angle"], names["picture_angle"])
    scales = np.arange(1, 100, 0.01)
    best = scales[np.argmin([names["naive_loss"](cosine, s) for s in scales])]
    text, image = names["text"], names["image"]
    t = torch.tensor(np.log(best), requires_grad=True)
    (slope,) = torch.autograd.grad(cm.clip_loss(image, text, t.exp()), t)
    print(f"lowest at s = {best:.2f}, where the slope is {slope:.1e}")


def neighbours(names: dict) -> None:
    """Batches whose names share a word; and, as a control, batches of the same pictures, each drawn for a word of its own."""
    glyphs, fit, paper, recall = (names[n] for n in ("glyphs", "fit", "paper", "recall"))
    texts = glyphs.texts[glyphs.ids]
    common = (texts.flatten().bincount() >= 256).nonzero().flatten()[1:]  # 0 is the padding
    members = [(texts == word).any(dim=1).nonzero().flatten() for word in common]
    print(f"{len(common)} words, {len(torch.cat(members).unique()):,} of {len(texts):,} pictures")

    def one_word(size):
        rows = members[torch.randint(len(members), ())]
        return rows[torch.randint(len(rows), (size,))]

    def many_words(size):
        return torch.cat([one_word(1) for _ in range(size)])

    for what, draw in (("batches that share a word", one_word), ("the same pictures, mixed", many_words)):
        distinct = np.mean([len(glyphs.ids[draw(256)].unique()) for _ in range(200)])
        print(f"{what}: {distinct:.0f} distinct names of 256")

        def update(model, adam, loss, world, size, draw=draw):
            adam.zero_grad()
            loss(*names["batch_of"](model, world, draw(size))).backward()
            adam.step()

        names["update"] = update
        names["report"](what, [recall(fit(glyphs, i, paper)) for i in range(5)])


def sigmoid(names: dict) -> None:
    def pairwise(bias):
        def loss(image, text, s, ids):
            logits = s * F.normalize(image) @ F.normalize(text).T + bias
            sign = 2 * torch.eye(len(ids)) - 1
            return -F.logsigmoid(sign * logits).sum(dim=1).mean()

        return loss

    for what, bias in (("bias -10", -10.0), ("no bias", 0.0)):
        runs = [names["recall"](names["fit"](names["glyphs"], i, pairwise(bias), scale=10.0)) for i in range(5)]
        names["report"](f"sigmoid loss, {what}", runs)


def trap(names: dict) -> None:
    """The smallest angle from which two pairs are held whose pictures share one spot, their names another.

    Then the angles in the starts of the chapter that failed.
    """
    for scale in (2.0, 14.3, 100.0):

        def loss(angles, scale=scale):
            logits = scale * torch.cos(angles[:2, None] - angles[None, 2:])
            return (F.cross_entropy(logits, torch.arange(2)) + F.cross_entropy(logits.T, torch.arange(2))) / 2

        def held(degrees, loss=loss):
            angle = np.radians(degrees)
            curvature = torch.autograd.functional.hessian(loss, torch.tensor([angle, angle, 0.0, 0.0], dtype=torch.double))
            return torch.linalg.eigvalsh(curvature).min() > -1e-9

        print(f"s = {scale}: held from {next(tenths / 10 for tenths in range(1, 900) if held(tenths / 10))} degrees on")
    for scale in (100.0, 14.3):
        for name_at, picture_at in names["ends"][scale]:
            if not names["solved"](name_at, picture_at):
                alike = [np.cos(at[:, None] - at) > np.cos(np.radians(0.1)) for at in (name_at, picture_at)]
                shared = (alike[0] & alike[1]).sum(axis=1) > 1
                gaps = np.degrees(np.arccos(np.cos(name_at - picture_at)))[shared]
                print(f"failed at {scale}: pairs {np.flatnonzero(shared) + 1} share spots, gaps of {gaps.round(1)} degrees")


EXERCISES = {"trap": trap, "1": two_pairs, "2": gap, "3": best_scale, "4": neighbours, "5": sigmoid}

if __name__ == "__main__":
    run(EXERCISES, __doc__, CHAPTER)
