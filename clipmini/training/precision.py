"""Where a training runs: the device, the precision, and the memory that a step hands to the next."""

import ctypes
import sys

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def pick_device(name: str) -> torch.device:
    """The fastest device there is for auto, else the one asked for. Raises ValueError if it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, available in there.items() if available))
    if not there.get(name, False):
        raise ValueError(f"no device {name!r} here; choose from: auto, {', '.join(d for d, a in there.items() if a)}")
    return torch.device(name)


def mixed_precision(precision: str, device: torch.device):
    """An autocast context and a gradient scaler. auto: fp32 off the GPU; there bf16 if the chip computes in it, else fp16."""
    if precision == "auto":
        native = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8  # older chips emulate bf16
        precision = "fp32" if device.type != "cuda" else "bf16" if native else "fp16"
    if precision == "fp16" and device.type != "cuda":
        raise ValueError(f"fp16 needs a CUDA device, not {device.type}; choose fp32 or bf16")
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def autocast():
        return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")

    return autocast, torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def keep_freed_memory() -> None:
    """Have glibc keep the memory that a step frees, for the next step; elsewhere, do nothing.

    It would give it back to the system and be handed zeroed pages again, which costs more than a small model's products.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_TRIM_THRESHOLD, 2**30)
        mallopt(M_MMAP_THRESHOLD, 2**28)
