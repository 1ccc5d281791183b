"""The training loop: a generator that yields a log a step; it knows an objective, not a task (paper section 2.5)."""

import contextlib
import ctypes
import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmini.clip import CLIP
from clipmini.config import TrainConfig, choose
from clipmini.datasets import Pairs
from clipmini.losses import clip_loss
from clipmini.tokenizer import Tokenizer
from clipmini.transforms import AUGMENTATIONS, augment
from clipmini.weights import check_vocabulary, save

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
CHECKPOINT, LOG, CONFIG = "checkpoint.safetensors", "log.jsonl", "config.json"


@dataclass(frozen=True)
class StepLog:
    """One step. loss: nats; logit_scale: exponentiated, after the clamp; images_per_second: of this step."""

    step: int
    loss: float
    lr: float
    logit_scale: float
    images_per_second: float


class Contrastive(nn.Module):
    """The paper's objective, with pairs of equal captions in a batch all counted as matches."""

    def forward(self, model: CLIP, images: Tensor, tokens: Tensor, caption_ids: Tensor) -> Tensor:
        image, text = model.encode_image(images), model.encode_text(tokens)
        return clip_loss(image.float(), text.float(), model.logit_scale.exp(), targets=caption_ids)


def train(
    model: CLIP,
    tok: Tokenizer,
    data: Pairs,
    config: TrainConfig,
    objective: nn.Module | None = None,
    run_dir: str | Path | None = None,
) -> Iterator[StepLog]:
    """Train in place, yielding a log after each step (paper section 2.5, Table 18).

    Args: objective: Module (model, images, tokens, caption_ids) -> () loss, its own parameters trained too; None is
    the paper's. run_dir: where configuration, log and checkpoints go; None keeps nothing on disk.
    Raises: ValueError, at the call, for what does not fit together, and at the first step for a run_dir that can not be
    used; FloatingPointError before a step whose loss is not finite, with the weights as they were.
    """
    check_vocabulary(model, tok)
    choose("augmentation", config.augment, AUGMENTATIONS)
    if data.captions is None:
        raise ValueError(f"{data.name} has no captions to train on")
    if len(data) < config.batch_size:
        raise ValueError(f"a batch of {config.batch_size} needs as many pairs; {data.name} has {len(data)}")
    if any(p.dtype != torch.float32 for p in model.parameters()):
        raise ValueError("expected fp32 weights: Adam destroys half-precision ones; pass precision= for autocast")
    device = pick_device(config.device)
    precision = mixed_precision(config.precision, device)
    return _steps(model, tok, data, config, objective or Contrastive(), run_dir, device, precision)


def _steps(model, tok, data, config, objective, run_dir, device, precision):
    if device.type == "cpu":
        keep_freed_memory()
    model.to(device).train()
    objective.to(device).train()
    optimizer = make_optimizer([model, objective], config)
    autocast, scaler = precision
    tokens, caption_ids = unique_tokens(tok, data.captions, model.context_length)
    generator = torch.Generator().manual_seed(config.seed)
    with contextlib.closing(RunFolder(run_dir, model, tok, config)) as folder:
        for step, rows in enumerate(batches(len(data), config.batch_size, config.steps, generator)):
            started = time.perf_counter()
            lr = learning_rate(step, config)
            for group in optimizer.param_groups:
                group["lr"] = lr
            ids = caption_ids[rows]
            images = augment(data.pixels[rows].to(device), config.augment, generator)
            with refusing_non_finite(step), autocast():
                loss = objective(model, images, tokens[ids].to(device), ids.to(device))
                value = finite(loss)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            with torch.no_grad():  # the paper clamps the scale at 100; after the step, so the optimizer can not leave it
                model.logit_scale.clamp_(0, math.log(config.max_scale))
            seconds = time.perf_counter() - started
            log = StepLog(step, value, lr, model.logit_scale.exp().item(), len(rows) / seconds)
            folder.record(log)
            yield log


