"""Keeping less must change no gradient: blocks computed again, batches encoded in chunks."""

import math
import os
import subprocess
import sys
import weakref

import pytest
import torch
from torch import nn

import clipmini as cm
from clipmini.datasets.augmentation import draw
from clipmini.datasets.batch import Batch
from clipmini.models.recompute import keeping_statistics
from clipmini.objectives.contrastive import Contrastive
from clipmini.objectives.objective import Objective
from clipmini.training.memory import backward, prepare


@pytest.fixture
def batch37(vit_config, tok):
    """A batch whose size no chunk divides."""
    torch.manual_seed(3)
    texts = [" ".join(["red", "blue", "circle", "square"][i % 4] for i in range(n % 3)) for n in range(37)]
    return Batch(pixels=torch.randn(37, 3, 16, 16, dtype=torch.float64), tokens=tok(texts, 13))


@pytest.fixture
def exact(model, randomise):
    """In double precision and training mode, with running statistics that do not change."""
    return prepare(randomise(model).double(), frozen_statistics=True)


def gradients(model, batch, objective=None, **how):
    model.zero_grad()
    loss = backward(model, batch, objective or Contrastive("identity"), **how)
    return loss.item(), {name: p.grad for name, p in model.named_parameters()}


def assert_equal(ours, expected, limit=1e-9):
    """Every parameter's gradient within `limit` of the whole gradient's length."""
    (loss, ours), (expected_loss, expected) = ours, expected
    whole = math.sqrt(sum(g.square().sum().item() for g in expected.values()))
    assert loss == pytest.approx(expected_loss, abs=1e-12)
    worst = max((ours[name] - expected[name]).norm().item() for name in expected) / whole
    assert worst < limit


def test_the_whole_batchs_gradient_is_the_losss(exact, batch37):
    exact.zero_grad()
    loss = cm.clip_loss(exact.encode_image(batch37.images), exact.encode_text(batch37.tokens), exact.logit_scale.exp())
    loss.backward()
    assert_equal((loss.item(), {name: p.grad.clone() for name, p in exact.named_parameters()}), gradients(exact, batch37))


@pytest.mark.parametrize("size", [1, 5, 36, 37, 100])
def test_chunks_have_the_whole_batchs_gradient(exact, batch37, size):
    expected = gradients(exact, batch37)
    assert_equal(gradients(exact, batch37, chunk_size=size), expected)


def test_blocks_computed_again_have_the_same_gradient(exact, batch37):
    expected = gradients(exact, batch37)
    prepare(exact, recompute=True, frozen_statistics=True)
    assert_equal(gradients(exact, batch37), expected)
    assert_equal(gradients(exact, batch37, chunk_size=8), expected)


def test_control_adding_up_the_chunks_losses_is_something_else(exact, batch37):
    expected = gradients(exact, batch37)
    exact.zero_grad()
    losses = []
    for part in batch37.split(8):
        share = len(part) / 37
        losses.append(share * backward(exact, part, Contrastive("identity"), scale=lambda loss, share=share: share * loss))
    added = sum(losses).item(), {name: p.grad for name, p in exact.named_parameters()}
    with pytest.raises(AssertionError):
        assert_equal(added, expected)


def test_batch_norm_sees_the_chunk_unless_it_is_frozen(resnet_config, batch37, randomise):
    torch.manual_seed(0)
    model = prepare(randomise(cm.CLIP(resnet_config)).double())
    expected = gradients(model, batch37)
    with pytest.raises(AssertionError):
        assert_equal(gradients(model, batch37, chunk_size=8), expected)


@pytest.mark.parametrize("size", [0, 8], ids=["recomputing", "in chunks"])
def test_running_statistics_count_a_picture_once(resnet_config, batch37, size):
    torch.manual_seed(0)
    model, plain = (prepare(cm.CLIP(resnet_config).double(), recompute=not size) for _ in range(2))
    plain.load_state_dict(model.state_dict())
    for chunk in batch37.split(size or 37):
        plain.encode_image(chunk.images)
    gradients(model, batch37, chunk_size=size)
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


