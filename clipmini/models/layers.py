"""The parts that both Transformers are made of (paper section 2.4).

Shapes: B batch, L length, D width, H heads, K = D / H.
"""

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from clipmini.models.recompute import recomputed


def at_least_fp32(x: Tensor) -> Tensor:
    """Half precision as fp32, fp32 and fp64 as they came: for what is compared, of which half keeps three digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class LayerNorm(nn.LayerNorm):
    """Layer normalisation in the precision of its gains (fp32 as built), whatever the precision around it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x): the released models' approximation of GELU. Not interchangeable with it."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(1.702 * x).div_(1.702)  # the same function; the backward pass keeps one tensor, not two


class SelfAttention(nn.Module):
    """Multi-head self-attention: softmax(Q K^T / sqrt(K)) V."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, x_BLD: Float[Tensor, "B L D"], causal: bool = False
    ) -> Float[Tensor, "B L D"]:
        q_BHLK, k_BHLK, v_BHLK = self.queries_keys_values(x_BLD)
        with _quick_kernel(q_BHLK):
            out = F.scaled_dot_product_attention(q_BHLK, k_BHLK, v_BHLK, is_causal=causal)
        return self.out_proj(rearrange(out, "B H L K -> B L (H K)"))

    def queries_keys_values(self, x_BLD: Float[Tensor, "B L D"]) -> Float[Tensor, "3 B H L K"]:
        qkv = F.linear(x_BLD, self.in_proj_weight, self.in_proj_bias)
        return rearrange(qkv, "B L (three H K) -> three B H L K", three=3, H=self.heads)

    def weights(
        self, x_BLD: Float[Tensor, "B L D"], causal: bool = False
    ) -> Float[Tensor, "B H L L"]:
        """softmax(Q K^T / sqrt(K)) itself, to be looked at; `forward` never makes it."""
        q_BHLK, k_BHLK, _ = self.queries_keys_values(x_BLD)
        scores_BHLL = einsum(q_BHLK, k_BHLK, "B H i K, B H j K -> B H i j")
        scores_BHLL = scores_BHLL / q_BHLK.shape[-1] ** 0.5
        if causal:
            future = torch.ones_like(scores_BHLL[0, 0], dtype=torch.bool).triu(1)
            scores_BHLL = scores_BHLL.masked_fill(future, -torch.inf)
        return scores_BHLL.softmax(dim=-1)


def _quick_kernel(q: Tensor):
    """PyTorch's own choice of kernel, but for bf16 on a CPU, where the backward pass of the fused one is three times slower."""
    slow = q.dtype == torch.bfloat16 and q.device.type == "cpu"
    return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()


class MLP(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self, width: int):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = QuickGELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    """Pre-norm residual block: normalise, attend, add; normalise, think, add."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attn = SelfAttention(width, heads)
        self.ln_1 = LayerNorm(width)
        self.mlp = MLP(width)
        self.ln_2 = LayerNorm(width)

    def forward(self, x_BLD: Tensor, causal: bool = False) -> Tensor:
        x_BLD = x_BLD + self.attn(self.ln_1(x_BLD), causal)
        return x_BLD + self.mlp(self.ln_2(x_BLD))


class Transformer(nn.Module):
    """A stack of blocks; the past never sees the future if causal."""

    recompute = False  # blocks keep their inputs only; `training.memory.prepare` sets it

    def __init__(self, width: int, layers: int, heads: int, causal: bool = False):
        super().__init__()
        self.causal = causal
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x_BLD: Tensor) -> Tensor:
        for block in self.resblocks:
            x_BLD = recomputed(block, x_BLD, self.causal) if self.recompute else block(x_BLD, self.causal)
        return x_BLD
