"""How much sooner does training reach a held-out accuracy here than with open_clip's model and loss in a plain loop?

The same glyph pairs as tensors in memory, and for both the same architecture, initial weights, batches, augmentation, AdamW and
schedule. Each trains in a process of its own, and they take turns, a lap of steps each, so that both see the same machine. The
clock stands still while they are tested: R@5 on names never seen in training, among all names. A seed's ratio is open_clip's
seconds over ours, to the first time that the threshold is crossed; above 1, ours is sooner.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

import clipmini as cm
from clipmini.config import CLIPConfig, ResNetConfig, TrainConfig
from clipmini.files import package_data

LAP = 25  # steps


@dataclass(frozen=True)
class Contest:
    """A model, its training, and the R@5 at which the clock is stopped."""

    model: CLIPConfig
    train: TrainConfig
    threshold: float

    @property
    def resolution(self) -> int:
        return self.model.vision.resolution

    def start(self, seed: int) -> tuple[cm.CLIP, cm.Tokenizer]:
        torch.manual_seed(seed)
        return cm.CLIP(self.model), cm.Tokenizer.load(package_data("glyphs-vocabulary.txt"))


FOUR_STAGES = replace(cm.PRESETS["mini-vit"], vision=ResNetConfig(resolution=128, layers=(1, 1, 1, 1), width=16))
CONTESTS = {
    "vit": Contest(cm.PRESETS["mini-vit"], replace(cm.RECIPES["glyphs-vit"], steps=750, device="cpu"), 0.10),
    "resnet": Contest(FOUR_STAGES, TrainConfig(steps=300, batch_size=128, lr=3e-3, device="cpu"), 0.20),
}


class Test:
    """Names never seen in training: how many pictures have theirs among a model's first five."""

    def __init__(self, contest: Contest, tok: cm.Tokenizer):
        self.tok, self.data = tok, cm.datasets.load("glyphs", "val", contest.resolution)

    def recall(self, model: cm.CLIP) -> float:
        return cm.metrics.recall_at_k(cm.scores.classify(model, self.tok, self.data), self.data.right, 5)


def ours(contest: Contest, seed: int, lap: int = LAP) -> Iterator[tuple[float, float]]:
    """Seconds of each lap of so many steps, and the recall after it."""
    model, tok = contest.start(seed)
    test, data = Test(contest, tok), cm.datasets.load("glyphs", "train", contest.resolution)
    config = replace(contest.train, seed=seed)
    seconds = 0.0
    for log in cm.train(model, tok, data, config):
        seconds += config.batch_size / log.images_per_second
        if (log.step + 1) % lap == 0:
            yield seconds, test.recall(model)
            seconds = 0.0


def theirs(contest: Contest, seed: int) -> Iterator[tuple[float, float]]:
    """The same of open_clip's."""
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP

    from clipmini.training.loader import Loader
    from clipmini.training.optimizer import make_optimizer
    from clipmini.training.schedule import learning_rate
    from clipmini.weights.export import open_clip_config

    start, tok = contest.start(seed)
    test, data = Test(contest, tok), cm.datasets.load("glyphs", "train", contest.resolution)
    config = replace(contest.train, seed=seed)
    model, objective = CLIP(**open_clip_config(contest.model)).train(), ClipLoss()
    model.load_state_dict(cm.weights.to_openai(start))
    optimizer = make_optimizer([model], config)
    loader = Loader(data, tok, contest.model.text.context_length, config, torch.device("cpu"))
    seconds = 0.0
    for step in range(config.steps):
        started = time.perf_counter()
        batch = loader.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        loss = objective(*model(batch.images, batch.tokens))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, 4.6052)
        loss.item()
        seconds += time.perf_counter() - started
        if (step + 1) % LAP == 0:
            copy = cm.weights.from_openai(model.state_dict(), contest.model)
            yield seconds, test.recall(copy)
            seconds = 0.0


def serve(laps, contest: Contest, seed: int, threads: int, line) -> None:
    """A lap whenever the other end of the line asks for one; None when there are no more."""
    torch.set_num_threads(threads)
    laps = laps(contest, seed)
    while line.recv():
        line.send(next(laps, None))


class Contestant:
    """A process that trains when it is asked to, and how far it is."""

    def __init__(self, laps, contest: Contest, seed: int, threads: int):
        spawn = multiprocessing.get_context("spawn")
        self.line, end = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(laps, contest, seed, threads, end), daemon=True)
        self.process.start()
        self.threshold, self.clock, self.points = contest.threshold, 0.0, [(0.0, 0.0)]

    def lap(self) -> bool:
        """Train a lap. Returns: whether there is nothing left to do, because the threshold is crossed."""
        self.line.send(True)
        if (lap := self.line.recv()) is None:
            raise SystemExit(f"never came to {self.threshold:.0%}: {self.points[-1][1]:.1%} after {self.clock:.0f} s")
        seconds, recall = lap
        self.clock += seconds
        self.points.append((self.clock, recall))
        return recall >= self.threshold

    def seconds(self) -> float:
        """When the threshold was crossed, on the line between the laps before and after."""
        (before, low), (after, high) = self.points[-2:]
        return before + (after - before) * (self.threshold - low) / (high - low)

    def seconds_a_lap(self) -> float:
        return self.clock / (len(self.points) - 1)

    def close(self) -> None:
        self.line.send(False)
        self.process.join()


def race(contest: Contest, seed: int, threads: int) -> dict[str, Contestant]:
    """Both train until both have crossed."""
    runners = {"ours": Contestant(ours, contest, seed, threads), "theirs": Contestant(theirs, contest, seed, threads)}
    racing = dict(runners)
    while racing:
        for who in list(racing):
            if racing[who].lap():
                racing.pop(who).close()
    return runners


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contests", nargs="+", choices=CONTESTS, default=list(CONTESTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {args.threads} threads; a lap is {LAP} steps")
    for name in args.contests:
        contest, ratios, steps = CONTESTS[name], [], []
        print(f"{name}: {contest.model.vision}, batch {contest.train.batch_size}, until R@5 is {contest.threshold:.0%}")
        for seed in range(args.seeds):
            runners = race(contest, seed, args.threads)
            ratios.append(runners["theirs"].seconds() / runners["ours"].seconds())
            steps.append(runners["theirs"].seconds_a_lap() / runners["ours"].seconds_a_lap())
            times = ", ".join(f"{who} {r.seconds():.0f} s in {len(r.points) - 1} laps" for who, r in runners.items())
            print(f"  seed {seed}: {times}: {ratios[-1]:.2f}", flush=True)
        for what, values in (("seconds to the threshold", ratios), ("seconds a lap", steps)):
            low, high = cm.metrics.t_interval(values) if len(values) > 1 else (values[0], values[0])
            mean = sum(values) / len(values)
            print(f"  {what}, open_clip's over ours: {mean:.2f} ({low:.2f} to {high:.2f}, n = {len(values)})")
