"""Weights under their own names: torch.compile puts `_orig_mod.` before those of what it wraps."""

from collections.abc import Mapping

from torch import Tensor, nn

from clipmini.models.clip import CLIP

WRAPPER = "_orig_mod"


def uncompiled(model: nn.Module) -> CLIP:
    """The model itself, whether torch.compile has wrapped it or not. Raises: ValueError for what is no CLIP."""
    inner = getattr(model, WRAPPER, model)
    if not isinstance(inner, CLIP):
        raise ValueError(f"expected a CLIP, got {type(inner).__name__}; of a model in a wrapper, pass what is inside (.module)")
    return inner


def state_dict(module: nn.Module) -> dict[str, Tensor]:
    """A module's state_dict, detached, under the names that it has where nothing is compiled."""
    return {own_name(key): value.detach() for key, value in module.state_dict().items()}


def load_state_dict(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what `state_dict` gave, compiled since or not. Raises: RuntimeError if keys or shapes are others."""
    names = {own_name(key): key for key in module.state_dict()}
    module.load_state_dict({names.get(key, key): value for key, value in state.items()})


def own_name(key: str) -> str:
    """A weight's name where nothing is compiled."""
    return ".".join(part for part in key.split(".") if part != WRAPPER)
