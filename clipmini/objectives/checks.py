"""What can have a contrastive loss: each check raises ValueError and says what came."""

from numbers import Integral, Real

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from clipmini.models.eager import has_values, is_transformed
from clipmini.models.layers import at_least_fp32

PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class NotFinite(ValueError, FloatingPointError):
    """Features hold NaN or infinity: a wrong input, or a training that has diverged."""


def check_pairs(image: Tensor, text: Tensor, logit_scale: Tensor | float, targets: Tensor | None, chunk_size: int | None):
    """Raise ValueError, saying what came, for what can have no contrastive loss."""
    check_features(image, text)
    check_targets(targets, image.shape[0])
    check_chunk_size(chunk_size, image)
    if isinstance(logit_scale, bool) or not isinstance(logit_scale, Tensor | Real | np.ndarray):
        raise ValueError(f"expected logit_scale as a number or a tensor (), got {logit_scale!r:.80}: model.logit_scale.exp()")
    if getattr(logit_scale, "shape", ()) != ():
        raise ValueError(f"expected one logit_scale, of shape (), got shape {tuple(logit_scale.shape)}")
    if has_values(image, text, logit_scale):  # what follows looks at values, which would split a compiled graph
        check_scale(logit_scale)
        check_directions("image", image)
        check_directions("text", text)


def check_features(image: Tensor, text: Tensor) -> None:
    """Two batches of equal shape (N, E), of floating-point numbers, at least one pair."""
    for name, features in (("image", image), ("text", text)):
        if not (isinstance(features, Tensor) and features.is_floating_point()):
            kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(f"expected {name} features as a floating-point tensor (N, E), got {kind}")
        if features.dtype not in PRECISIONS:
            raise ValueError(f"expected {name} features of 16, 32 or 64 bits, got {features.dtype}: pass features.float()")
    if image.shape != text.shape or image.ndim != 2:
        raise ValueError(f"expected two batches of equal shape (N, E), got {tuple(image.shape)} and {tuple(text.shape)}")
    if len({at_least_fp32(features[:0]).dtype for features in (image, text)}) > 1:
        raise ValueError(f"expected features of one precision, got {image.dtype} and {text.dtype}")
    if image.shape[0] == 0:
        raise ValueError("expected at least one pair, got none: a batch without pairs has no loss")


def check_targets(targets: Tensor | None, pairs: int) -> None:
    """One integer a pair, or None."""
    if targets is None:
        return
    if not isinstance(targets, Tensor):
        raise ValueError(f"expected caption ids as a tensor ({pairs},), got {type(targets).__name__}: pass torch.tensor(targets)")
    if targets.shape != (pairs,) or targets.is_floating_point():
        kind = f"shape {tuple(targets.shape)} of {targets.dtype}"
        raise ValueError(f"expected {pairs} caption ids, one integer a pair, got {kind}")


def check_chunk_size(chunk_size: int | None, image: Tensor) -> None:
    """A positive whole number, or None; tiles are not for transforms of torch.func."""
    if chunk_size is None:
        return
    if not isinstance(chunk_size, Integral) or chunk_size < 1:
        raise ValueError(f"chunk_size must be a whole number, at least 1, got {chunk_size}")
    if is_transformed(image):
        raise NotImplementedError("the loss in tiles has no rule for the transforms of torch.func: leave out chunk_size")


def check_scale(logit_scale: Tensor | float) -> None:
    """A positive, finite number."""
    if not 0 < logit_scale < torch.inf:
        raise ValueError(
            f"logit_scale must be positive and finite, got {float(logit_scale):g}; models store its logarithm: "
            "pass model.logit_scale.exp()"
        )


def check_directions(name: str, features: Float[Tensor, "N E"]) -> None:
    """Each row has a direction: no NaN, no infinity, not all zero."""
    lengths = at_least_fp32(features.detach()).norm(dim=1)
    bad = ~((lengths > 0) & lengths.isfinite())
    if bad.any():
        row = bad.nonzero()[0].item()
        if lengths[row] == 0:
            raise ValueError(f"row {row} of the {name} features is zero and has no direction")
        raise NotFinite(f"row {row} of the {name} features holds NaN or infinity")
