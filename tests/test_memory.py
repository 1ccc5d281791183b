"""Keeping less must change no gradient: blocks computed again, batches encoded in chunks."""

import math
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import clipmini as cm
from clipmini.models.layers import Block
from clipmini.training.loop import freeze_statistics
from clipmini.training.memory import in_chunks, keeping_statistics, recomputing


@pytest.fixture
def pairs37(vit_config, tok):
    """A batch whose size no chunk divides."""
    torch.manual_seed(3)
    texts = [" ".join(["red", "blue", "circle", "square"][i % 4] for i in range(n % 3)) for n in range(37)]
    return torch.randn(37, 3, 16, 16, dtype=torch.float64), tok(texts, 13)


@pytest.fixture
def exact(model, randomise):
    """In double precision and training mode, with running statistics that do not change."""
    model = randomise(model).double().train()
    freeze_statistics(model)
    return model


def gradients(model, images, tokens):
    model.zero_grad()
    loss = cm.clip_loss(model.encode_image(images), model.encode_text(tokens), model.logit_scale.exp())
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters()}


def assert_equal(ours, expected, limit=1e-9):
    """Every parameter's gradient within `limit` of the whole gradient's length."""
    (loss, ours), (expected_loss, expected) = ours, expected
    whole = math.sqrt(sum(g.square().sum().item() for g in expected.values()))
    assert loss == pytest.approx(expected_loss, abs=1e-12)
    worst = max((ours[name] - expected[name]).norm().item() for name in expected) / whole
    assert worst < limit


@pytest.mark.parametrize("size", [1, 5, 36, 37, 100])
def test_chunks_have_the_whole_batchs_gradient(exact, pairs37, size):
    expected = gradients(exact, *pairs37)
    with in_chunks(exact, size):
        assert_equal(gradients(exact, *pairs37), expected)


def test_blocks_computed_again_have_the_same_gradient(exact, pairs37):
    expected = gradients(exact, *pairs37)
    with recomputing(exact):
        assert_equal(gradients(exact, *pairs37), expected)
        with in_chunks(exact, 8):
            assert_equal(gradients(exact, *pairs37), expected)


def test_control_adding_up_the_chunks_losses_is_something_else(exact, pairs37):
    expected = gradients(exact, *pairs37)
    images, tokens = pairs37
    exact.zero_grad()
    losses = [
        cm.clip_loss(exact.encode_image(i), exact.encode_text(t), exact.logit_scale.exp()) * len(i) / 37
        for i, t in zip(images.split(8), tokens.split(8), strict=True)
    ]
    sum(losses).backward()
    added = sum(losses).item(), {name: p.grad for name, p in exact.named_parameters()}
    with pytest.raises(AssertionError):
        assert_equal(added, expected)


def test_batch_norm_sees_the_chunk_unless_it_is_frozen(resnet_config, pairs37, randomise):
    torch.manual_seed(0)
    model = randomise(cm.CLIP(resnet_config)).double().train()
    expected = gradients(model, *pairs37)
    with in_chunks(model, 8), pytest.raises(AssertionError):
        assert_equal(gradients(model, *pairs37), expected)


@pytest.mark.parametrize("saving", [recomputing, lambda model: in_chunks(model, 8)], ids=["recomputing", "in_chunks"])
def test_running_statistics_count_a_picture_once(resnet_config, pairs37, saving):
    torch.manual_seed(0)
    model = cm.CLIP(resnet_config).double().train()
    plain = cm.CLIP(resnet_config).double().train()
    plain.load_state_dict(model.state_dict())
    images, tokens = pairs37
    chunks = images.split(8) if saving is not recomputing else [images]
    for chunk in chunks:
        plain.encode_image(chunk)
    with saving(model):
        gradients(model, images, tokens)
    for name, value in plain.visual.named_buffers():
        assert torch.equal(dict(model.visual.named_buffers())[name], value), name


def test_statistics_go_on_afterwards(resnet_config):
    norm = nn.BatchNorm2d(3).train()
    x = torch.randn(5, 3, 2, 2)
    with keeping_statistics(norm):
        norm(x)
    assert norm.num_batches_tracked == 0 and (norm.running_mean == 0).all()
    norm(x)
    assert norm.num_batches_tracked == 1 and not (norm.running_mean == 0).any()


