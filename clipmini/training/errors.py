"""A step that cannot be taken: where it failed, and what to do about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from clipmini.config import TrainConfig, divisors
from clipmini.models.eager import has_values
from clipmini.objectives.objective import Objective
from clipmini.training.state import TrainingState


@contextmanager
def explaining(step: int, config: TrainConfig, state: TrainingState, last_state: Callable[[], str]) -> Iterator[None]:
    """Within it, a failure names its step, its remedy, and where the run can go on.

    Raises: FloatingPointError for what is no number, with the parameter that holds one; MemoryError, with the setting that
    saves memory.
    """
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(
            f"at step {step}, {error}; {first_broken(state)}. The weights are still those of the step before. Look for NaN in "
            f"the images, or lower the learning rate. {last_state()}".rstrip(". ")
        ) from error
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        lack = f"at step {step}, there is not enough memory for {config.batch_size:,} pairs"
        raise MemoryError(f"{lack}; {remedy(config, state)}. {last_state()}".rstrip(". ")) from error


def check_finite(value: Tensor, what: str) -> None:
    """Raise FloatingPointError if a number is NaN or infinite."""
    if has_values(value) and not value.isfinite():
        raise FloatingPointError(f"{what} is {value.item()}")


def first_broken(state: TrainingState) -> str:
    """Which parameter, of which of the optimizer's groups, holds NaN or infinity, itself or its gradient."""
    names = {p: f"{part}.{name}" for part, module in state.parts.items() for name, p in module.named_parameters()}
    for group in state.optimizer.param_groups:
        kind = f"of the group with weight decay {group['weight_decay']:g}"
        for p in group["params"]:
            if not p.isfinite().all():
                return f"{names[p]}, {kind}, holds NaN or infinity"
            if p.grad is not None and not p.grad.isfinite().all():
                return f"the gradient of {names[p]}, {kind}, holds NaN or infinity"
    return "no parameter of any group holds NaN or infinity"


def remedy(config: TrainConfig, state: TrainingState) -> str:
    """The setting that saves the most memory and is still free."""
    now = config.chunk_size or config.batch_size
    smaller = max((size for size in divisors(config.batch_size) if size <= now // 2), default=now)
    if smaller < now and isinstance(state.parts["objective"], Objective):
        norms = any(isinstance(part, nn.BatchNorm2d) and part.training for part in state.parts["model"].modules())
        same = "batch norm will see the chunk" if norms else "the gradient stays the same"
        return f"set chunk_size to {smaller} (now {config.chunk_size or 'the whole batch'}): {same}"
    if not (config.recompute or config.compile):
        return "set recompute: the gradient stays the same"
    return "choose a smaller batch_size or model"
