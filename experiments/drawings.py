"""What do small models learn from the drawings? Trains those that ship, three seeds each, and keeps every seed's scores.

    python -m experiments.drawings drawings-quick --seeds 1 2 3      a few minutes a seed on two cores

Scores are macro-averages over things, on strangers and on names never read, with marked copies in and out. Beside each model
stands a softmax classifier over the same things with the same encoder, data and recipe: what a closed vocabulary can do. Results
are in data/drawings_models.json; what is there is not trained again, unless the recipe has changed.
"""

import dataclasses
import json
import time
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

import clipmini as cm
from clipmini.datasets import drawings
from clipmini.datasets.drawings import manifest
from clipmini.datasets.transforms import normalize
from clipmini.evaluate.features import embed, embed_texts
from clipmini.evaluate.metrics import hits_at_k, hits_per_class
from clipmini.evaluate.scores import nearest_drawing
from clipmini.evaluate.zero_shot import zeroshot_classifier
from clipmini.files import data_folder, package_data
from clipmini.models.clip import evaluating
from clipmini.objectives.contrastive import Contrastive
from clipmini.objectives.supervised import Supervised
from experiments.records import Records
from experiments.training import command_line

RECORDS = Records(data_folder() / "drawings_models.json", indent=1)
SHELF = "fluent"  # where the fifty everyday words are searched


class Trained(NamedTuple):
    """How a model is made. world: what it sees. scored: the labelled task of strangers. wordings: all, or captions alone."""

    world: str
    scored: str
    preset: str
    context_length: int
    vocabulary: int
    wordings: bool
    matches: str
    recipe: cm.TrainConfig

    @property
    def about(self) -> dict:
        return self._asdict() | {"recipe": dataclasses.asdict(self.recipe)}


MODELS = {
    "drawings-quick": Trained(
        "drawings/things", "drawings/things", "mini-resnet", 32, 2048, False, "captions",
        cm.TrainConfig(steps=1300, batch_size=256, lr=5e-3, warmup=100, augment="mild"),
    ),
}  # fmt: skip


@cache
def training_pairs(world: str, wordings: bool) -> cm.datasets.Pairs:
    data = cm.datasets.load(world, split="train")
    return data if wordings else dataclasses.replace(data, wordings=None)


def fresh(trained: Trained, data: cm.datasets.Pairs, seed: int) -> tuple[cm.CLIP, cm.Tokenizer]:
    texts = [text for texts in data.wordings for text in texts] if data.wordings else data.captions
    tok = cm.Tokenizer.train(texts, trained.vocabulary)
    preset = cm.PRESETS[trained.preset]
    text = dataclasses.replace(preset.text, vocab_size=tok.vocab_size, context_length=trained.context_length)
    torch.manual_seed(seed)
    return cm.CLIP(dataclasses.replace(preset, text=text)), tok


def train(trained: Trained, seed: int) -> tuple[cm.CLIP, cm.Tokenizer, float]:
    """The model, and how long it took, seconds."""
    data = training_pairs(trained.world, trained.wordings)
    model, tok = fresh(trained, data, seed)
    return model, tok, _train(model, tok, data, trained, seed, Contrastive(trained.matches))


def train_classifier(trained: Trained, seed: int) -> tuple[cm.CLIP, Supervised, list[str]]:
    """The same encoder with a linear layer over the things of the same data; and the things' names."""
    data = training_pairs(trained.world, trained.wordings)
    things = sorted(set(data.concept.tolist()))
    numbers = torch.full((max(things) + 1,), -1).scatter(0, torch.tensor(things), torch.arange(len(things)))
    data = dataclasses.replace(data, concept=numbers[data.concept])
    model, tok = fresh(trained, data, seed)
    objective = Supervised(model.config.embed_dim, len(things))
    _train(model, tok, data, trained, seed, objective)
    names = sorted({drawing.concept for drawing in manifest.drawings()})
    return model, objective, [names[thing] for thing in things]


def _train(model, tok, data, trained: Trained, seed: int, objective) -> float:
    started = time.perf_counter()
    for log in cm.train(model, tok, data, dataclasses.replace(trained.recipe, seed=seed), objective=objective):
        if log.step % 100 == 0:
            print(f"seed {seed}, step {log.step} of {trained.recipe.steps}: loss {log.loss:.2f}", flush=True)
    return time.perf_counter() - started


# --- scores