def test_what_is_drawn_is_drawn_again(vit_config, batch37, monkeypatch):
    """Dropout in a tower: the second computation sees what the first one saw, and what comes after goes on."""
    torch.manual_seed(0)
    model = cm.CLIP(vit_config).double()
    blocks = model.visual.transformer.resblocks
    blocks[1] = Noisy(blocks[1])

    def in_one_graph():
        """The same chunks, none computed twice."""
        model.zero_grad()
        rows = [tuple(Contrastive().encode(model, chunk)) for chunk in batch37.split(8)]
        loss = Contrastive("identity").loss(model, tuple(torch.cat(part) for part in zip(*rows, strict=True)), batch37)
        loss.backward()
        return loss.item(), {name: p.grad for name, p in model.named_parameters()}

    torch.manual_seed(5)
    expected, after = in_one_graph(), torch.rand(1)
    torch.manual_seed(5)
    assert_equal(gradients(model, batch37, chunk_size=8), expected)
    assert torch.rand(1) == after
    monkeypatch.setattr("clipmini.training.memory.random_states", lambda device: [torch.Generator().manual_seed(9).get_state()])
    torch.manual_seed(5)
    with pytest.raises(AssertionError):  # control: the second time other numbers
        assert_equal(gradients(model, batch37, chunk_size=8), expected)


@pytest.mark.parametrize("augment", ["none", "crop", "mild", "handwriting"])
@pytest.mark.parametrize("size", [1, 8])
def test_an_objective_sees_the_same_images_whatever_the_chunk(model, tok, pairs, augment, size):
    seen = []

    class Look(Contrastive):
        def encode(self, model, batch):
            if torch.is_grad_enabled():
                seen.append(batch.images.detach())
            yield from super().encode(model, batch)

    changes = draw(augment, 23, torch.Generator().manual_seed(1))
    batch = Batch(pixels=pairs.images, tokens=tok(pairs.captions, 13), changes=changes)
    prepare(model, frozen_statistics=True)
    gradients(model, batch, Look("identity"))
    gradients(model, batch, Look("identity"), chunk_size=size)
    assert torch.equal(torch.cat(seen[1:]), seen[0]) and len(seen) == 1 + math.ceil(23 / size)


