"""What it costs to keep less: a step with recomputed blocks, with cached gradients, with both, over a plain one.

Same model, same batch, alternated in one run; every step updates the weights. Ratios are seconds over the plain step's: 1.33 is
what computing everything once more must cost, where a backward pass takes as long as two forward passes. Mean and 95%
t-interval over rounds, and the bytes that `clipmini.cost` counts for each.
"""

import argparse
import time
from dataclasses import replace

import torch

import clipmini as cm
from clipmini.cost import step_memory
from clipmini.datasets.batch import Batch
from clipmini.objectives.contrastive import Contrastive
from clipmini.training.memory import backward, prepare
from clipmini.training.optimizer import make_optimizer
from clipmini.training.precision import keep_freed_memory, pick_device

BATCHES = {"mini-vit": (2048, 256), "mini-resnet": (2048, 256), "small-vit": (256, 64), "small-resnet": (256, 64)}


def ways(batch_size: int, chunk_size: int) -> dict[str, cm.TrainConfig]:
    plain = cm.TrainConfig(batch_size=batch_size)
    return {
        "plain": plain,
        "recomputed blocks": replace(plain, recompute=True),
        "cached gradients": replace(plain, chunk_size=chunk_size),
        "both": replace(plain, recompute=True, chunk_size=chunk_size),
    }


class Stepper:
    """A model with its optimizer, and one batch: texts of ten words."""

    def __init__(self, name: str, batch_size: int, device: torch.device):
        self.device, self.model = device, cm.CLIP.from_preset(name).to(device)
        side = self.model.config.vision.resolution
        images = torch.randn(batch_size, 3, side, side, device=device)
        tokens = torch.zeros(batch_size, self.model.context_length, dtype=torch.long)
        tokens[:, 1:11] = torch.randint(1, 2000, (batch_size, 10))
        tokens[:, 11] = self.model.text.eot
        ids = torch.arange(batch_size, device=device)
        self.batch = Batch(pixels=images, tokens=tokens.to(device), caption_ids=ids)
        self.optimizer = make_optimizer([self.model], cm.TrainConfig(lr=1e-6))

    def seconds(self, config: cm.TrainConfig) -> float:
        prepare(self.model, recompute=config.recompute)
        started = self.clock()
        self.optimizer.zero_grad(set_to_none=True)
        backward(self.model, self.batch, Contrastive(), chunk_size=config.chunk_size)
        self.optimizer.step()
        return self.clock() - started

    def clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = pick_device(args.device)
    keep_freed_memory()
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    for name in args.models:
        batch_size, chunk_size = BATCHES[name]
        stepper, configs = Stepper(name, batch_size, device), ways(batch_size, chunk_size)
        for config in configs.values():  # warm up
            stepper.seconds(config)
        times = [{way: stepper.seconds(config) for way, config in configs.items()} for _ in range(args.rounds)]
        print(f"{name}, batch {batch_size:,}, chunks of {chunk_size}")
        for way, config in configs.items():
            ratios = [seconds[way] / seconds["plain"] for seconds in times]
            low, high = cm.metrics.t_interval(ratios) if way != "plain" else (1, 1)
            peak = step_memory(cm.PRESETS[name], config)[2]
            mean = sum(ratios) / len(ratios)
            print(f"  {way:18} {mean:5.2f} ({low:.2f} to {high:.2f}, n = {args.rounds}), {peak / 1e6:6.0f} MB", flush=True)
