"""A training step of the released models: ours against open_clip's, alternated in one run.

Same weights, images and texts; forward, loss, backward and a fused AdamW step. Ratios are open_clip's seconds over ours: above
1, ours is faster. Mean and 95% t-interval over rounds. Texts fill all 77 positions: ours would skip what follows the longest
text, and shorter captions (--words) show by how much.
"""

import argparse
import time
from contextlib import nullcontext

import open_clip
import torch

import clipmini as cm
from clipmini.weights.export import open_clip_config

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def batch(size: int, resolution: int, words: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise; texts of so many tokens between SOT and EOT."""
    tokens = torch.zeros(size, 77, dtype=torch.long)
    tokens[:, 0], tokens[:, words + 1] = 49406, 49407
    tokens[:, 1 : words + 1] = torch.randint(1, 49000, (size, words))
    return torch.randn(size, 3, resolution, resolution, device=device), tokens.to(device)


class Stepper:
    """A model, its loss and its optimiser."""

    def __init__(self, model: torch.nn.Module, loss, precision: str, device: str, compiled: bool):
        self.model, self.loss, self.device = model.to(device).train(), loss, device
        self.forward = torch.compile(self.objective) if compiled else self.objective
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.2, fused=True)
        self.autocast = torch.autocast(device, DTYPES[precision]) if precision != "fp32" else nullcontext()

    def objective(self, images, tokens):
        return self.loss(self.model, images, tokens)

    def seconds(self, images, tokens) -> float:
        started = self.clock()
        with self.autocast:
            loss = self.forward(images, tokens)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return self.clock() - started

    def clock(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def our_loss(model, images, tokens):
    return cm.clip_loss(model.encode_image(images), model.encode_text(tokens), model.logit_scale.exp())


def their_loss(model, images, tokens):
    return open_clip.ClipLoss()(*model(images, tokens))


def steppers(name: str, precision: str, device: str, compiled: bool) -> tuple[Stepper, Stepper]:
    """Ours and open_clip's, with the same weights."""
    ours = cm.CLIP.from_preset(name)
    theirs = open_clip.model.CLIP(**open_clip_config(ours.config))
    theirs.load_state_dict(cm.weights.to_openai(ours))
    return Stepper(ours, our_loss, precision, device, compiled), Stepper(theirs, their_loss, precision, device, compiled)


def report(name: str, ratios: list[float], times: list[float]) -> None:
    low, high = cm.metrics.t_interval(ratios)
    mean, middle = sum(ratios) / len(ratios), sorted(times)[len(times) // 2]
    print(f"{name}: {mean:.3f} ({low:.3f} to {high:.3f}, n = {len(ratios)}); ours {middle:.3f} s a step", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["ViT-B/32", "RN50"])
    parser.add_argument("--precisions", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--words", type=int, default=75, help="tokens of a text, at most 75")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="both compiled, and ours against its own eager step")
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {args.device}, {torch.get_num_threads()} threads, batch {args.batch_size}")
    for name in args.models:
        inputs = batch(args.batch_size, cm.PRESETS[name].vision.resolution, args.words, args.device)
        for precision in args.precisions:
            torch.manual_seed(0)
            ours, theirs = steppers(name, precision, args.device, args.compile)
            eager = steppers(name, precision, args.device, False)[0] if args.compile else None
            runs = [ours, theirs] + [eager] * args.compile
            for run in runs:  # warm up
                run.seconds(*inputs), run.seconds(*inputs)
            times = [[run.seconds(*inputs) for run in runs] for _ in range(args.rounds)]
            mine = [t[0] for t in times]
            report(f"{name}, {precision}, open_clip over ours", [t[1] / t[0] for t in times], mine)
            if eager:
                report(f"{name}, {precision}, our eager over our compiled", [t[2] / t[0] for t in times], mine)
