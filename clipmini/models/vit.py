"""The Vision Transformer (paper section 2.4): an image is a sentence of patches.

Shapes: N images, P patches, D width, E embedding.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from clipmini.config import ViTConfig
from clipmini.models.layers import LayerNorm, Transformer


class PatchEmbedding(nn.Conv2d):
    """One linear map for every patch. A convolution that strides by its own size is no more than that, and trains slower."""

    def __init__(self, width: int, patch: int):
        super().__init__(3, width, patch, stride=patch, bias=False)

    def forward(self, images: Float[Tensor, "N 3 height width"]) -> Float[Tensor, "N P D"]:
        p, q = self.kernel_size
        patches_NPC = rearrange(images, "N C (h p) (w q) -> N (h w) (C p q)", p=p, q=q)
        return F.linear(patches_NPC, self.weight.flatten(1))


class VisionTransformer(nn.Module):
    """Patches, positions, one extra normalisation before the blocks; the class token's output is the image."""

    def __init__(self, config: ViTConfig, embed_dim: int):
        super().__init__()
        width, patches = config.width, (config.resolution // config.patch) ** 2
        self.conv1 = PatchEmbedding(width, config.patch)
        self.class_embedding = nn.Parameter(width**-0.5 * torch.randn(width))
        self.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(patches + 1, width))
        self.ln_pre = LayerNorm(width)
        self.transformer = Transformer(width, config.layers, config.heads)
        self.ln_post = LayerNorm(width)
        self.proj = nn.Parameter(width**-0.5 * torch.randn(width, embed_dim))

    def forward(
        self, images: Float[Tensor, "N 3 height width"], project: bool = True
    ) -> Float[Tensor, "N features"]:
        x_NPD = self.conv1(images)
        class_N1D = self.class_embedding.to(x_NPD.dtype).expand(images.shape[0], 1, -1)
        x_NPD = torch.cat([class_N1D, x_NPD], dim=1) + self.positional_embedding
        x_NPD = self.transformer(self.ln_pre(x_NPD))
        x_ND = self.ln_post(x_NPD[:, 0])
        return x_ND @ self.proj if project else x_ND
