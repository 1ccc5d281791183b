"""The released models' weights in ours, and ours under the released names.

A released file names the text tower's parameters without a prefix; here they are those of a module, `text`. Nothing else differs.
"""

import math
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor

from clipmini.config import HEAD_WIDTH, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipmini.models.clip import CLIP
from clipmini.weights.configured import check_is_as_configured
from clipmini.weights.uncompiled import state_dict, uncompiled
from clipmini.weights.unfilled import unfilled

METADATA = ("input_resolution", "context_length", "vocab_size")  # beside the weights in a released file
ORDER = ("positional_embedding", "text_projection", "logit_scale", "visual", "transformer", "token_embedding", "ln_final")
NEEDED = ("positional_embedding", "token_embedding.weight", "text_projection", "ln_final.weight", "visual.conv1.weight")
NAMED = 3  # differences that a message names


def from_openai(state_dict: Mapping[str, Tensor], config: CLIPConfig | None = None) -> CLIP:
    """A model in fp32 and evaluation mode with the weights of a released state_dict; nothing is left over or left out.

    Args:
        state_dict: as the released files have it, in any precision.
        config: read off the weights' shapes unless given.
    Raises: ValueError that names the keys and the shapes of another architecture.
    """
    weights = {_ours(key): value for key, value in state_dict.items() if key not in METADATA}
    config = config or infer_config(state_dict)
    model = unfilled(config)
    _check(model.state_dict(), weights)
    model.load_state_dict({key: _fp32(value) for key, value in weights.items()}, assign=True)
    return model.eval()


def to_openai(model: CLIP) -> dict[str, Tensor]:
    """The weights of a model, compiled or not, under their released names and in the released order.

    A released file says nothing of heads. Where they are not width / 64, a warning says what its reader needs.
    """
    if others := _unusual_heads(uncompiled(model).config):
        way_out = "read it with from_openai(state_dict, config=model.config)"
        warnings.warn(f"{others}: a released file cannot say so; {way_out}", stacklevel=2)
    return released_names(model)


def released_names(model: CLIP) -> dict[str, Tensor]:
    """The weights under their released names, for files that say what the released ones leave out.

    Raises: ValueError if a part of the model is not what its configuration says.
    """
    check_is_as_configured(model)
    weights = {key.removeprefix("text."): value for key, value in state_dict(uncompiled(model)).items()}
    return dict(sorted(weights.items(), key=lambda item: ORDER.index(item[0].split(".")[0])))


def _unusual_heads(config: CLIPConfig) -> str:
    """Which tower has other heads than its reader will infer; empty for none."""
    widths = {"vision": getattr(config.vision, "out_width", config.vision.width), "text": config.text.width}
    heads = {"vision": config.vision.heads, "text": config.text.heads}
    others = [name for name, width in widths.items() if heads[name] != max(1, width // HEAD_WIDTH)]
    return ", ".join(f"the {name} tower has {heads[name]} heads at width {widths[name]}" for name in others)


def infer_config(state_dict: Mapping[str, Tensor]) -> CLIPConfig:
    """The configuration that a released state_dict was made with; heads are not in it: width / 64.

    Raises: ValueError if it lacks what every released state_dict has.
    """
    if missing := [key for key in NEEDED if key not in state_dict]:
        has = ", ".join(list(state_dict)[:NAMED])
        raise ValueError(f"not the state_dict of a released CLIP: it has no {', '.join(missing)}; its first keys are {has}")
    shape = {key: tuple(value.shape) for key, value in state_dict.items()}
    context_length, width = shape["positional_embedding"]
    text = TextConfig(
        context_length=context_length,
        vocab_size=shape["token_embedding.weight"][0],
        width=width,
        layers=_blocks(shape, "transformer.resblocks."),
    )
    vision = _vit(shape) if "visual.proj" in shape else _resnet(shape)
    return CLIPConfig(embed_dim=shape["text_projection"][1], vision=vision, text=text)


def _vit(shape: Mapping[str, tuple[int, ...]]) -> ViTConfig:
    width, *_, patch = shape["visual.conv1.weight"]
    side = math.isqrt(shape["visual.positional_embedding"][0] - 1)
    return ViTConfig(resolution=patch * side, patch=patch, width=width, layers=_blocks(shape, "visual.transformer.resblocks."))


def _resnet(shape: Mapping[str, tuple[int, ...]]) -> ResNetConfig:
    if "visual.attnpool.positional_embedding" not in shape:
        raise ValueError("not the state_dict of a released CLIP: visual has neither proj, as a ViT, nor attnpool, as a ResNet")
    stages = []
    while blocks := _blocks(shape, f"visual.layer{len(stages) + 1}."):
        stages.append(blocks)
    side = math.isqrt(shape["visual.attnpool.positional_embedding"][0] - 1)
    stride = 4 * 2 ** (len(stages) - 1)
    return ResNetConfig(resolution=stride * side, layers=stages, width=shape["visual.layer1.0.conv1.weight"][0])


def _blocks(keys: Mapping[str, object], prefix: str) -> int:
    """How many numbers follow a prefix."""
    return len({key.removeprefix(prefix).split(".")[0] for key in keys if key.startswith(prefix)})


def _ours(key: str) -> str:
    return key if key.startswith("visual.") or key == "logit_scale" else f"text.{key}"


def _fp32(value: Tensor) -> Tensor:
    """A copy, so that training the model leaves the state_dict as it was; what is counted stays an integer."""
    return value.to("cpu", torch.float32 if value.is_floating_point() else value.dtype, copy=True)


def _check(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise ValueError if keys or shapes differ."""
    theirs = {key: key.removeprefix("text.") for key in [*expected, *found]}
    differences = {
        "missing": [theirs[key] for key in expected if key not in found],
        "unexpected": [theirs[key] for key in found if key not in expected],
        "of another shape": [
            f"{theirs[key]} {tuple(found[key].shape)} instead of {tuple(value.shape)}"
            for key, value in expected.items()
            if key in found and found[key].shape != value.shape
        ],
    }
    if any(differences.values()):
        said = "; ".join(f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in differences.items() if keys)
        raise ValueError(f"the weights are of another architecture than the configuration: {said}")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:NAMED]) + (" ..." if len(keys) > NAMED else "")
