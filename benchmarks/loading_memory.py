"""What memory does loading the largest released model take, over its fp32 weights?

A file with random weights of its shapes is written to a temporary folder, then loaded in a process of its own, every weight
touched; prints the peak above what the imports take, and its ratio to the weights' bytes (Linux).
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clipmini as cm


def resident_bytes() -> int:
    return resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[1])


def peak_bytes() -> int:
    """Of this process alone: what getrusage says begins at its parent's peak."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def measure(path: str) -> str:
    """Peak above what is resident after the imports, bytes of the weights, seconds."""
    before, started = resident_bytes(), time.perf_counter()
    model, _ = cm.weights.load(path)
    seconds = time.perf_counter() - started
    tensors = list(model.state_dict().values())
    assert all(t.float().sum().isfinite() for t in tensors)  # every page is read
    return f"{peak_bytes() - before} {sum(t.nbytes for t in tensors)} {seconds}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=cm.PRESETS, default="RN50x64")
    parser.add_argument("--measure", metavar="PATH", help="measure this file and stop")
    args = parser.parse_args()
    if args.measure:
        print(measure(args.measure))
        sys.exit()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        cm.weights.save(cm.CLIP.from_preset(args.model), path)
        command = [sys.executable, __file__, "--measure", path]
        peak, weights, seconds = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    print(f"{args.model}: {peak / 1e6:,.0f} MB above the imports for {weights / 1e6:,.0f} MB of fp32 weights,", end=" ")
    print(f"{peak / weights:.3f} times; loaded in {seconds:.2f} s")
