"""Gradient checkpointing (paper section 2.5; Chen et al., 2016): keep a block's input, and compute the rest again."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, *inputs) -> Tensor:
    """block(*inputs), of which only the inputs are kept: when the backward pass arrives, the block runs once more."""
    return checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), keeping_statistics(block)))


@contextmanager
def keeping_statistics(module: nn.Module) -> Iterator[None]:
    """Within it, batch norm leaves its running statistics alone, so that no batch is counted twice."""
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
