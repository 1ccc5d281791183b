"""The Transformer's parts, against naive versions of our own and PyTorch's."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from clipmini.models.layers import Block, LayerNorm, QuickGELU, SelfAttention, Transformer

BATCH, LENGTH, HEADS, HEAD_WIDTH = 2, 7, 3, 5
WIDTH = HEADS * HEAD_WIDTH


@pytest.fixture
def attention(randomise):
    torch.manual_seed(0)
    return randomise(SelfAttention(WIDTH, HEADS))


@pytest.fixture
def x():
    return torch.randn(BATCH, LENGTH, WIDTH, generator=torch.Generator().manual_seed(3))


def naive_attention(attention, x, causal):
    """One batch row, one head, one query at a time."""
    w_q, w_k, w_v = attention.in_proj_weight.split(WIDTH)
    b_q, b_k, b_v = attention.in_proj_bias.split(WIDTH)
    out = torch.zeros_like(x)
    for b in range(BATCH):
        q, k, v = x[b] @ w_q.T + b_q, x[b] @ w_k.T + b_k, x[b] @ w_v.T + b_v
        for h in range(HEADS):
            part = slice(h * HEAD_WIDTH, (h + 1) * HEAD_WIDTH)
            for i in range(LENGTH):
                seen = i + 1 if causal else LENGTH
                scores = torch.stack([(q[i, part] * k[j, part]).sum() for j in range(seen)]) / math.sqrt(HEAD_WIDTH)
                weights = scores.exp() / scores.exp().sum()
                out[b, i, part] = sum(weights[j] * v[j, part] for j in range(seen))
    return out @ attention.out_proj.weight.T + attention.out_proj.bias


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_double_loop(attention, x, causal):
    torch.testing.assert_close(attention(x, causal), naive_attention(attention, x, causal))


def test_the_double_loop_can_tell_causal_from_not(attention, x):
    assert not torch.allclose(attention(x, causal=False), naive_attention(attention, x, causal=True), atol=1e-2)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_pytorchs(attention, x, causal):
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    theirs.load_state_dict(attention.state_dict())
    mask = torch.ones(LENGTH, LENGTH).triu(1).bool() if causal else None
    torch.testing.assert_close(attention(x, causal), theirs(x, x, x, attn_mask=mask, need_weights=False)[0])


def test_attention_of_one_position_is_its_value(attention, x):
    one = x[:, :1]
    value = F.linear(one, attention.in_proj_weight, attention.in_proj_bias)[..., 2 * WIDTH :]
    torch.testing.assert_close(attention(one), attention.out_proj(value))


def test_quick_gelu_by_hand():
    # x sigmoid(1.702 x) at 1: 1 / (1 + e^-1.702) = 1 / (1 + 0.1823) = 0.8458; at -2: -2 / (1 + e^3.404) = -0.0643
    out = QuickGELU()(torch.tensor([1.0, -2.0, 0.0]))
    torch.testing.assert_close(out, torch.tensor([0.8458, -0.0643, 0.0]), atol=5e-5, rtol=0)


def test_quick_gelu_is_not_gelu():
    x = torch.linspace(-3, 3, 61)
    assert 0.015 < (QuickGELU()(x) - F.gelu(x)).abs().max() < 0.03


def test_quick_gelu_has_the_released_gradient():
    x = torch.linspace(-4, 4, 41, dtype=torch.double, requires_grad=True)
    (ours,) = torch.autograd.grad(QuickGELU()(x).sum(), x)
    (released,) = torch.autograd.grad((x * torch.sigmoid(1.702 * x)).sum(), x)
    torch.testing.assert_close(ours, released)


def test_layer_norm_by_hand():
    # 1, 3: mean 2, deviation 1; gain 2, bias 10
    norm = LayerNorm(2)
    nn.init.constant_(norm.weight, 2)
    nn.init.constant_(norm.bias, 10)
    torch.testing.assert_close(norm(torch.tensor([1.0, 3.0])), torch.tensor([8.0, 12.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_layer_norm_computes_in_fp32_and_returns_what_came(dtype):
    x = (300 * torch.randn(3, 11, generator=torch.Generator().manual_seed(0))).to(dtype)  # squares overflow fp16
    out = LayerNorm(11)(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out, F.layer_norm(x.float(), (11,)).to(dtype))


def test_block_is_pre_norm_and_residual(x, randomise):
    torch.manual_seed(0)
    block = randomise(Block(WIDTH, HEADS))
    after = x + naive_attention(block.attn, F.layer_norm(x, (WIDTH,), block.ln_1.weight, block.ln_1.bias), causal=True)
    hidden = F.layer_norm(after, (WIDTH,), block.ln_2.weight, block.ln_2.bias) @ block.mlp.c_fc.weight.T
    hidden = hidden + block.mlp.c_fc.bias
    after = after + (hidden / (1 + torch.exp(-1.702 * hidden))) @ block.mlp.c_proj.weight.T + block.mlp.c_proj.bias
    torch.testing.assert_close(block(x, causal=True), after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_the_past_does_not_see_the_future(x, randomise, causal):
    torch.manual_seed(0)
    transformer = randomise(Transformer(WIDTH, 2, HEADS, causal=causal))
    for position in range(1, LENGTH):
        changed = x.clone()
        changed[:, position] += 1
        same = torch.equal(transformer(x)[:, :position], transformer(changed)[:, :position])
        assert same == causal  # the control: without the mask, the past does change
        assert not torch.equal(transformer(x)[:, position:], transformer(changed)[:, position:])


def test_layers_are_not_shared():
    blocks = Transformer(WIDTH, 3, HEADS).resblocks
    assert len({id(p) for p in blocks.parameters()}) == 3 * len(list(blocks[0].parameters()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_whole_model_can_be_cast(dtype):
    transformer = Transformer(WIDTH, 1, HEADS).to(dtype)
    assert transformer(torch.zeros(BATCH, LENGTH, WIDTH, dtype=dtype)).dtype == dtype


class Operators(TorchDispatchMode):
    """The names of the operators that run."""

    def __enter__(self):
        self.names = []
        return super().__enter__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_in_bf16_on_a_cpu_is_near_fp32_and_avoids_the_slow_kernel(causal):
    torch.manual_seed(0)
    attention, x = SelfAttention(64, 4), torch.randn(3, 9, 64)

    def gradients(dtype):
        attention.zero_grad()
        with Operators() as ran, torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            attention(x, causal).square().sum().backward()
        return [p.grad for p in attention.parameters()], any("flash" in name for name in ran.names)

    exact, fused = gradients(torch.float32)
    half, half_fused = gradients(torch.bfloat16)
    assert fused and not half_fused
    for ours, expected in zip(half, exact, strict=True):
        assert (ours - expected).norm() < 0.02 * expected.norm()
