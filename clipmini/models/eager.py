"""Whether numbers may be looked at: not while compiled or exported, on shapes alone, or in vmap."""

import torch
from torch import Tensor
from torch._C import _functorch as functorch
from torch._subclasses.fake_tensor import FakeTensor


def has_values(*tensors: Tensor | float) -> bool:
    """Whether numbers may be looked at: not while a graph is compiled or exported, nor on shapes alone, nor in vmap."""
    return not torch.compiler.is_compiling() and not any(isinstance(x, FakeTensor) or is_mapped(x) for x in tensors)


def is_mapped(x: Tensor | float) -> bool:
    """Whether `torch.func.vmap` hides one of its dimensions, perhaps within other transforms."""
    return is_transformed(x) and (functorch.is_batchedtensor(x) or is_mapped(functorch.get_unwrapped(x)))


def is_transformed(x: Tensor | float) -> bool:
    """Whether a transform of torch.func (grad, jvp, vmap) works on it."""
    return not torch.compiler.is_compiling() and isinstance(x, Tensor) and functorch.is_functorch_wrapped_tensor(x)
