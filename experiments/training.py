"""One training of an experiment: load the pairs, learn the tokenizer, seed, build, train."""

import argparse
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch

import clipmini as cm

LAST = 50  # steps whose mean loss counts


class Run(NamedTuple):
    """A trained model, and how it came about."""

    model: cm.CLIP
    tok: cm.Tokenizer
    logs: list
    seconds: float

    @property
    def losses(self) -> list[float]:
        return [log.loss for log in self.logs]

    @property
    def last_loss(self) -> float:
        """The mean of the last fifty steps, in nats."""
        return sum(self.losses[-LAST:]) / len(self.losses[-LAST:])


@cache
def pairs() -> cm.datasets.Pairs:
    """What all experiments train on: the glyphs with their names."""
    return cm.datasets.load("glyphs", split="train")


@cache
def tokenizer(size: int) -> cm.Tokenizer:
    return cm.Tokenizer.train(pairs().captions, size)


def train(preset: str, config: cm.TrainConfig, change: Callable[[cm.CLIP], cm.CLIP] = lambda model: model) -> Run:
    """Train a preset on the glyphs; the seed of `config` decides weights and batches.

    Args: change: what an experiment does to the model before its first step. Raises: FloatingPointError if it diverges.
    """
    tok = tokenizer(cm.PRESETS[preset].text.vocab_size)
    torch.manual_seed(config.seed)
    model, started, logs = change(cm.CLIP.from_preset(preset)), time.perf_counter(), []
    for log in cm.train(model, tok, pairs(), config):
        logs.append(log)
        if log.step % 100 == 0:
            print(f"seed {config.seed}, step {log.step} of {config.steps}: loss {log.loss:.2f}", flush=True)
    return Run(model, tok, logs, time.perf_counter() - started)


def command_line(about: str) -> argparse.ArgumentParser:
    """The options that experiments share: --seeds."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    return parser
