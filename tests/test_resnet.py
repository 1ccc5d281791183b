"""The modified ResNet: strides by average pools, bottlenecks that start as shortcuts, attention pooling."""

import pytest
import torch
import torch.nn.functional as F

import clipmini as cm
from clipmini.models.resnet import AttentionPool, Bottleneck, ModifiedResNet


@pytest.fixture
def pool(randomise):
    torch.manual_seed(0)
    return randomise(AttentionPool(positions=3 * 2, width=15, heads=3, embed_dim=11))


def released_pool(pool, x):
    """Attention pooling as the released code writes it: all positions ask, and only the first answer is kept."""
    x = x.flatten(start_dim=2).permute(2, 0, 1)
    x = torch.cat([x.mean(dim=0, keepdim=True), x], dim=0) + pool.positional_embedding[:, None]
    out, _ = F.multi_head_attention_forward(
        query=x,
        key=x,
        value=x,
        embed_dim_to_check=15,
        num_heads=3,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
        need_weights=False,
    )
    return out[0]


def test_attention_pool_is_the_released_one(pool):
    x = torch.randn(7, 15, 3, 2)
    torch.testing.assert_close(pool(x), released_pool(pool, x))


def test_attention_pool_before_the_projection(pool):
    x = torch.randn(7, 15, 3, 2)
    raw = pool(x, project=False)
    assert raw.shape == (7, 15)
    torch.testing.assert_close(pool.c_proj(raw), pool(x))


@pytest.mark.parametrize(("layers", "sizes"), [((1, 1), [(16, 8), (32, 4)]), ((1, 2, 1), [(16, 8), (32, 4), (64, 2)])])
def test_stages_halve_and_double(layers, sizes):
    net = ModifiedResNet(cm.ResNetConfig(resolution=32, layers=layers, width=4, heads=2), embed_dim=11)
    seen = []
    for name in net.stages:
        getattr(net, name).register_forward_hook(lambda module, x, out: seen.append(tuple(out.shape)))
    assert net(torch.randn(7, 3, 32, 32)).shape == (7, 11)
    assert seen == [(7, channels, side, side) for channels, side in sizes]
    assert [len(getattr(net, name)) for name in net.stages] == list(layers)


def test_only_the_first_stem_convolution_strides():
    net = ModifiedResNet(cm.ResNetConfig(resolution=32, layers=(2, 2), width=4, heads=2), embed_dim=11)
    strided = [n for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d) and m.stride != (1, 1)]
    assert strided == ["conv1"]
    assert not any(m.bias is not None for m in net.modules() if isinstance(m, torch.nn.Conv2d))


def test_each_block_starts_as_its_shortcut_but_not_the_stem():
    net = ModifiedResNet(cm.ResNetConfig(resolution=32, layers=(2, 2), width=4, heads=2), embed_dim=11)
    zeros = [name for name, p in net.named_parameters() if name.endswith("weight") and not p.any()]
    assert zeros == [f"layer{i}.{j}.bn3.weight" for i in (1, 2) for j in (0, 1)]
    x = torch.rand(5, 16, 8, 8)
    torch.testing.assert_close(net.layer1[1](x), x)


def test_the_pool_comes_before_the_last_convolution_and_before_the_shortcut(randomise):
    torch.manual_seed(0)
    block = randomise(Bottleneck(6, 4, stride=2))  # in training mode: fixed statistics would commute with the pool
    x = torch.randn(5, 6, 8, 8)
    out = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))))
    pooled = block.bn3(block.conv3(F.avg_pool2d(out, 2)))
    shortcut_conv, shortcut_norm = block.downsample
    expected = F.relu(pooled + shortcut_norm(shortcut_conv(F.avg_pool2d(x, 2))))
    torch.testing.assert_close(block(x), expected)
    strided = F.relu(block.bn3(block.conv3(out[..., ::2, ::2])) + shortcut_norm(shortcut_conv(x[..., ::2, ::2])))
    assert not torch.allclose(block(x), strided, atol=1e-2)  # the control: plain strides are another function


def test_a_block_without_stride_or_widening_has_no_shortcut_weights():
    assert Bottleneck(16, 4).downsample is None
    assert Bottleneck(6, 4).downsample is not None
    assert Bottleneck(16, 4, stride=2).downsample is not None


def test_all_parameters_are_used(randomise):
    net = randomise(ModifiedResNet(cm.ResNetConfig(resolution=16, layers=(1, 2), width=4, heads=2), embed_dim=11))
    net(torch.randn(7, 3, 16, 16)).pow(2).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_resolution_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="resolution 36 is not a multiple of the total stride 8"):
        cm.ResNetConfig(resolution=36, layers=(1, 1), width=16)
