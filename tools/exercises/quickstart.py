"""Print the numbers that the quickstart's solutions quote."""

import dataclasses
import random
import statistics

import torch

import clipmini as cm
from tools.exercises.chapter import run


def train(model: cm.CLIP, **changes) -> tuple[list[float], cm.Tokenizer]:
    """Train in place by the quickstart's recipe, some of it changed; the losses and the tokenizer."""
    pairs = cm.datasets.load("glyphs", split="train")
    tok = cm.Tokenizer.train(pairs.captions, model.config.text.vocab_size)
    config = dataclasses.replace(cm.RECIPES["quickstart"], **changes)
    return [log.loss for log in cm.train(model, tok, pairs, config)], tok


def fresh() -> cm.CLIP:
    """The quickstart's model before its first step."""
    torch.manual_seed(0)
    return cm.CLIP.from_preset("mini-resnet")


def fixed_scale() -> None:
    model = fresh()
    model.logit_scale.data.zero_()
    model.logit_scale.requires_grad_(False)
    losses, _ = train(model, steps=200)
    print(f"mean of the last twenty losses: {statistics.mean(losses[-20:]):.2f} nats")


def prompts() -> None:
    model, tok, _ = cm.load("glyphs-resnet")
    digits = cm.datasets.load("digits", split="dev")
    images = cm.embed(model, tok, digits).image
    for templates in [*([t] for t in digits.templates), ["{}"], ["circled digit {}"], digits.templates]:
        classifier = cm.zeroshot_classifier(model, tok, digits.classes, templates)
        print(f"{cm.metrics.top_k(images @ classifier.T, digits.labels):.1%}  {' + '.join(templates)}")


def distortion() -> None:
    model = fresh()
    _, tok = train(model, augment="mild")
    seeds = cm.scores.recorded("quickstart_seeds")  # of the quickstart's own recipe
    for task in ["glyphs:new_names", "glyphs:new_font", "digits:dev"]:
        for own in cm.scorecard(model, tok, *task.split(":")):
            if own.who == "trained":
                five = seeds[task, own.who, own.metric]
                print(f"{task} {own.metric} {own.value:.1%}; five seeds as on the page {min(five):.1%} to {max(five):.1%}")


def word_order(shuffles: int = 5) -> None:
    model, tok, _ = cm.load("glyphs-resnet")
    unseen = cm.datasets.load("glyphs", split="new_names")
    images, held_out = cm.embed(model, tok, unseen.without_captions()).image, set(unseen.captions)

    def recall(names: list[str]) -> str:
        scores = images @ cm.embed_texts(model, tok, names).T
        return f"{cm.metrics.recall_at_k(scores, unseen.right, 5):.1%}"

    def shuffled(which: set[str], seed: int) -> list[str]:
        dice = random.Random(seed)
        return [" ".join(dice.sample(n.split(), len(n.split()))) if n in which else n for n in unseen.classes]

    print("in order:", recall(unseen.classes))
    print("never-seen names shuffled:", *(recall(shuffled(held_out, seed)) for seed in range(shuffles)))
    print("all names shuffled:", *(recall(shuffled(set(unseen.classes), seed)) for seed in range(shuffles)))


EXERCISES = {"1": fixed_scale, "2": prompts, "3": distortion, "4": word_order}

if __name__ == "__main__":
    run(EXERCISES, __doc__)
