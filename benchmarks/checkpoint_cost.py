"""What checkpoints cost: their part of a run's time at the default interval.

Trains presets on noise into a folder; times every step and every checkpoint in the same run. Prints seconds of a checkpoint over
seconds of the steps between two of them: mean and 95% t-interval over checkpoints.
"""

import argparse
import tempfile
import time
from unittest import mock

import torch

import clipmini as cm
from clipmini.datasets import Pairs
from clipmini.training.runs import RunFolder


def noise(resolution: int, n: int = 2048) -> Pairs:
    images = torch.randint(256, (n, 3, resolution, resolution), dtype=torch.uint8)
    return Pairs(name="noise", split="train", images=images, captions=[f"latin small letter number {i}" for i in range(n)])


def parts(name: str, rounds: int, steps: int) -> list[float]:
    """Seconds of each checkpoint over those of as many steps as lie between two by default."""
    pairs, spent = noise(cm.PRESETS[name].vision.resolution), []
    keep = RunFolder.keep

    def timed(*args):
        started = time.perf_counter()
        keep(*args)
        spent.append(time.perf_counter() - started)

    tok = cm.Tokenizer.train(cm.datasets.load("glyphs", "train").captions, 2048)
    config = cm.TrainConfig(steps=rounds * steps, batch_size=128, checkpoint_every=steps, augment="none")
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(RunFolder, "keep", timed):
        logs = list(cm.train(cm.CLIP.from_preset(name), tok, pairs, config, run_dir=folder))
    seconds = [128 / log.images_per_second for log in logs[steps // 2 :]]
    between = cm.TrainConfig().checkpoint_every * sum(seconds) / len(seconds)
    return [one / between for one in spent]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mini-resnet", "mini-vit", "small-resnet", "small-vit"])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=6, help="between two checkpoints, here")
    args = parser.parse_args()
    for name in args.models:
        found = parts(name, args.rounds, args.steps)
        low, high = cm.metrics.t_interval(found)
        print(f"{name}: {sum(found) / len(found):.2%} ({low:.2%} to {high:.2%}, n = {len(found)})", flush=True)
