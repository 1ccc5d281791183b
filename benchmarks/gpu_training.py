"""On a GPU: how near training comes to the machine's matrix products, and a batch of 32,768 on a small card.

First ViT-B/16 in bf16 at batch 256 by `cm.train`, eager and compiled: images a second, times 6, times the multiply-adds of both
towers, over the rate of an 8192-cubed bf16 matrix product, alternated in one run; mean and 95% t-interval over rounds. Then one
step of ViT-B/32 at batch 32,768 with cached gradients: its loss, its seconds, and the memory that PyTorch held at the highest
point; 16 GB is the aim. Texts fill all 77 positions. Without a GPU, --device cpu with small --models and --batches tries the
script out.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator

import torch

import clipmini as cm
from clipmini.cost import multiply_adds
from clipmini.datasets import Pairs
from clipmini.tokenizer.bpe import byte_symbols
from clipmini.training.precision import pick_device

CAPTION = " ".join("abcdefghijklmnopqrstuvwxyz" * 4)


def noise(n: int, resolution: int, letters: int) -> Pairs:
    """Pictures of nothing, each with a text of so many letters, which are as many tokens."""
    images = torch.randint(256, (n, 3, resolution, resolution), dtype=torch.uint8)
    captions = [CAPTION[2 * (i % 26) :][: 2 * letters - 1] for i in range(n)]  # of which 26 are different
    return Pairs(name="noise", split="train", images=images, captions=captions)


def vocabulary(size: int) -> cm.Tokenizer:
    """As many tokens as asked for; no merge of which a text of single letters has any use."""
    merges = itertools.product(byte_symbols(), repeat=2)
    return cm.Tokenizer(itertools.islice(merges, size - 514))


def training(name: str, data: Pairs, device: torch.device, **settings) -> Iterator:
    """The steps of a training that never ends."""
    config = cm.TrainConfig(steps=10**9, augment="none", device=device.type, precision="bf16", **settings)
    preset = cm.PRESETS[name]
    return cm.train(cm.CLIP(preset), vocabulary(preset.text.vocab_size), data, config)


def product_rate(size: int, device: torch.device, dtype: torch.dtype) -> float:
    """Multiply-adds a second of a matrix product: the median of five."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(6):
        started = clock(device)
        a @ b
        times.append(clock(device) - started)
    return size**3 / statistics.median(times[1:])


def clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(steps: Iterator, n: int, device: torch.device) -> float:
    started = clock(device)
    for _ in range(n):
        next(steps)
    return clock(device) - started


def report_speed(name: str, batch_size: int, rounds: int, product: int, device: torch.device) -> None:
    """Which part of the matrix product's rate training reaches, eager and compiled."""
    config = cm.PRESETS[name]
    work = 3 * batch_size * sum(multiply_adds(config))  # a backward pass is two forward passes
    data = noise(4 * batch_size, config.vision.resolution, config.text.context_length - 2)
    runs = {how: training(name, data, device, batch_size=batch_size, compile=how == "compiled") for how in ("eager", "compiled")}
    for steps in runs.values():  # warm up
        seconds(steps, 3, device)
    used = {how: [] for how in runs}
    for _ in range(rounds):
        rate = product_rate(product, device, torch.bfloat16)
        for how, steps in runs.items():
            used[how].append(work / (seconds(steps, 4, device) / 4) / rate)
    print(f"{name}, batch {batch_size}, bf16; the matrix product does {rate / 1e12:.1f} T multiply-adds a second")
    for how, parts in used.items():
        mean, (low, high) = statistics.mean(parts), cm.metrics.t_interval(parts)
        speed = mean * rate / work * batch_size
        print(f"  {how:8} {mean:.1%} of it ({low:.1%} to {high:.1%}, n = {rounds}); {speed:,.0f} pairs/s", flush=True)


def report_batch(name: str, batch_size: int, chunk_size: int, device: torch.device) -> None:
    """One step on a batch that would not fit, and the memory that it took."""
    config = cm.PRESETS[name]
    data = noise(batch_size, config.vision.resolution, config.text.context_length - 2)
    steps = training(name, data, device, batch_size=batch_size, chunk_size=chunk_size)
    next(steps)  # when Adam gets its moments
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    took = seconds(steps, 1, device)
    peak = f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if device.type == "cuda" else "not counted on a CPU"
    print(f"{name}, batch {batch_size:,} in chunks of {chunk_size}: {took:.1f} s a step, memory at the highest point: {peak}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs=2, default=["ViT-B/16", "ViT-B/32"], help="for the speed, and for the large batch")
    parser.add_argument("--batches", nargs=2, type=int, default=[256, 32768])
    parser.add_argument("--chunk-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--product", type=int, default=8192, help="side of the matrices")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    device = pick_device(args.device)
    where = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {where}")
    report_speed(args.models[0], args.batches[0], args.rounds, args.product, device)
    report_batch(args.models[1], args.batches[1], args.chunk_size, device)
