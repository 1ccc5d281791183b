"""Prove of the scenes that relations and binding need both the picture and the sentence.

    python -m experiments.scenes_readers        readers of the sentence alone, and one of picture and sentence, three seeds

Every choice task asks which of two or three sentences is true of a picture. Readers of the sentences alone must stay at
chance; a network that finds what each sentence names, and compares, must not. Results go to data/scenes_proof.json.
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmini.datasets.scenes import REFERENCE, TASKS
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.rows import answer, pair, render
from clipmini.datasets.scenes.scene import SIDE, Scene
from clipmini.datasets.scenes.tasks import COMBINATION
from clipmini.datasets.scenes.words import COLOURS, SHAPES
from experiments.scenes_proof import Residual, half_precision, optimised, pixels, record, run

CHOICES = tuple(name for name, task in TASKS.items() if not task.classes)
TRAINED = tuple(name for name in CHOICES if TASKS[name].seen != COMBINATION)
ROWS, CAPTIONS = 20_000, 20_000  # that the readers of text learn from: rows a task, captions
EPOCHS, TEXT_BATCH, TEXT_RATE, HIDDEN = 2, 256, 3e-3, 64
STEPS, BATCH, RATE, WIDTH, SLOTS, MOST = 800, 192, 3e-3, 48, 3, 3
NAMED = re.compile(rf"\ban? ({'|'.join(COLOURS)}) ({'|'.join(sorted(SHAPES, key=len, reverse=True))})\b")
RELATIONS = (
    "left of", "right of", "above", "below", "larger than", "inside", "between and", "hits", "is hit by", "orbits",
    "is orbited by", "and",
)


class Vocabulary(dict):
    """Words to numbers; 0 pads, 1 begins, ends and separates, 2 is any unknown word."""

    def __init__(self, texts):
        super().__init__((word, i) for i, word in enumerate(sorted({w for t in texts for w in words(t)}), 3))

    def encode(self, texts) -> Tensor:
        """(N, L): each text begun and ended by 1, padded with 0."""
        rows = [torch.tensor([1, *(self.get(w, 2) for w in words(t)), 1]) for t in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def words(text: str) -> list[str]:
    return re.findall(r"[\w-]+|[^\w\s]", text)


class Examples(NamedTuple):
    """texts: N tuples of captions to choose from; labels (N,): which of them is true."""

    texts: list[tuple[str, ...]]
    labels: Tensor


def questions(name: str, split: str, n: int, seed=0) -> Examples:
    """The first n rows of a choice task, without their pictures."""
    _, labels, texts = zip(*(answer(name, TASKS[name], split, row, seed) for row in range(n)), strict=True)
    return Examples(list(texts), torch.tensor(labels))


class BagOfWords(nn.Module):
    """Logistic regression over word counts: a weight a word."""

    def __init__(self, size: int):
        super().__init__()
        self.weights = nn.Embedding(size, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        return (self.weights(tokens)[..., 0] * (tokens > 0)).sum(1)


class Causal(nn.Module):
    """A GRU reads from left to right; what it knows at the end is the score (one output), or each next word (many)."""

    def __init__(self, size: int, outputs: int):
        super().__init__()
        self.words, self.gru = nn.Embedding(size, HIDDEN), nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.outputs = nn.Linear(HIDDEN, outputs)

    def states(self, tokens: Tensor) -> Tensor:
        return self.outputs(self.gru(self.words(tokens))[0])

    def forward(self, tokens: Tensor) -> Tensor:
        last = (tokens > 0).sum(1) - 1
        return self.states(tokens)[torch.arange(len(tokens)), last]


def one_by_one(model: nn.Module, vocabulary: Vocabulary, texts) -> Tensor:
    """(N, choices): each caption gets a score of its own."""
    scores = model(vocabulary.encode([t for choices in texts for t in choices]))
    return scores.reshape(len(texts), -1)


def together(model: nn.Module, vocabulary: Vocabulary, texts) -> Tensor:
    """(N, choices): all captions are read in a row, then one is named; so that their order or wording may betray it."""
    return model(vocabulary.encode([" | ".join(choices) for choices in texts]))[:, : len(texts[0])]


def likelihood(model: Causal, vocabulary: Vocabulary, texts) -> Tensor:
    """(N, choices): the log-likelihood of each caption under a language model."""
    tokens = vocabulary.encode([t for choices in texts for t in choices])
    return -surprise(model, tokens).sum(1).reshape(len(texts), -1)


def surprise(model: Causal, tokens: Tensor) -> Tensor:
    """(N, L - 1): nats of each next word, 0 where there is none."""
    return F.cross_entropy(model.states(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], ignore_index=0, reduction="none")


def train_chooser(model: nn.Module, score, vocabulary: Vocabulary, tasks: dict[str, Examples]) -> nn.Module:
    """Softmax over the choices, a batch of one task at a time."""
    batches = [(name, some) for name, e in tasks.items() for some in torch.arange(len(e.labels)).split(TEXT_BATCH)] * EPOCHS
    batches = [batches[i] for i in torch.randperm(len(batches))]
    for name, some in optimised(model, batches, len(batches), TEXT_RATE):
        scores = score(model, vocabulary, [tasks[name].texts[i] for i in some])
        F.cross_entropy(scores, tasks[name].labels[some]).backward()
    return model.eval()


def train_language(vocabulary: Vocabulary, captions: list[str]) -> Causal:
    """A causal language model of the training captions."""
    model = Causal(len(vocabulary) + 3, len(vocabulary) + 3)
    order = torch.cat([torch.randperm(len(captions)) for _ in range(EPOCHS)]).split(TEXT_BATCH)
    for some in optimised(model, order, len(order), TEXT_RATE):
        tokens = vocabulary.encode([captions[i] for i in some])
        (surprise(model, tokens).sum() / (tokens[:, 1:] > 0).sum()).backward()
    return model.eval()


def text_hits(seed: int, tests: dict[str, Examples]) -> dict[str, dict[str, Tensor]]:
    """Of each reader of text and each task: which test rows it gets right. One set of training rows and captions a seed."""
    torch.manual_seed(seed)
    tasks = {name: questions(name, "train", ROWS, f"readers {seed}") for name in TRAINED}
    captions = [pair(REFERENCE, "train", row, f"readers {seed}")[1] for row in range(CAPTIONS)]
    ours = Vocabulary([t for e in tasks.values() for choices in e.texts[:2000] for t in (*choices, "|")])
    theirs, size = Vocabulary(captions), len(ours) + 3
    readers = {
        "bag of words": (train_chooser(BagOfWords(size), one_by_one, ours, tasks), one_by_one, ours),
        "causal, one by one": (train_chooser(Causal(size, 1), one_by_one, ours, tasks), one_by_one, ours),
        "causal, all choices together": (train_chooser(Causal(size, MOST), together, ours, tasks), together, ours),
        "language model of the captions": (train_language(theirs, captions), likelihood, theirs),
    }
    with torch.no_grad():
        return {
            reader: {name: score(model, vocabulary, e.texts).argmax(1) == e.labels for name, e in tests.items()}
            for reader, (model, score, vocabulary) in readers.items()
        }


def parsed(caption: str) -> list[int]:
    """A caption's structure: colour and shape of up to three things (0: none), then the relation that it states."""
    things = NAMED.findall(caption)
    rest = " ".join(NAMED.sub(" ", caption).split())
    pairs = [(COLOURS.index(c) + 1, SHAPES.index(s) + 1) for c, s in things] + [(0, 0)] * (SLOTS - len(things))
    return [i for pair in pairs for i in pair] + [RELATIONS.index(rest)]