def score(model: cm.CLIP, tok: cm.Tokenizer, trained: Trained) -> dict:
    """Strangers, names never read, labelled tasks, fifty words."""
    found = {}
    for split in ("val", *drawings.STRANGERS, "val_names", "new_names"):
        data = cm.datasets.load(trained.scored, split)
        image = embed(model, tok, data.without_captions()).image
        found[split] = recalls(image @ embed_texts(model, tok, data.classes).T, data)
    tasks = {}
    for name in drawings.tasks.TASKS:
        data = cm.datasets.load(name, "strangers")
        classifier = zeroshot_classifier(model, tok, data.classes, data.templates)
        hits = hits_at_k(embed(model, tok, data).image @ classifier.T, data.labels[:, None])
        tasks[name] = {"accuracy": hits.float().mean().item(), "n": len(data), "chance": 1 / len(data.classes)}
    return {"splits": found, "tasks": tasks, "words": words(model, tok)}


def recalls(scores: Tensor, data: cm.datasets.Pairs) -> dict:
    """R@1 and R@5, a mean over things, of all pictures and of those that are no marked copies."""
    marks = {drawing.place: drawing.copy for drawing in manifest.drawings()}
    copied = torch.tensor([marks[note] != "" for note in data.notes])
    coloured = {drawing.place for drawing in manifest.drawings() if drawing.ink == "colour"}
    kinds = {"all": torch.ones(len(data), dtype=torch.bool), "without copies": ~copied}
    kinds["in colour"] = torch.tensor([note in coloured for note in data.notes])
    found = {"gallery": len(data.classes)}
    for kind, rows in kinds.items():
        if rows.any():
            hits = {k: hits_at_k(scores[rows], data.labels[rows][:, None], k) for k in (1, 5)}
            found[kind] = {f"R@{k}": hits_per_class(hit, data.labels[rows]) for k, hit in hits.items()} | {"n": int(rows.sum())}
    return found


def words(model: cm.CLIP, tok: cm.Tokenizer) -> list[str]:
    """Which of the fifty everyday words have a right drawing among the first five of the shelf."""
    right = json.loads(package_data("everyday_words.json").read_text())
    shelf = cm.datasets.load("drawings", SHELF)
    shown = [drawing.concept for drawing in drawings.rows(SHELF)]
    first = (embed_texts(model, tok, list(right)) @ embed(model, tok, shelf.without_captions()).image.T).topk(5).indices
    return [word for word, rows in zip(right, first.tolist(), strict=True) if any(shown[row] in right[word] for row in rows)]


def score_classifier(model: cm.CLIP, objective: Supervised, names: list[str], trained: Trained) -> dict:
    """The classifier among the same names. Of names that it has no class for it can say nothing."""
    index = {name: number for number, name in enumerate(names)}
    found = {}
    for split in ("val", *drawings.STRANGERS):
        data = cm.datasets.load(trained.scored, split)
        with evaluating(model):
            raw = torch.cat([objective.head(model.encode_image(normalize(part))) for part in data.pixels.split(512)])
        found[split] = recalls(raw[:, [index[name] for name in data.classes]], data)
    return found


@cache
def pixel_scores(scored: str) -> dict:
    """The nearest training drawing in colour, of the same names."""
    splits = {split: cm.datasets.load(scored, split) for split in ("val", *drawings.STRANGERS)}
    return {split: recalls(nearest_drawing(data)["pixel nearest neighbour"], data) for split, data in splits.items()}


# --- keeping


def main(names: list[str], seeds: list[int]) -> None:
    for name in names:
        trained = MODELS[name]
        known = RECORDS.known().get(name, {})
        if known.get("about") != json.loads(json.dumps(trained.about)):
            RECORDS.keep(trained.about, name, "about")
            RECORDS.keep({}, name, "runs")
        if not RECORDS.has(name, "pixels"):
            RECORDS.keep(pixel_scores(trained.scored), name, "pixels")
        for seed in seeds:
            if not RECORDS.has(name, "runs", seed):
                RECORDS.keep(run(trained, seed), name, "runs", seed)


def run(trained: Trained, seed: int) -> dict:
    model, tok, seconds = train(trained, seed)
    found = score(model, tok, trained) | {"seconds": round(seconds)}
    rival, objective, names = train_classifier(trained, seed)
    return found | {"classifier": score_classifier(rival, objective, names, trained)}


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("names", nargs="*", default=list(MODELS), help=f"default: {' '.join(MODELS)}")
    options = parser.parse_args()
    for name in options.names:
        if name not in MODELS:
            raise SystemExit(f"unknown model {name!r}; choose from: {', '.join(MODELS)}")
    main(options.names, options.seeds)
