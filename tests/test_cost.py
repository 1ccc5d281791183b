"""Costs are counted from the configuration: beside the paper, beside sums by hand, beside what a step really takes."""

import os
import subprocess
import sys

import pytest
import torch

import clipmini as cm
from clipmini.cost import Allocations, cost, multiply_adds, published_multiply_adds

PAPER = {"RN50": 6.1, "RN101": 9.9, "RN50x4": 21.5, "RN50x16": 75.3, "RN50x64": 265.9}  # billions


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_five_figures(name):
    assert published_multiply_adds(cm.PRESETS[name]) == pytest.approx(1e9 * PAPER[name], rel=0.03)
    assert multiply_adds(cm.PRESETS[name])[0] < published_multiply_adds(cm.PRESETS[name])


def test_a_vision_transformer_by_hand():
    vision = cm.PRESETS["ViT-B/32"].vision
    length, width = 50, vision.width
    block = length * 12 * width**2 + 2 * length**2 * width  # products with weights, and of positions with positions
    expected = 49 * 3 * 32**2 * width + vision.layers * block + width * 512
    assert multiply_adds(cm.PRESETS["ViT-B/32"])[0] == expected
    assert published_multiply_adds(cm.PRESETS["ViT-B/32"]) == expected


def test_the_ladders_steps_are_even():
    """In the multiply-adds of a pair; everything that has a size grows or stays."""
    ladder = {name: config for name, config in cm.PRESETS.items() if name.startswith("ladder-")}
    assert list(ladder) == [f"ladder-{side}" for side in (16, 20, 24, 28, 32)]
    pair = [sum(multiply_adds(config)) for config in ladder.values()]
    assert all(2.8 < more / less < 3 for less, more in zip(pair, pair[1:], strict=False))
    parameters = [sum(p.numel() for p in cm.CLIP(config).parameters()) for config in ladder.values()]
    assert parameters == [203_137, 401_537, 810_689, 1_800_993, 4_013_185]
    for name, config in ladder.items():
        assert f"ladder-{config.vision.resolution}" == name and config.vision.patch == 4
    sizes = [(c.embed_dim, c.vision.width, c.vision.layers, c.text.width, c.text.layers) for c in ladder.values()]
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True))


def test_parameters_are_the_models(config):
    assert cost(config).parameters == sum(p.numel() for p in cm.CLIP(config).parameters())


def test_a_released_tower_by_hand():
    """ViT-B/32: 49 patches; per block 12 width^2 a position, and Q K^T and its product with V; the projection."""
    width, length = 768, 50
    blocks = 12 * (12 * width**2 * length + 2 * length**2 * width)
    assert multiply_adds(cm.PRESETS["ViT-B/32"])[0] == 3 * 32**2 * width * 49 + blocks + width * 512 == 4_408_811_520


def test_hours_by_hand(vit_config):
    spent = cost(vit_config)
    per_pair = 3 * (spent.image_multiply_adds + spent.text_multiply_adds)
    assert spent.hours(pairs=1000, rate=per_pair) == pytest.approx(1000 / 3600)


def test_allocations_count_what_exists():
    with Allocations() as memory:
        a = torch.zeros(100)
        b = a + 1
        c = b[:50]  # a view takes nothing
        assert (memory.now, memory.peak) == (800, 800)
        del b
        assert memory.now == 800  # the view holds it
        del c
        assert (memory.now, memory.peak) == (400, 800)


@pytest.mark.parametrize("saving", [{"recompute": True}, {"chunk_size": 32}, {"precision": "bf16"}], ids=str)
def test_what_saves_memory_takes_less(saving):
    whole = cost(cm.PRESETS["mini-vit"], cm.TrainConfig(batch_size=256))
    thrifty = cost(cm.PRESETS["mini-vit"], cm.TrainConfig(batch_size=256, **saving))
    assert thrifty.activation_bytes < 0.75 * whole.activation_bytes
    assert thrifty.peak_bytes < 0.75 * whole.peak_bytes


def test_a_batch_whose_similarities_come_in_tiles_is_counted():
    small, large, larger = (
        cost(cm.PRESETS["mini-vit"], cm.TrainConfig(batch_size=n)).activation_bytes for n in (1536, 2048, 2560)
    )
    assert larger - large == pytest.approx(large - small, rel=1e-6)  # no matrix, which would grow by its square


MEASURE = """
import gc, sys, torch, clipmini as cm
from clipmini.training.optimizer import make_optimizer

def status(key):
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

def step(model, optimizer, size):
    side = model.config.vision.resolution
    tokens = torch.zeros(size, model.context_length, dtype=torch.long)
    tokens[:, -1] = model.text.eot
    image, text = model.encode_image(torch.zeros(size, 3, side, side)), model.encode_text(tokens)
    optimizer.zero_grad()
    cm.clip_loss(image + torch.randn_like(image), text, model.logit_scale.exp()).backward()
    optimizer.step()

def training(name, size, steps):
    model = cm.CLIP.from_preset(name)
    optimizer = make_optimizer([model], cm.TrainConfig())
    for _ in range(steps):
        step(model, optimizer, size)

name, size = sys.argv[1], int(sys.argv[2])
training(name, 2, 1)  # what the libraries allocate once
gc.collect()
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak is counted anew
training(name, size, 3)
print(status("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's memory from /proc")
@pytest.mark.parametrize(("name", "size"), [("mini-resnet", 256), ("mini-vit", 256), ("small-resnet", 32), ("small-vit", 32)])
def test_memory_is_what_a_step_really_takes(name, size):
    """Within 15%, where every tensor has pages of its own. glibc's heap keeps what is freed, and takes up to half more."""
    own_pages = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEASURE, name, str(size)], capture_output=True, text=True, check=True,
                          env=os.environ | own_pages)
    measured = int(done.stdout)
    assert cost(cm.PRESETS[name], cm.TrainConfig(batch_size=size)).peak_bytes == pytest.approx(measured, rel=0.15)
