"""How fast are scenes drawn, captions and parses included, on one core?

Prints pairs a second at 32 and 64 px, and their ratio to the pictures a second of scikit-image's `random_shapes`, which draws
up to six shapes without captions, smoothing or patterns; the two alternate. With --build: how long the training split
(200,000 pairs at 32 px) takes on all cores in a fresh cache, and how long reading it back takes. Mean and 95% t-interval.
"""

import argparse
import os
import tempfile
import time
from functools import partial

from skimage.draw import random_shapes

import clipmini as cm
from clipmini.datasets import scenes
from clipmini.datasets.scenes.rows import draw_pairs

PAIRS = 2000


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def theirs(resolution: int) -> None:
    for seed in range(PAIRS):
        random_shapes((resolution, resolution), max_shapes=6, min_size=6, max_size=20, rng=seed)


def report(what: str, values: list[float], form: str = ",.0f") -> None:
    low, high = cm.metrics.t_interval(values)
    print(f"{what}: {sum(values) / len(values):{form}} ({low:{form}} to {high:{form}}, n = {len(values)})", flush=True)


def drawing(rounds: int) -> None:
    for resolution in (32, 64):
        ours = partial(draw_pairs, scenes.REFERENCE, "train", range(PAIRS), resolution)
        ours()  # patterns and letters are drawn once
        times = [(timed(ours), timed(partial(theirs, resolution))) for _ in range(rounds)]
        report(f"{resolution} px, pairs a second", [PAIRS / our for our, _ in times])
        report(f"{resolution} px, over scikit-image's pictures a second", [their / our for our, their in times], ".1f")


def building(rounds: int) -> None:
    built, read = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CLIPMINI_CACHE"] = folder
            built.append(timed(lambda: cm.datasets.load("scenes", "train")))
            read += [timed(lambda: cm.datasets.load("scenes", "train")) for _ in range(3)]
    report("200,000 pairs drawn and kept, seconds", built, ".1f")
    report("read back, seconds", read, ".2f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", action="store_true", help="the whole training split instead")
    arguments = parser.parse_args()
    (building if arguments.build else drawing)(arguments.rounds)
