"""Memory for time: keep less of the forward pass, and compute it again when the backward pass comes for it.

`recomputing` does so block by block, `in_chunks` tower by tower for a part of the batch at a time. Gradients are the same.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from clipmini.models.clip import CLIP
from clipmini.models.eager import running
from clipmini.models.layers import Block
from clipmini.models.resnet import Bottleneck


def recomputing(model: nn.Module) -> AbstractContextManager:
    """Within it, a block keeps only its input: gradient checkpointing (paper section 2.5; Chen et al., 2016).

    The backward pass belongs within it, too: there the blocks are computed again.
    """
    blocks = [module for module in model.modules() if isinstance(module, Block | Bottleneck)]
    return running({block: partial(_kept_input, block.forward, partial(_the_second_time, block)) for block in blocks})


@contextmanager
def in_chunks(model: CLIP, size: int, prepare: Callable[[Tensor], Tensor] | None = None,
              generator: torch.Generator | None = None) -> Iterator[None]:
    """Within it, `encode_image` and `encode_text` see at most `size` rows at a time and keep only the features.

    A contrastive loss needs the whole batch, but it sees the towers through their features alone, and those are small. So
    a batch of any size has its exact gradient from one chunk's memory: gradient caching (Gao et al., 2021). What depends on
    other rows of the batch, which is batch norm in training mode, sees the chunk.

    Args: prepare: what to do with a chunk of what `encode_image` is given, before it is encoded. generator: what `prepare`
    draws from; the second time it draws the same.
    Raises: ValueError if size is not positive.
    """
    if size < 1:
        raise ValueError(f"a chunk must have at least 1 row, got {size}")
    encode_image, encode_text = model.encode_image, model.encode_text

    def prepared(images: Tensor) -> Tensor:
        return encode_image(prepare(images) if prepare else images)

    again = partial(_the_second_time, model, generator)
    model.encode_image = partial(_chunk_by_chunk, prepared, again, size)
    model.encode_text = partial(_chunk_by_chunk, encode_text, again, size)
    try:
        yield
    finally:
        del model.encode_image, model.encode_text


def _chunk_by_chunk(encode: Callable[[Tensor], Tensor], again: Callable, size: int, rows: Tensor) -> Tensor:
    leash = torch.zeros((), requires_grad=True)  # so that the backward pass comes by, though no input asks for it
    return torch.cat([_Cached.apply(encode, again, chunk, leash) for chunk in rows.split(size)])


class _Cached(torch.autograd.Function):
    """Features without a graph. When their gradient arrives, they are computed again with one, and it goes on to the weights.

    `checkpoint` would do the same, but it keeps a graph of placeholders; small objects all over the heap, between which glibc
    can not fit the next chunk, so that the process grows with the batch after all.
    """

    @staticmethod
    def forward(ctx, encode: Callable, again: Callable, chunk: Tensor, leash: Tensor) -> Tensor:
        device = chunk.device.type
        ctx.encode, ctx.second, ctx.random = encode, again(), random_states(chunk.device)
        ctx.autocast = partial(torch.autocast, device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
        ctx.save_for_backward(chunk)
        return encode(chunk)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        chunk = ctx.saved_tensors[0].detach().requires_grad_(ctx.needs_input_grad[2])
        with torch.enable_grad(), drawing_from(ctx.random, chunk.device), ctx.second, ctx.autocast():
            features = ctx.encode(chunk)
        if features.requires_grad:  # not where a tower is frozen
            features.backward(grad)
        return None, None, chunk.grad, None


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


def _kept_input(forward: Callable, again: Callable, *inputs) -> Tensor:
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), again()))


def _the_second_time(module: nn.Module, generator: torch.Generator | None = None) -> AbstractContextManager:
    """Made before the first computation, to surround the second: the same draws, and no batch is counted twice."""
    return _again(module, generator, None if generator is None else generator.get_state())


@contextmanager
def _again(module: nn.Module, generator: torch.Generator | None, state: Tensor | None) -> Iterator[None]:
    after = None if generator is None else generator.get_state()
    if generator is not None:
        generator.set_state(state)
    try:
        with keeping_statistics(module):
            yield
    finally:
        if generator is not None:
            generator.set_state(after)


@contextmanager
def keeping_statistics(module: nn.Module) -> Iterator[None]:
    """Within it, batch norm leaves its running statistics alone."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, counted) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(counted)
