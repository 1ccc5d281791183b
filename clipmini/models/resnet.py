"""The modified ResNet (paper section 2.4): three-convolution stem, anti-aliased strides, attention pooling.

Shapes: N images, C channels, P positions, H heads, K head width, E embedding.
"""

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn

from clipmini.config import ResNetConfig
from clipmini.models.eager import is_mapped
from clipmini.models.recompute import recomputed


class Bottleneck(nn.Module):
    """Narrow, look around, widen. Every convolution has stride 1; an average pool does the striding."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride > 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(x)).relu_()  # in place: a small model waits for memory, not sums
        out = self.bn2(self.conv2(out)).relu_()
        out = self.bn3(self.conv3(self.avgpool(out)))
        shortcut = x if self.downsample is None else self.downsample(self.avgpool(x))
        return (out + shortcut).relu_()


class Stage(nn.Sequential):
    """Bottlenecks, one after another."""

    recompute = False  # they keep their inputs only; `training.memory.prepare` sets it

    def forward(self, x: Tensor) -> Tensor:
        for block in self:
            x = recomputed(block, x) if self.recompute else block(x)
        return x


class AttentionPool(nn.Module):
    """One attention layer whose only query is the mean of all positions: the image's summary."""

    def __init__(self, positions: int, width: int, heads: int, embed_dim: int):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(positions + 1, width) / width**0.5)
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, embed_dim)
        for linear in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(linear.weight, std=width**-0.5)

    def forward(
        self, x_NChw: Float[Tensor, "N C h w"], project: bool = True
    ) -> Float[Tensor, "N features"]:
        q, k, v = self.query_keys_values(x_NChw)
        pooled_NC = rearrange(F.scaled_dot_product_attention(q, k, v), "N H 1 K -> N (H K)")
        return self.c_proj(pooled_NC) if project else pooled_NC

    def query_keys_values(self, x_NChw: Float[Tensor, "N C h w"]) -> tuple[Tensor, Tensor, Tensor]:
        """(N, H, 1, K), and twice (N, H, 1 + P, K): the mean comes first."""
        x_NPC = rearrange(x_NChw, "N C h w -> N (h w) C")
        x_NPC = torch.cat([x_NPC.mean(dim=1, keepdim=True), x_NPC], dim=1)
        x_NPC = x_NPC + self.positional_embedding.to(x_NPC.dtype)
        q, k, v = self.q_proj(x_NPC[:, :1]), self.k_proj(x_NPC), self.v_proj(x_NPC)
        return tuple(rearrange(t, "N P (H K) -> N H P K", H=self.heads) for t in (q, k, v))

    def weights(self, x_NChw: Float[Tensor, "N C h w"]) -> Float[Tensor, "N H positions"]:
        """What the query takes from the mean and from each position, to be looked at; `forward` never makes it."""
        q, k, _ = self.query_keys_values(x_NChw)
        scores = einsum(q, k, "N H one K, N H P K -> N H P") / q.shape[-1] ** 0.5
        return scores.softmax(dim=-1)


class ModifiedResNet(nn.Module):
    """Stem, stages of bottlenecks, attention pooling."""

    def __init__(self, config: ResNetConfig, embed_dim: int):
        super().__init__()
        width = config.width
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(2)
        self.stages = [f"layer{i + 1}" for i in range(len(config.layers))]
        channels = width
        for i, (name, blocks) in enumerate(zip(self.stages, config.layers, strict=True)):
            self.add_module(name, _stage(channels, width * 2**i, blocks, stride=1 if i == 0 else 2))
            channels = width * 2**i * Bottleneck.expansion
        positions = (config.resolution // config.stride) ** 2
        self.attnpool = AttentionPool(positions, channels, config.heads, embed_dim)

    def forward(self, images: Float[Tensor, "N 3 height width"], project: bool = True) -> Float[Tensor, "N features"]:
        x = self.bn1(self.conv1(images)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        x = self.avgpool(self.bn3(self.conv3(x)).relu_())
        if not is_mapped(x):  # vmap knows one layout only
            x = x.contiguous(memory_format=torch.channels_last)  # from here on, where channels are many
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.attnpool(x, project)


def _stage(in_channels: int, channels: int, blocks: int, stride: int) -> Stage:
    widened = channels * Bottleneck.expansion
    first = Bottleneck(in_channels, channels, stride)
    stage = Stage(first, *(Bottleneck(widened, channels) for _ in range(1, blocks)))
    for block in stage:
        nn.init.zeros_(block.bn3.weight)  # each block starts as its shortcut; not so in the stem
    return stage
