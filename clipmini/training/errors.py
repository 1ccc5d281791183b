"""A step that can not be taken: where it failed, and what to do about it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from clipmini.config import TrainConfig, divisors


@contextmanager
def explaining(step: int, config: TrainConfig, optimizer: torch.optim.Optimizer, names: dict[Tensor, str]) -> Iterator[None]:
    """Within it, a failure names its step and its remedy.

    Args: names: of all parameters. Raises: FloatingPointError for what is no number, with the parameter that holds one;
    MemoryError, with the setting that saves memory.
    """
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(
            f"at step {step}, {error}; {first_broken(optimizer, names)}. The weights are still those of the step before. Look "
            "for NaN in the images, or lower the learning rate"
        ) from error
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        lack = f"at step {step}, there is not enough memory for {config.batch_size:,} pairs"
        raise MemoryError(f"{lack}; {remedy(config)}") from error


def finite(value: float, what: str) -> float:
    """The value. Raises FloatingPointError if it is not a number."""
    if not math.isfinite(value):
        raise FloatingPointError(f"{what} is {value}")
    return value


def first_broken(optimizer: torch.optim.Optimizer, names: dict[Tensor, str]) -> str:
    """Which parameter, of which of the optimizer's groups, holds NaN or infinity, itself or its gradient."""
    for group in optimizer.param_groups:
        kind = f"of the group with weight decay {group['weight_decay']:g}"
        for p in group["params"]:
            if not p.isfinite().all():
                return f"{names[p]}, {kind}, holds NaN or infinity"
            if p.grad is not None and not p.grad.isfinite().all():
                return f"the gradient of {names[p]}, {kind}, holds NaN or infinity"
    return "no parameter of any group holds NaN or infinity"


def remedy(config: TrainConfig) -> str:
    """The setting that saves the most memory and is still free."""
    now = config.chunk_size or config.batch_size
    smaller = max((size for size in divisors(config.batch_size) if size <= now // 2), default=now)
    if smaller < now:
        return f"set chunk_size to {smaller} (now {config.chunk_size or 'the whole batch'}): the gradient stays the same"
    if not (config.recompute or config.compile):
        return "set recompute: the gradient stays the same"
    return "choose a smaller batch_size or model"
