"""A batch's gradient, whole or in chunks; and what a model keeps of its forward pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from clipmini.datasets.batch import Batch
from clipmini.models.clip import CLIP
from clipmini.models.layers import Transformer
from clipmini.models.recompute import keeping_statistics
from clipmini.models.resnet import Stage
from clipmini.objectives.objective import Objective
from clipmini.training.errors import check_finite


def prepare(model: CLIP, *, recompute: bool = False, compile: bool = False, frozen_statistics: bool = False) -> CLIP:
    """Set how a model trains, and put it in training mode (paper section 2.5). Returns: the model.

    Args:
        recompute: blocks keep only their inputs for the backward pass, which computes the rest again.
        compile: both towers run through torch.compile.
        frozen_statistics: batch norm normalises by its running statistics, so that no picture depends on its batch.
    """
    model.train()
    for part in model.modules():
        if isinstance(part, Transformer | Stage):
            part.recompute = recompute
        if isinstance(part, nn.BatchNorm2d) and frozen_statistics:
            part.eval()
    for tower in (model.visual, model.text):
        tower._compiled_call_impl = None  # there is no public way back from compile()
        if compile:
            tower.compile()
    return model


def backward(
    model: CLIP,
    batch: Batch,
    objective: Objective,
    *,
    chunk_size: int = 0,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
) -> Tensor:
    """Add the gradient of a batch's loss to the parameters' (paper section 2.5).

    Args:
        chunk_size: pairs that are encoded at a time; 0 for all at once. The gradient is the same.
        autocast: the precision in which pairs are encoded; the loss is computed outside it.
        scale: what is done to the loss before its backward pass, such as a gradient scaler's `scale`.
    Returns: (), the loss, without a graph. Raises: FloatingPointError, before any gradient, for a loss that is not finite.
    """
    if chunk_size:
        return _in_chunks(model, batch, objective, chunk_size, autocast, scale)
    loss = objective.loss(model, _rows(model, batch, objective, autocast), batch)
    check_finite(loss, "the loss")
    scale(loss).backward()
    return loss.detach()


def _rows(model, batch, objective, autocast) -> tuple[Tensor, ...]:
    with autocast():
        return tuple(objective.encode(model, batch))


def _in_chunks(model, batch, objective, chunk_size, autocast, scale) -> Tensor:
    """Gradient caching (Gao et al., 2021): a loss sees the towers through their rows alone.

    What depends on other pairs of the batch, which is batch norm in training mode, sees the chunk.
    """
    random, rows = _rows_without_graph(model, batch, objective, chunk_size, autocast)  # 1. encode

    loss = objective.loss(model, rows, batch)  # 2. the loss of the rows, as if they were weights
    check_finite(loss, "the loss")
    scale(loss).backward()
    unused = [None] * len(random)
    gradients = zip(*(unused if row.grad is None else row.grad.split(chunk_size) for row in rows), strict=True)
    loss, rows = loss.detach(), None  # the graph of a loss holds its leaves

    chunks = batch.split(chunk_size)  # made again: pictures that stay would add up to the batch
    for chunk, states, grads in zip(chunks, random, gradients, strict=True):  # 3. encode again
        with drawing_from(states, chunk.tokens.device), keeping_statistics(model):
            encoding = objective.encode(model, chunk)
            for grad in grads:
                with autocast():
                    again = next(encoding)
                if again.requires_grad and grad is not None:  # not of a frozen tower, nor unused
                    again.backward(grad)
    return loss


def _rows_without_graph(model, batch, objective, chunk_size, autocast) -> tuple[list, tuple[Tensor, ...]]:
    """Where the random numbers stood before each chunk; the rows of all, as leaves."""
    random, parts = [], []
    with torch.no_grad():
        for chunk in batch.split(chunk_size):
            random.append(random_states(chunk.tokens.device))
            parts.append(_rows(model, chunk, objective, autocast))
    return random, tuple(torch.cat(part).requires_grad_() for part in zip(*parts, strict=True))


def random_states(device: torch.device) -> list[Tensor]:
    """Where PyTorch's own random numbers stand."""
    return [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])


@contextmanager
def drawing_from(states: list[Tensor], device: torch.device) -> Iterator[None]:
    """Within it, PyTorch's own random numbers come from there; afterwards from where they stood."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.set_rng_state(states[0])
        if device.type == "cuda":
            torch.cuda.set_rng_state(states[1], device)
        yield