def located(scene: Scene, caption: str) -> list[list[float]]:
    """x, y and radius, as parts of the side, of each thing that a true caption names; NaN beyond."""
    places = {(o.colour, o.shape): [o.x / SIDE, o.y / SIDE, o.r / SIDE] for o in scene.objects}
    found = [places[thing] for thing in NAMED.findall(caption)]
    return found + [[torch.nan] * 3] * (SLOTS - len(found))


class Batch(NamedTuple):
    """images (N, 3, 32, 32); captions (N, 3, 7) as parsed, -1 where there are fewer choices; labels (N,); things (N, 3, 3)."""

    images: Tensor
    captions: Tensor
    labels: Tensor
    things: Tensor


def drawn(found) -> Batch:
    """Pictures and structures of (scene, label, choices)."""
    scenes, labels, texts = zip(*found, strict=True)
    captions = torch.full((len(scenes), MOST, 2 * SLOTS + 1), -1)
    for i, choices in enumerate(texts):
        captions[i, : len(choices)] = torch.tensor([parsed(t) for t in choices])
    things = torch.tensor([located(s, t[k]) for s, t, k in zip(scenes, texts, labels, strict=True)])
    return Batch(torch.from_numpy(render(scenes, 32)), captions, torch.tensor(labels), things)


def fresh(seed: int, batches: int) -> Iterator[Batch]:
    """Fresh training rows of all choice tasks but those whose combinations must stay unseen."""
    rng = Rng("looker", seed)
    for _ in range(batches):
        names = [rng.pick(TRAINED) for _ in range(BATCH)]
        yield drawn([answer(name, TASKS[name], "train", rng.below(1 << 40), f"looker {seed}") for name in names])


