"""Whether numbers may be looked at."""

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor


def has_values(x: Tensor) -> bool:
    """Whether numbers may be looked at: not while a graph is compiled, nor where only shapes are counted."""
    return not torch.compiler.is_compiling() and not isinstance(x, FakeTensor)
