"""What is recorded inside a tower is what its forward pass computes, and recording leaves nothing behind."""

import pytest
import torch
from einops import einsum, rearrange

import clipmini as cm
from clipmini.models.inspect import activations, attention_maps, pooling_map


@pytest.fixture
def vit(vit_config, randomise):
    torch.manual_seed(0)
    return randomise(cm.CLIP(vit_config))


@pytest.fixture
def resnet(resnet_config, randomise):
    torch.manual_seed(0)
    return randomise(cm.CLIP(resnet_config))


@pytest.fixture(params=["visual", "text"])
def transformer(request, vit, batch):
    """A tower that attends, and what it reads."""
    return getattr(vit, request.param), batch[request.param == "text"]


@pytest.fixture(params=["vit visual", "vit text", "resnet visual"])
def tower(request, batch):
    """Any tower, what it reads, and a way to record it."""
    model, name = request.param.split()
    record = pooling_map if model == "resnet" else attention_maps
    return getattr(request.getfixturevalue(model), name), batch[name == "text"], record


def inputs_and_outputs(tower, kind, inputs):
    """Of each call of a kind of module, by a hook of our own."""
    seen = []
    for module in tower.modules():
        if type(module).__name__ == kind:
            module.register_forward_hook(lambda module, args, out: seen.append((module, args[0], out)))
    with torch.no_grad():
        tower.eval()(inputs)
    return list(seen)


def test_shapes_of_maps(vit, batch):
    images, tokens = batch
    assert [tuple(m.shape) for m in attention_maps(vit.visual, images)] == [(7, 2, 17, 17)] * 2
    longest = int((tokens == 518).int().argmax(dim=1).max()) + 1
    assert [tuple(m.shape) for m in attention_maps(vit.text, tokens)] == [(7, 3, longest, longest)] * 2


def test_rows_of_maps_sum_to_1(transformer):
    for m in attention_maps(*transformer):
        assert (m >= 0).all()
        torch.testing.assert_close(m.sum(dim=-1), torch.ones(m.shape[:-1]))


def test_only_the_text_can_not_look_ahead(vit, batch):
    images, tokens = batch
    assert not any(m.triu(1).any() for m in attention_maps(vit.text, tokens))
    assert all((m.triu(1)[..., :-1, -1] > 0).all() for m in attention_maps(vit.visual, images))


def test_maps_times_values_are_the_attention_itself(transformer):
    tower, inputs = transformer
    seen = inputs_and_outputs(tower, "SelfAttention", inputs)
    for m, (attention, x, out) in zip(attention_maps(tower, inputs), seen, strict=True):
        width = x.shape[-1]
        values = x @ attention.in_proj_weight[2 * width :].T + attention.in_proj_bias[2 * width :]
        values = rearrange(values, "N L (H K) -> N H L K", H=m.shape[1])
        mixed = rearrange(einsum(m, values, "N H i j, N H j K -> N H i K"), "N H L K -> N L (H K)")
        torch.testing.assert_close(attention.out_proj(mixed), out, atol=1e-5, rtol=1e-5)


def test_the_pooling_map_times_values_is_the_pool_itself(resnet, batch):
    ((pool, x, out),) = inputs_and_outputs(resnet.visual, "AttentionPool", batch[0])
    m = pooling_map(resnet.visual, batch[0])
    assert m.shape == (7, 2, 1 + 2 * 2)
    torch.testing.assert_close(m.sum(dim=-1), torch.ones(7, 2))
    positions = x.flatten(2).transpose(1, 2)
    positions = torch.cat([positions.mean(1, keepdim=True), positions], dim=1) + pool.positional_embedding
    values = rearrange(pool.v_proj(positions), "N P (H K) -> N H P K", H=2)
    mixed = rearrange(einsum(m, values, "N H P, N H P K -> N H K"), "N H K -> N (H K)")
    torch.testing.assert_close(pool.c_proj(mixed), out, atol=1e-5, rtol=1e-5)


def test_maps_are_far_from_even(transformer):
    """The control: were the maps nearly even, the tests above could not tell a right one from a wrong one."""
    for m in attention_maps(*transformer):
        assert m[:, :, -1].amax(dim=-1).mean() > 2 / m.shape[-1]