def make_optimizer(modules: list[nn.Module], config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with decoupled weight decay on all weights that are not gains or biases (paper section 2.5)."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},  # gains, biases, class token, temperature
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2), eps=config.eps, fused=True)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine down to zero after the last step."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


def batches(n: int, batch_size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Rows of each step: every epoch a fresh permutation, its last incomplete batch dropped."""
    per_epoch = n // batch_size
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(n, generator=generator)
        start = step % per_epoch * batch_size
        yield order[start : start + batch_size]


def unique_tokens(tok: Tokenizer, captions: list[str], context_length: int) -> tuple[Tensor, Tensor]:
    """(M, L) tokens of the distinct captions, and (N,) which of them each pair has."""
    index = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    return tok(list(index), context_length), torch.tensor([index[caption] for caption in captions])


@contextlib.contextmanager
def refusing_non_finite(step: int) -> Iterator[None]:
    """Say at which step features or loss stopped being numbers: FloatingPointError, before anything is changed."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(
            f"at step {step}, {error}; the weights are still those of the step before. Look for NaN in the images, or "
            "lower the learning rate"
        ) from error


def finite(loss: Tensor) -> float:
    """The loss as a number. Raises FloatingPointError if it is not one."""
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss is {value}")
    return value


def pick_device(name: str) -> torch.device:
    """The fastest device there is for auto, else the one asked for. Raises ValueError if it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, available in there.items() if available))
    if not there.get(name, False):
        raise ValueError(f"no device {name!r} here; choose from: auto, {', '.join(d for d, a in there.items() if a)}")
    return torch.device(name)


def keep_freed_memory() -> None:
    """Have glibc keep the memory that a step frees, for the next step; elsewhere, do nothing.

    It would give it back to the system and be handed zeroed pages again, which costs more than a small model's products.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_TRIM_THRESHOLD, 2**30)
        mallopt(M_MMAP_THRESHOLD, 2**28)


def mixed_precision(precision: str, device: torch.device):
    """An autocast context and a gradient scaler. auto: fp32 off the GPU; there bf16 if the chip computes in it, else fp16."""
    if precision == "auto":
        native = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8  # older chips emulate bf16
        precision = "fp32" if device.type != "cuda" else "bf16" if native else "fp16"
    if precision == "fp16" and device.type != "cuda":
        raise ValueError(f"fp16 needs a CUDA device, not {device.type}; choose fp32 or bf16")
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def autocast():
        return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")

    return autocast, torch.amp.GradScaler(device.type, enabled=precision == "fp16")


class RunFolder:
    """A run on disk: configuration, a line of JSON a step, and a checkpoint that is whole at any moment."""

    def __init__(self, path: str | Path | None, model: CLIP, tok: Tokenizer, config: TrainConfig):
        self.path = None if path is None else Path(path)
        self.model, self.tok, self.config = model, tok, config
        if self.path is None:
            return
        if (self.path / LOG).exists():
            raise ValueError(f"{self.path} already holds a run; choose another folder, so that nothing is lost")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            both = {"model": model.config.to_dict(), "train": dataclasses.asdict(config)}
            (self.path / CONFIG).write_text(json.dumps(both, indent=1))
            self.log = open(self.path / LOG, "w", buffering=1)
        except OSError as error:
            raise ValueError(f"can not write to {self.path}: {error.strerror}") from error

    def record(self, log: StepLog) -> None:
        """Append the step to the log; now and then, and at the end, save a checkpoint."""
        if self.path is None:
            return
        self.log.write(json.dumps(dataclasses.asdict(log)) + "\n")
        done = log.step + 1
        if done % self.config.checkpoint_every == 0 or done == self.config.steps:
            save(self.model, self.path / CHECKPOINT, tokenizer=self.tok)

    def close(self) -> None:
        """Close the log; the last checkpoint stays."""
        if self.path is not None:
            self.log.close()
