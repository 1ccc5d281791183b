"""Run what a chapter wants a GPU for, away from its page: `python -m tools.chapters.gpu 08_training --scale tiny`.

The cells tagged `gpu` define one function of `scale`, from what the cells tagged `gpu-needs` define. "full" are the page's
sizes and takes a GPU; "tiny" takes a CPU and seconds, so that no such cell is code that nobody has executed.
"""

import argparse
import inspect
import time
from collections.abc import Callable

import torch
from torchvision.datasets import FakeData

import clipmini as cm
from tools import ROOT
from tools.chapters.notebook import GPU, GPU_NEEDS, chapters, code_cells, read, tags

SCALES = ("full", "tiny")


def gpu_chapters() -> list[str]:
    """The chapters that have cells for a GPU."""
    return [path.stem for path in chapters() if any(GPU in tags(cell) for cell in code_cells(read(path)))]


def released_stand_ins(scale: str) -> dict:
    """What chapter 11 has from a network: a released model, here with random weights, and CIFAR-10, here noise."""
    model = cm.CLIP.from_preset({"full": "ViT-B/32", "tiny": "mini-vit"}[scale]).eval()
    pictures = FakeData(10_000, (3, 32, 32), num_classes=10)
    pictures.targets = [i % 10 for i in range(len(pictures))]
    return {"model": model, "ready": cm.transforms.preprocess, "resolution": model.config.vision.resolution, "cifar": pictures}


STAND_INS = {"11_released_weights": released_stand_ins}


def gpu_function(chapter: str, scale: str) -> Callable:
    """The function that a chapter's cells for a GPU define. Raises ValueError unless it is one, of `scale` alone."""
    names = STAND_INS[chapter](scale) if chapter in STAND_INS else {}
    found = {}
    for cell in code_cells(read(ROOT / "notebooks" / f"{chapter}.ipynb")):
        if {GPU, GPU_NEEDS} & set(tags(cell)):
            before = set(names)
            exec(compile(cell.source, chapter, "exec"), names)
            found |= {name: names[name] for name in set(names) - before if GPU in tags(cell)}
    wanted = [thing for thing in found.values() if callable(thing) and [*inspect.signature(thing).parameters] == ["scale"]]
    if len(wanted) != 1:
        raise ValueError(f"expected one function of `scale` in chapter {chapter}'s cells tagged {GPU!r}, got {len(wanted)}")
    return wanted[0]


def report(result, seconds: float) -> None:
    """What a function returned, in one line, its time and the memory that PyTorch held on the GPU at the highest point."""
    shapes = [tuple(x.shape) if isinstance(x, torch.Tensor) else x for x in (result if isinstance(result, tuple) else [result])]
    peak = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB at the highest point" if torch.cuda.is_available() else ""
    print(f"{', '.join(map(str, shapes))}; {seconds:.1f} s{peak}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.chapters.gpu", description=__doc__.partition(":")[0])
    parser.add_argument("chapter", choices=gpu_chapters())
    parser.add_argument("--scale", choices=SCALES, default="full")
    options = parser.parse_args(arguments)
    run = gpu_function(options.chapter, options.scale)
    started = time.perf_counter()
    report(run(options.scale), time.perf_counter() - started)


if __name__ == "__main__":
    main()