def kept(step):
    """Numbers that wait for the backward pass, counted as they are saved."""
    seen = {}

    def pack(tensor):
        seen[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    def count(loss):
        seen["before the backward pass"] = sum(seen.values())
        return loss

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step(count)
    return seen["before the backward pass"]


def test_less_is_kept(vit_config, batch37):
    torch.manual_seed(0)
    model = cm.CLIP(vit_config).double()
    whole = kept(lambda count: gradients(model, batch37, scale=count))
    assert kept(lambda count: gradients(model, batch37, scale=count, chunk_size=8)) < whole / 3
    prepare(model, recompute=True)
    assert kept(lambda count: gradients(model, batch37, scale=count)) < whole / 3


def test_one_tower_is_gone_before_the_next_is_encoded(vit_config, batch37):
    model, alive = cm.CLIP(vit_config).double(), []

    class Watched(Contrastive):
        def encode(self, model, batch):
            image = model.encode_image(batch.images)
            node = image.grad_fn
            yield image
            if node is not None:  # its graph is freed: to go through it again is refused
                with pytest.raises(RuntimeError, match="second time"):
                    node(torch.ones_like(image))
                alive.append(False)
            yield model.encode_text(batch.tokens)

    gradients(model, batch37, Watched("identity"), chunk_size=10)
    assert alive == [False] * 4


def test_the_pictures_of_a_chunk_are_gone_before_the_next(vit_config, tok, pairs):
    """Made of bytes when they are asked for, they would add up to the whole batch in floats."""
    seen, alive = [], []

    class Watched(Contrastive):
        def encode(self, model, batch):
            alive.append(sum(images() is not None for images in seen))
            seen.append(weakref.ref(batch.images))
            yield from super().encode(model, batch)

    batch = Batch(pixels=pairs.images, tokens=tok(pairs.captions, 13))
    gradients(cm.CLIP(vit_config), batch, Watched("identity"), chunk_size=4)
    assert len(alive) == 12 and max(alive) <= 1  # that of the chunk before, until its name is taken


def test_how_a_model_trains_is_set_and_unset(model):
    prepare(model, recompute=True, compile=True, frozen_statistics=True)
    towers = [part for part in model.modules() if hasattr(part, "recompute")]
    assert towers and all(part.recompute for part in towers) and model.visual._compiled_call_impl
    prepare(model)
    assert not any(part.recompute for part in towers) and not model.visual._compiled_call_impl
    assert all(part.training for part in model.modules())


def test_a_frozen_tower_stays_frozen(exact, batch37):
    exact.text.requires_grad_(False)
    expected = {name: p for name, p in gradients(exact, batch37)[1].items() if p is not None}
    _, found = gradients(exact, batch37, chunk_size=8)
    assert {name for name, p in found.items() if p is not None} == set(expected)
    assert all(torch.allclose(found[name], p) for name, p in expected.items())


class ImagesAlone(Objective):
    """Rows of one tower, to which something else is compared; a second yield that the loss does not use."""

    def encode(self, model, batch):
        yield model.encode_image(batch.images)
        yield model.encode_text(batch.tokens)

    def loss(self, model, rows, batch):
        return rows[0].square().mean()


def test_rows_that_the_loss_does_not_use(exact, batch37):
    _, expected = gradients(exact, batch37, ImagesAlone())
    _, found = gradients(exact, batch37, ImagesAlone(), chunk_size=8)
    assert {name for name, p in found.items() if p is not None} == {name for name, p in expected.items() if p is not None}
    assert all(torch.allclose(found[name], p, atol=1e-12) for name, p in expected.items() if p is not None)


def test_autocast_holds_the_second_time(model, batch):
    images, tokens = batch
    whole = Batch(pixels=images, tokens=tokens)
    how = {"autocast": lambda: torch.autocast("cpu", torch.bfloat16)}
    assert_equal(gradients(model, whole, chunk_size=7, **how), gradients(model, whole, **how))


def test_a_loss_that_is_no_number_leaves_no_gradient(model, batch):
    images, tokens = batch
    model.logit_scale.data.fill_(1.0)

    class Broken(Contrastive):
        def loss(self, model, rows, batch):
            return super().loss(model, rows, batch) * math.inf

    for size in (0, 3):
        model.zero_grad()
        with pytest.raises(FloatingPointError, match="the loss is inf"):
            backward(model, Batch(pixels=images, tokens=tokens), Broken("identity"), chunk_size=size)
        assert all(p.grad is None for p in model.parameters())


GROWTH = """
import sys, torch, clipmini as cm
from clipmini.datasets.batch import Batch
from clipmini.objectives.contrastive import Contrastive
from clipmini.training.memory import backward

def status(key):
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

model, peaks = cm.CLIP.from_preset("mini-vit"), []
for n in 128, 128, 4096:
    tokens = torch.zeros(n, 48, dtype=torch.long)
    tokens[:, 11] = model.text.eot
    images = torch.zeros(n, 3, 32, 32, dtype=torch.uint8)
    images.random_(256)
    backward(model, Batch(pixels=images, tokens=tokens), Contrastive("identity"), chunk_size=128)
    peaks.append(status("VmHWM"))
print(peaks[2] - peaks[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_does_not_grow_with_the_batch():
    """4,096 pairs in chunks of 128, over 128: pictures and features are 27 MB, a chunk's forward pass keeps 80."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, env=environment)
    assert int(found.stdout) < 200e6
