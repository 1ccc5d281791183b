"""Making a model whose weights are about to come from a file."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from clipmini.config import CLIPConfig
from clipmini.models.clip import CLIP

DRAWING = (Tensor.normal_, Tensor.uniform_, Tensor.random_, Tensor.bernoulli_, Tensor.exponential_)


class _Unfilled(TorchFunctionMode):
    """Nothing is drawn: memory that is asked for and never written to takes none, and nobody's random numbers move."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.randn:
            return torch.empty(*args, **kwargs)
        if func in DRAWING or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def unfilled(config: CLIPConfig) -> CLIP:
    """A model of this shape without first weights: load all of them with assign=True.

    PyTorch's meta device would do as well, but its first random draw imports the compiler, which takes a second; a
    shipped checkpoint loads in a hundredth.
    """
    with _Unfilled():
        return CLIP(config)