def test_stages_of_a_vit(vit, batch):
    seen = activations(vit.visual, batch[0])
    shapes = {name: tuple(value.shape) for name, value in seen.items()}
    blocks = {f"transformer.resblocks.{i}": (7, 17, 22) for i in range(2)}
    assert shapes == {"conv1": (7, 16, 22), "ln_pre": (7, 17, 22), **blocks, "ln_post": (7, 22)}
    assert list(seen) == ["conv1", "ln_pre", *blocks, "ln_post"]


def test_stages_of_a_text(vit, batch):
    seen = activations(vit.text, batch[1])
    assert list(seen) == ["token_embedding", "transformer.resblocks.0", "transformer.resblocks.1", "ln_final"]
    assert seen["transformer.resblocks.1"].shape[::2] == (7, 15) and seen["ln_final"].shape == (7, 15)


def test_stages_of_a_resnet(resnet, batch):
    seen = activations(resnet.visual, batch[0])
    stem = ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "avgpool"]
    assert list(seen) == [*stem, "layer1.0", "layer2.0", "layer2.1", "attnpool"]
    assert seen["avgpool"].shape == (7, 4, 4, 4) and seen["layer1.0"].shape == (7, 16, 4, 4)
    assert seen["layer2.1"].shape == (7, 32, 2, 2) and seen["attnpool"].shape == (7, 19)


def test_the_last_stages_lead_to_the_features(vit, resnet, batch):
    images, tokens = batch
    image, text = activations(vit.visual, images)["ln_post"], activations(vit.text, tokens)["ln_final"]
    torch.testing.assert_close(image @ vit.visual.proj, vit.encode_image(images))
    torch.testing.assert_close(text @ vit.text.text_projection, vit.encode_text(tokens))
    pooled = activations(resnet.visual, images)["attnpool"]
    torch.testing.assert_close(pooled, resnet.eval().encode_image(images))


def test_later_steps_do_not_write_into_what_was_recorded(resnet, batch):
    """The ResNet's activations work in place: before them, some of what batch norm gives is negative."""
    seen = activations(resnet.visual, batch[0])
    assert (seen["bn1"] < 0).any() and (seen["bn3"] < 0).any()
    torch.testing.assert_close(resnet.eval().visual.bn1(seen["conv1"]), seen["bn1"])


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored(tower, training):
    tower, inputs, record = tower
    tower.train(training)
    activations(tower, inputs), record(tower, inputs)
    assert all(module.training == training for module in tower.modules())


def test_evaluation_mode_is_what_is_recorded(resnet, batch):
    before = resnet.visual.bn1.running_mean.clone()
    seen = activations(resnet.visual.train(), batch[0])
    assert torch.equal(resnet.visual.bn1.running_mean, before)
    torch.testing.assert_close(seen["attnpool"], resnet.eval().encode_image(batch[0]))


def test_no_hook_stays_behind(tower):
    tower, inputs, record = tower
    for look in (activations, record):
        look(tower, inputs)
        with pytest.raises((RuntimeError, ValueError)):
            look(tower, inputs[:, :1] if inputs.is_floating_point() else inputs + 1000)
    assert not any(module._forward_hooks for module in tower.modules())
    assert tower.training


def test_looking_changes_no_output_and_no_gradient(tower):
    tower, inputs, record = tower

    def step():
        tower.zero_grad()
        out = tower(inputs)
        out.square().sum().backward()
        return [out, *(p.grad.clone() for p in tower.parameters())]

    tower.eval()
    before = step()
    activations(tower, inputs), record(tower, inputs)
    assert all(torch.equal(a, b) for a, b in zip(before, step(), strict=True))


def test_what_is_recorded_takes_no_gradient(tower):
    tower, inputs, record = tower
    recorded = record(tower, inputs)
    maps = [recorded] if isinstance(recorded, torch.Tensor) else recorded
    assert not any(value.requires_grad for value in [*maps, *activations(tower, inputs).values()])


def test_another_tower_is_refused(vit, resnet, batch):
    with pytest.raises(ValueError, match="ModifiedResNet has no blocks that attend: pass model.text, or the visual of a ViT"):
        attention_maps(resnet.visual, batch[0])
    with pytest.raises(ValueError, match="a CLIP has no blocks that attend"):
        attention_maps(vit, batch[0])
    for other in (vit.visual, vit.text):
        with pytest.raises(ValueError, match="Transformer has no attention pool: pass the visual of a ResNet"):
            pooling_map(other, batch[0])