def named(logits: Tensor, names: Tensor) -> Tensor:
    """The log-probability of the name that the caption gives to what is seen."""
    return logits.log_softmax(-1).gather(-1, names[..., None])[..., 0]


class Looker(nn.Module):
    """Each thing that a caption names attends to where it is; what was found there, and the relation, give a score."""

    def __init__(self, width: int = WIDTH, heads: int = 4):
        super().__init__()
        c, self.heads = 2 * width, heads
        self.stages = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            Residual(width, width), Residual(width, c, 2), Residual(c, c),
        )
        self.positions = nn.Parameter(torch.randn(64, c) * 0.1)
        self.colours, self.shapes = nn.Embedding(len(COLOURS) + 1, c), nn.Embedding(len(SHAPES) + 1, c)
        self.relations = nn.Embedding(len(RELATIONS), c)
        self.queries = nn.Sequential(nn.Linear(2 * c, c), nn.ReLU(), nn.Linear(c, c))
        self.keys, self.values, self.place = nn.Linear(c, c), nn.Linear(c, c), nn.Linear(c, 3)
        self.colour, self.shape = nn.Linear(c, len(COLOURS) + 1), nn.Linear(c, len(SHAPES) + 1)
        self.found = nn.Sequential(nn.Linear(4 * c + heads + 2, c), nn.ReLU(), nn.Linear(c, c), nn.ReLU())
        self.score = nn.Sequential(nn.Linear((SLOTS + 1) * c, 2 * c), nn.ReLU(), nn.Linear(2 * c, c), nn.ReLU(), nn.Linear(c, 1))

    def forward(self, images: Tensor, captions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (N, choices); where each named thing is and how large (N, choices, 3, 3); what is seen anywhere (N, 64, C)."""
        with half_precision():
            x = self.stages(pixels(images)).flatten(2).transpose(1, 2)
        missing, captions, view = captions[..., 0] < 0, captions.clamp(min=0), self.values(x.float())
        colours, shapes = captions[..., 0:-1:2], captions[..., 1:-1:2]
        names = torch.cat([self.colours(colours), self.shapes(shapes)], -1)
        seen, spot, match = self.attend(names, self.keys(x.float()), view)
        fit = torch.stack([named(self.colour(seen), colours), named(self.shape(seen), shapes)], -1)
        found = self.found(torch.cat([seen, spot, match, fit, names], -1))
        together = torch.cat([found.flatten(2), self.relations(captions[..., -1])], -1)
        return self.score(together)[..., 0].masked_fill(missing, -1e4), self.place(found), view

    def attend(self, names: Tensor, keys: Tensor, view: Tensor) -> tuple[Tensor, ...]:
        """What each name finds in the picture, where, and how well it matches: (N, choices, slots, C), twice, and heads."""
        q, k, v, p = (self.split(t) for t in (self.queries(names).flatten(1, 2), keys, view, self.positions[None]))
        match = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        found = match.softmax(-1) @ v, match.softmax(-1) @ p, match.logsumexp(-1, keepdim=True)
        return tuple(t.transpose(1, 2).reshape(*names.shape[:3], -1) for t in found)

    def split(self, t: Tensor) -> Tensor:
        return t.reshape(len(t), -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2)


def train_looker(seed: int, steps: int = STEPS) -> Looker:
    """Cross-entropy over the choices; and, of the true caption's things, where they are and, there, what they are."""
    torch.manual_seed(seed)
    model = Looker().to(memory_format=torch.channels_last)
    for step, batch in enumerate(optimised(model, fresh(seed, steps), steps, RATE)):
        scores, places, view = model(batch.images, batch.captions)
        true, there = (torch.arange(len(scores)), batch.labels), ~batch.things[..., 0].isnan()
        choice, where = F.cross_entropy(scores, batch.labels), F.mse_loss(places[true][there], batch.things[there])
        x, y = (8 * batch.things[there][:, :2]).long().T
        cells = view[there.nonzero()[:, 0], 8 * y + x]
        names = batch.captions[true][:, :-1].unflatten(1, (SLOTS, 2))[there]
        what = F.cross_entropy(model.colour(cells), names[:, 0]) + F.cross_entropy(model.shape(cells), names[:, 1])
        (choice + 20 * where + what).backward()
        if step % 100 == 99:
            right = (scores.argmax(1) == batch.labels).float().mean()
            print(f"seed {seed}, step {step}: {choice:.3f}, {right:.2f} right; {where:.4f}, {what:.2f}", flush=True)
    return model.eval()


@torch.no_grad()
def looker_hits(model: Looker, split: str = "test") -> dict[str, dict[str, Tensor]]:
    """Which rows of each choice task are answered rightly: with their own pictures and, as a control, with each other's."""
    hits: dict[str, dict[str, Tensor]] = {"picture and sentence": {}, "another row's picture": {}}
    for name in CHOICES:
        batch = drawn([answer(name, TASKS[name], split, row) for row in range(TASKS[name].size)])
        for of, images in zip(hits, (batch.images, batch.images.roll(TASKS[name].size // 2 + 1, 0)), strict=True):
            parts = zip(images.split(500), batch.captions.split(500), strict=True)
            hits[of][name] = torch.cat([model(*part)[0] for part in parts]).argmax(1) == batch.labels
    return hits


def prove(seed: int) -> None:
    """All readers, with training rows, captions and pictures of their own."""
    tests = {name: questions(name, "test", TASKS[name].size) for name in CHOICES}
    times = [time.perf_counter()]
    readers = text_hits(seed, tests)
    times.append(time.perf_counter())
    readers |= looker_hits(train_looker(seed))
    times.append(time.perf_counter())
    found = {name: {reader: hits[name] for reader, hits in readers.items()} for name in CHOICES}
    for name, readers in found.items():
        print(name, {reader: round(hits.float().mean().item(), 3) for reader, hits in readers.items()}, flush=True)
    seconds = {"text": round(times[1] - times[0]), "picture and sentence": round(times[2] - times[1])}
    text = {"rows a task": ROWS, "captions": CAPTIONS, "epochs": EPOCHS, "hidden": HIDDEN}
    size = sum(p.numel() for p in Looker().parameters())
    record("captions", seed, found, seconds=seconds, text=text, steps=STEPS, batch=BATCH, parameters=size)


if __name__ == "__main__":
    run(__doc__, prove)
