"""Variants for ablations: one modification of CLIP's (paper section 2.4) undone at a time, as the first papers had it.

Each function changes a fresh model in place and returns it; weights that fall away are gone.
"""

from collections.abc import Callable

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from clipmini.models.clip import CLIP
from clipmini.models.layers import MLP
from clipmini.models.resnet import Bottleneck


def without_ln_pre(model: CLIP) -> CLIP:
    """Patches and positions enter the first block as they are (Dosovitskiy et al. 2020)."""
    model.visual.ln_pre = nn.Identity()
    return model


def with_gelu(model: CLIP) -> CLIP:
    """GELU itself instead of its approximation, in both towers."""
    for module in model.modules():
        if isinstance(module, MLP):
            module.gelu = nn.GELU()
    return model


class Copy(nn.Module):
    """Nothing but a copy, for a step that writes into what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def with_one_convolution(model: CLIP) -> CLIP:
    """One 7 x 7 convolution with stride 2 and a maximum over 3 x 3 as the stem (He et al. 2015)."""
    visual, width = model.visual, model.config.vision.width
    visual.conv1, visual.bn1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width)
    visual.conv2 = visual.conv3 = Copy()
    visual.bn2 = visual.bn3 = nn.Identity()
    visual.avgpool = nn.MaxPool2d(3, stride=2, padding=1)
    return model


def with_strides(model: CLIP) -> CLIP:
    """Convolutions that skip every second position, where CLIP averages before it skips."""
    for block in model.modules():
        if isinstance(block, Bottleneck) and isinstance(block.avgpool, nn.AvgPool2d):
            block.avgpool = nn.Identity()
            block.conv2.stride = block.downsample[0].stride = (2, 2)
    return model


class AveragePool(nn.Module):
    """The mean of all positions, and a linear layer into the shared space."""

    def __init__(self, width: int, embed_dim: int):
        super().__init__()
        self.c_proj = nn.Linear(width, embed_dim)

    def forward(self, x_NChw: Float[Tensor, "N C h w"], project: bool = True) -> Float[Tensor, "N features"]:
        mean_NC = rearrange(x_NChw, "N C h w -> N C (h w)").mean(dim=-1)
        return self.c_proj(mean_NC) if project else mean_NC


def with_average_pool(model: CLIP) -> CLIP:
    """The image is the mean of its positions: none counts more than another, and where it is does not matter."""
    model.visual.attnpool = AveragePool(model.config.vision.out_width, model.config.embed_dim)
    return model


UNDO: dict[str, dict[str, Callable[[CLIP], CLIP]]] = {
    "vit": {"ln_pre": without_ln_pre, "QuickGELU": with_gelu},
    "resnet": {
        "three-convolution stem": with_one_convolution,
        "anti-aliased strides": with_strides,
        "attention pooling": with_average_pool,
    },
}
