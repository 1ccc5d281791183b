"""How a checker tries a function: what it raises and returns is told in a sentence, and known mistakes are named."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def compare(function: Callable, inputs: tuple, expected: Tensor, mistakes: Mapping[str, Tensor], hint: str) -> str:
    """Call a function and say what is wrong with what it returns; empty if nothing is.

    Args: inputs: what it is called with. expected: the right answer. mistakes: what a mistake would return, by the
    sentence that names it. hint: for an answer that is wrong in no known way.
    """
    try:
        got = function(*(value.clone() if isinstance(value, Tensor) else value for value in inputs))
    except NotImplementedError:
        return "not written yet."
    except Exception as error:  # whatever a student's code raises is told, and stops nothing
        return f"it raises {type(error).__name__}: {error}"
    if not isinstance(got, Tensor):
        return f"expected a tensor, got {type(got).__name__}{': is there a return?' if got is None else ''}."
    if got.shape != expected.shape:
        return f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}."
    if not got.isfinite().all():
        return "what it returns is not finite."
    if torch.allclose(got, expected, rtol=1e-4, atol=1e-5):
        return ""
    for sentence, wrong in mistakes.items():
        if wrong.shape == got.shape and torch.allclose(got, wrong, rtol=1e-4, atol=1e-5):
            return sentence
    return f"expected {expected.tolist():.4f}, got {got.tolist():.4f}. {hint}" if got.ndim == 0 else hint
