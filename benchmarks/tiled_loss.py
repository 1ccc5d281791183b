"""What does the tiled loss save, against the dense one in one run?

Time: forward and backward of both, alternated; mean and 95% t-interval of the ratio over rounds. Memory: the peak of one
forward and backward above the inputs, of a process of its own (Linux).
"""

import argparse
import resource
import subprocess
import sys
import time

import torch

import clipmini as cm

WIDTH, SCALE = 512, 14.3


def batch(size: int):
    """Random features of a batch and a scale, all of which want a gradient."""
    image, text = (torch.randn(size, WIDTH, requires_grad=True) for _ in range(2))
    return image, text, torch.tensor(SCALE, requires_grad=True)


def seconds(inputs, chunk_size: int | None) -> float:
    for tensor in inputs:
        tensor.grad = None
    started = time.perf_counter()
    cm.clip_loss(*inputs, chunk_size=chunk_size).backward()
    return time.perf_counter() - started


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk-size", type=int, default=1024)
    parser.add_argument("--time-at", type=int, default=8192, metavar="N")
    parser.add_argument("--memory-at", type=int, default=32768, metavar="N")
    parser.add_argument("--memory-only", action="store_true", help="print the peak in MiB and stop")
    args = parser.parse_args()
    if args.memory_only:
        inputs = batch(args.memory_at)
        before = peak_mebibytes()
        seconds(inputs, args.chunk_size)
        print(f"{peak_mebibytes() - before:.0f}")
        sys.exit()

    command = [sys.executable, __file__, "--memory-only", f"--memory-at={args.memory_at}", f"--chunk-size={args.chunk_size}"]
    tiled = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    print(f"N = {args.memory_at:,}: peak {tiled} MiB above the inputs; one dense matrix has {args.memory_at**2 * 4 / 2**20:,.0f}")
    inputs, ratios, times = batch(args.time_at), [], []
    seconds(inputs, None), seconds(inputs, args.chunk_size)  # warm up
    for _ in range(args.rounds):
        dense = seconds(inputs, None)
        times.append(seconds(inputs, args.chunk_size))
        ratios.append(times[-1] / dense)
    low, high = cm.metrics.t_interval(ratios)
    print(f"N = {args.time_at:,}: {sorted(times)[len(times) // 2]:.2f} s, times the dense loss's:", end=" ")
    print(f"{sum(ratios) / len(ratios):.2f} ({low:.2f} to {high:.2f}, n = {len(ratios)})")
