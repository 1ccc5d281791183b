"""How much of the machine does training use?

For each model: images a second of `cm.train`, times 6, times the multiply-adds of both towers, over the rate of a
4096-cubed fp32 matrix product, all alternated in one run. Prints the median and range of that fraction over rounds, and
for the Vision Transformer the paired ratio to open_clip's model and loss in a plain loop.
"""

import argparse
import statistics
import time
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

import clipmini as cm
from clipmini.config import CLIPConfig, ResNetConfig, TextConfig, TrainConfig, ViTConfig
from clipmini.datasets import Pairs
from clipmini.weights.export import open_clip_config

CAPTION = "latin small letter e with circumflex and acute"
TEXT = TextConfig(context_length=48, vocab_size=2048, width=192, layers=4)
MODELS = {
    "ViT, width 192": CLIPConfig(embed_dim=128, vision=ViTConfig(resolution=32, patch=4, width=192, layers=6), text=TEXT),
    "ResNet, width 32": CLIPConfig(embed_dim=128, vision=ResNetConfig(resolution=64, layers=(2, 2, 2), width=32), text=TEXT),
    "mini-vit": cm.PRESETS["mini-vit"],
    "mini-resnet": cm.PRESETS["mini-resnet"],
}


def matmul_rate(size: int = 4096) -> float:
    """Multiply-adds a second of an fp32 matrix product: the median of three."""
    a, b, times = torch.randn(size, size), torch.randn(size, size), []
    for _ in range(3):
        started = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - started)
    return size**3 / statistics.median(times)


def multiply_adds(model: cm.CLIP, images: torch.Tensor, tokens: torch.Tensor) -> float:
    """Forward multiply-adds of both towers for one pair."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images, tokens)
    return counter.get_total_flops() / 2 / len(images)


def random_pairs(resolution: int, n: int) -> Pairs:
    """Noise with captions: speed does not depend on what is in the pictures."""
    images = torch.randint(256, (n, 1, resolution, resolution), dtype=torch.uint8).expand(-1, 3, -1, -1)
    return Pairs(name="noise", split="train", images=images, captions=[f"{CAPTION} {i}" for i in range(n)])


class Ours:
    """Our training loop, a step at a time."""

    def __init__(self, config: CLIPConfig, batch_size: int, steps: int):
        pairs = random_pairs(config.vision.resolution, 4 * batch_size)
        tok = cm.Tokenizer.train(cm.datasets.load("glyphs", "train").captions, 2048)
        self.model = cm.CLIP(config)
        images = torch.randn(8, 3, config.vision.resolution, config.vision.resolution)
        tokens = tok([pairs.captions[0]] * 8, config.text.context_length)
        self.cost = multiply_adds(self.model, images, tokens)
        train = TrainConfig(steps=steps, batch_size=batch_size, augment="none", device="cpu")
        self.steps = cm.train(self.model, tok, pairs, train)

    def step(self) -> None:
        next(self.steps)


class Peer:
    """open_clip's model and loss in a plain loop; its texts have the length that ours have once trimmed."""

    def __init__(self, config: CLIPConfig, batch_size: int, length: int):
        from open_clip.loss import ClipLoss
        from open_clip.model import CLIP

        config = replace(config, text=replace(config.text, context_length=length))
        self.model, side = CLIP(**open_clip_config(config)), config.vision.resolution
        self.images = torch.randn(batch_size, 3, side, side)
        self.tokens = torch.randint(1, 2000, (batch_size, length))
        self.optimizer, self.loss = torch.optim.AdamW(self.model.parameters(), fused=True), ClipLoss()

    def step(self) -> None:
        image, text, scale = self.model(self.images, self.tokens)
        loss = self.loss(image, text, scale)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        loss.item()


def rate(runner, batch_size: int, steps: int) -> float:
    """Images a second over a few steps."""
    started = time.perf_counter()
    for _ in range(steps):
        runner.step()
    return batch_size * steps / (time.perf_counter() - started)


def spread(values: list[float], unit: str = "") -> str:
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f}, n = {len(values)})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    args = parser.parse_args()
    for name, config in MODELS.items():
        ours = Ours(config, args.batch_size, steps=(args.rounds + 1) * args.steps)
        peer = Peer(config, args.batch_size, length=12) if isinstance(config.vision, ViTConfig) else None
        rate(ours, args.batch_size, args.steps)  # warm up
        used, ratios, speeds = [], [], []
        for _ in range(args.rounds):
            peak = matmul_rate()
            speeds.append(rate(ours, args.batch_size, args.steps))
            used.append(speeds[-1] * 6 * ours.cost / 2 / peak)  # 3 passes; a multiply-add is counted once on both sides
            if peer:
                ratios.append(speeds[-1] / rate(peer, args.batch_size, args.steps))
        line = f"{name}: {statistics.median(speeds):,.0f} images/s, {ours.cost / 1e6:.1f} M multiply-adds"
        print(f"{line}; part of the matrix product's rate {spread(used)}", flush=True)
        if peer:
            print(f"  times open_clip's plain loop: {spread(ratios)}", flush=True)
