"""All that wants a GPU, in one go: the chapters' functions, training's speed and a large batch, a step against open_clip's.

Each part is a process of its own with a time limit, so that none stops the others. On one GPU all limits together are under ten
minutes, and we expect about seven (an estimate: nobody has timed it). `--scale tiny` tries every part on the CPU in two minutes
or three, and measures nothing. Prints what each part printed, then a table, and keeps both as JSON after each part. Exit status
1 if a part failed. From the root of the repository: python -m benchmarks.gpu_all
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tools import ROOT
from tools.chapters.gpu import SCALES, gpu_chapters

TINY_LIMIT = 600  # seconds: for what hangs
LIMITS = {"06_vision_transformer": 240, "08_training": 50, "11_released_weights": 60, "gpu_training": 170, "released_step": 60}
OPTIONS = {
    "gpu_training": {
        "full": [],
        "tiny": "--device cpu --models mini-vit mini-vit --batches 16 64 --chunk-size 16 --rounds 2 --product 256".split(),
    },
    "released_step": {
        "full": "--batch-size 128 --precisions bf16".split(),
        "tiny": "--device cpu --models ViT-B/32 --batch-size 2 --precisions fp32 --rounds 2".split(),
    },
}


@dataclass(frozen=True)
class Part:
    """A command that runs under this Python, and the seconds that it may take."""

    name: str
    arguments: list[str]
    limit: float


@dataclass(frozen=True)
class Outcome:
    name: str
    status: str  # passed, failed or stopped
    seconds: float
    limit: float
    lines: list[str]


def parts(scale: str) -> list[Part]:
    """The short ones first: should the machine go, most is known."""
    arguments = {chapter: ["-m", "tools.chapters.gpu", chapter, "--scale", scale] for chapter in gpu_chapters()}
    arguments |= {name: ["-m", f"benchmarks.{name}", *options[scale]] for name, options in OPTIONS.items()}
    limits = LIMITS if scale == "full" else dict.fromkeys(LIMITS, TINY_LIMIT)
    return [Part(name, arguments[name], limits[name]) for name in sorted(arguments, key=LIMITS.__getitem__)]


def run(part: Part) -> Outcome:
    """Run one part to its end or its limit, and whatever it has started with it."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, *part.arguments], cwd=ROOT, text=True, start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        output, status = process.communicate(timeout=part.limit)[0], "failed" if process.returncode else "passed"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, status = process.communicate()[0], "stopped"
    return Outcome(part.name, status, time.monotonic() - started, part.limit, output.splitlines())


def table(outcomes: list[Outcome]) -> str:
    rows = [f"{o.name:24} {o.status:8} {o.seconds:5.0f} s of at most {o.limit:.0f}" for o in outcomes]
    return "\n".join([*rows, f"{sum(o.seconds for o in outcomes):.0f} s in all"])


def keep(path: Path, scale: str, outcomes: list[Outcome]) -> None:
    where = torch.cuda.get_device_name() if scale == "full" else "CPU"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"scale": scale, "device": where, "torch": torch.__version__, "parts": [asdict(outcome) for outcome in outcomes]}
    path.write_text(json.dumps(found, indent=1))


def run_all(chosen: list[Part], scale: str, path: Path) -> int:
    """Run the parts one after the other. Returns: the exit status, 1 if any did not pass."""
    outcomes = []
    for part in chosen:
        print(f"======== {part.name}", flush=True)
        outcomes.append(run(part))
        print("\n".join(outcomes[-1].lines), flush=True)
        keep(path, scale, outcomes)
    print(f"\n{table(outcomes)}\nkept in {path}")
    return int(any(outcome.status != "passed" for outcome in outcomes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--json", type=Path, default=Path("runs/gpu_all.json"))
    args = parser.parse_args()
    if args.scale == "full" and not torch.cuda.is_available():
        parser.error("no GPU here; --scale tiny tries every part on the CPU")
    sys.exit(run_all(parts(args.scale), args.scale, args.json))