class Noisy(nn.Module):
    """A block that draws from PyTorch's random numbers."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x, causal=False):
        return nn.functional.dropout(self.block(x, causal), 0.3)


def test_what_is_drawn_is_drawn_again(vit_config, pairs37):
    """Dropout in a tower and an augmentation before it: the second computation sees what the first one saw."""
    torch.manual_seed(0)
    model = cm.CLIP(vit_config).double()
    blocks = model.visual.transformer.resblocks
    blocks[1] = Noisy(blocks[1])
    images, tokens = pairs37
    generator = torch.Generator()

    def shaken(chunk):
        return chunk + torch.rand(len(chunk), 1, 1, 1, generator=generator)

    def drawn():
        torch.manual_seed(5)
        generator.manual_seed(6)

    def in_one_graph(model, images, tokens):
        """The same chunks, none computed twice."""
        model.zero_grad()
        image = torch.cat([model.encode_image(shaken(chunk)) for chunk in images.split(8)])
        text = torch.cat([model.encode_text(chunk) for chunk in tokens.split(8)])
        loss = cm.clip_loss(image, text, model.logit_scale.exp())
        loss.backward()
        return loss.item(), {name: p.grad for name, p in model.named_parameters()}

    drawn()
    expected, after = in_one_graph(model, *pairs37), (torch.rand(1), torch.rand(1, generator=generator))
    drawn()
    with in_chunks(model, 8, shaken, generator):
        assert_equal(gradients(model, images, tokens), expected)
    assert (torch.rand(1), torch.rand(1, generator=generator)) == after
    drawn()
    with in_chunks(model, 8, shaken):  # control: nobody is told of the generator
        with pytest.raises(AssertionError):
            assert_equal(gradients(model, images, tokens), expected)


def test_less_is_kept(vit_config, pairs37):
    """Numbers that wait for the backward pass, counted as they are saved."""
    torch.manual_seed(0)
    model = cm.CLIP(vit_config).double()
    images, tokens = pairs37

    def kept(saving=None):
        seen = {}

        def pack(tensor):
            seen[tensor.untyped_storage().data_ptr()] = tensor.numel()
            return tensor

        def step():
            return cm.clip_loss(model.encode_image(images), model.encode_text(tokens), model.logit_scale.exp())

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            if saving is None:
                loss = step()
            else:
                with saving:
                    loss = step()
        del loss
        return sum(seen.values())

    whole = kept()
    assert kept(recomputing(model)) < whole / 3
    assert kept(in_chunks(model, 8)) < whole / 3


def test_everything_is_put_back(model, batch):
    before = model(*batch)[0]
    with pytest.raises(KeyError), recomputing(model), in_chunks(model, 3):
        raise KeyError
    assert not any("forward" in vars(part) for part in model.modules() if isinstance(part, Block))
    assert "encode_image" not in vars(model) and "encode_text" not in vars(model)
    assert torch.equal(model(*batch)[0], before)


def test_a_chunk_must_have_rows(model):
    with pytest.raises(ValueError, match="at least 1 row, got 0"), in_chunks(model, 0):
        pass


def test_a_frozen_tower_stays_frozen(exact, pairs37):
    exact.text.requires_grad_(False)
    expected = {name: p for name, p in gradients(exact, *pairs37)[1].items() if p is not None}
    with in_chunks(exact, 8):
        _, found = gradients(exact, *pairs37)
    assert {name for name, p in found.items() if p is not None} == set(expected)
    assert all(torch.allclose(found[name], p) for name, p in expected.items())


def test_autocast_holds_the_second_time(model, batch):
    def in_bf16():
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            image, text = model.encode_image(batch[0]), model.encode_text(batch[1])
            loss = cm.clip_loss(image.float(), text.float(), model.logit_scale.exp())
        loss.backward()  # outside, where products would be in fp32
        return loss.item(), {name: p.grad for name, p in model.named_parameters()}

    expected = in_bf16()
    with in_chunks(model, len(batch[0])):
        assert_equal(in_bf16(), expected)


GROWTH = """
import sys, torch, clipmini as cm
from clipmini.training.memory import in_chunks

def status(key):
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

model, peaks = cm.CLIP.from_preset("mini-vit"), []
for n in 128, 128, 4096:
    tokens = torch.zeros(n, 48, dtype=torch.long)
    tokens[:, 11] = model.text.eot
    images = torch.zeros(n, 3, 32, 32, dtype=torch.uint8)
    with in_chunks(model, 128, lambda chunk: chunk + torch.rand(len(chunk), 1, 1, 1)):
        cm.clip_loss(model.encode_image(images), model.encode_text(tokens), 14.0, chunk_size=512).backward()
    peaks.append(status("VmHWM"))
print(peaks[2] - peaks[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_does_not_grow_with_the_batch():
    """4,096 pairs in chunks of 128, over 128: pictures and features are 27 MB, a chunk's forward pass keeps 80."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, env=environment)
    assert int(found.stdout) < 200e6
