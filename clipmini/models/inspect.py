"""What happens inside a tower: attention maps, every stage's output. Recorded by hooks: the ordinary path pays nothing.

Shapes: N inputs, L positions, H heads, P patches.
"""

from collections.abc import Callable
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor, nn

from clipmini.models.clip import evaluating
from clipmini.models.layers import Block, SelfAttention, Transformer
from clipmini.models.resnet import AttentionPool, Bottleneck, ModifiedResNet


def attention_maps(tower: nn.Module, inputs: Tensor) -> list[Float[Tensor, "N H L L"]]:
    """Of each block of a Transformer: how much every position (row) attends to every other (column), a head at a time.

    Args:
        tower: model.visual or model.text.
        inputs: what it reads, images (N, 3, height, width) or tokens (N, L).
    Returns:
        a tensor (N, H, L, L) a block; rows sum to 1. Position 0 of an image is the class token, the patches follow line by
        line; a text ends with the longest text's EOT.
    Raises:
        ValueError: if the tower is not a Transformer.
    """
    if not isinstance(getattr(tower, "transformer", None), Transformer):
        raise ValueError(f"a {type(tower).__name__} has no blocks that attend: pass model.text, or the visual of a ViT")
    read = [module for module in tower.modules() if isinstance(module, SelfAttention)]
    with evaluating(tower), _hooked(read, _inputs_of) as seen:
        tower(inputs)
        return [attention.weights(*seen[attention]) for attention in read]


def pooling_map(tower: ModifiedResNet, images: Float[Tensor, "N 3 height width"]) -> Float[Tensor, "N H positions"]:
    """How much the attention pool of a ResNet takes from each position: first the mean of all, then line by line.

    Args:
        tower: the visual of a ResNet.
        images: (N, 3, height, width), normalised.
    Returns:
        (N, H, 1 + P); rows sum to 1.
    Raises:
        ValueError: if the tower has no attention pool.
    """
    if not isinstance(getattr(tower, "attnpool", None), AttentionPool):
        raise ValueError(f"a {type(tower).__name__} has no attention pool: pass the visual of a ResNet, or use attention_maps")
    with evaluating(tower), _hooked([tower.attnpool], _inputs_of) as seen:
        tower(images)
        return tower.attnpool.weights(seen[tower.attnpool][0])


def activations(tower: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """The output of every stage of a tower by its name, in the order in which they came about.

    Stages are the parts of a tower, a Transformer's blocks, and a ResNet's bottlenecks.

    Args:
        tower: model.visual or model.text.
        inputs: what it reads, images (N, 3, height, width) or tokens (N, L).
    Returns:
        by name: sequences (N, L, D), images (N, C, h, w), features (N, E).
    """
    names = {part: name for name, part in tower.named_modules() if _is_stage(name, part)}
    with evaluating(tower), _hooked(list(names), _output_of) as seen:
        tower(inputs)
        return {names[part]: output for part, output in seen.items()}


def _is_stage(name: str, part: nn.Module) -> bool:
    """Blocks, bottlenecks, and those of the tower's own parts that hold neither."""
    own = bool(name) and "." not in name and not isinstance(part, Transformer | nn.Sequential)
    return own or isinstance(part, Block | Bottleneck)


@contextmanager
def _hooked(modules: list[nn.Module], keep: Callable):
    """A dictionary that fills with what `keep` finds worth keeping of each module's call."""
    seen: dict[nn.Module, object] = {}

    def hook(module, args, output):
        seen[module] = keep(args, output)

    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _inputs_of(args, output):
    return args


def _output_of(args, output):
    return output.detach().clone()  # a later step may write into it
