"""The training loop: a generator that yields a log a step; it knows an objective, not a task (paper section 2.5)."""

import contextlib
import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmini.config import TrainConfig, choose
from clipmini.datasets import Pairs
from clipmini.datasets.transforms import AUGMENTATIONS, augment
from clipmini.models.clip import CLIP
from clipmini.models.eager import running
from clipmini.objectives.contrastive import clip_loss
from clipmini.tokenizer import Tokenizer
from clipmini.training.errors import explaining, finite
from clipmini.training.memory import in_chunks, recomputing
from clipmini.training.optimizer import make_optimizer
from clipmini.training.precision import keep_freed_memory, mixed_precision, pick_device
from clipmini.training.runs import RunFolder, StepLog, describe
from clipmini.training.schedule import learning_rate
from clipmini.training.state import TrainingState
from clipmini.weights import check_vocabulary

TILE = 1024  # rows and columns of the similarity matrix that exist at a time, where a batch has more


class Contrastive(nn.Module):
    """The paper's objective, with pairs of equal captions in a batch all counted as matches."""

    def forward(self, model: CLIP, images: Tensor, tokens: Tensor, caption_ids: Tensor) -> Tensor:
        image, text = model.encode_image(images).float(), model.encode_text(tokens).float()
        tile = TILE if len(image) > TILE else None
        return clip_loss(image, text, model.logit_scale.exp(), targets=caption_ids, chunk_size=tile)


def train(
    model: CLIP,
    tok: Tokenizer,
    data: Pairs,
    config: TrainConfig,
    objective: nn.Module | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
) -> Iterator[StepLog]:
    """Train in place, yielding a log after each step (paper section 2.5, Table 18).

    Args: objective: Module (model, images, tokens, caption_ids) -> () loss, its own parameters trained too; None is
    the paper's. run_dir: where configuration, log and checkpoints go; None keeps nothing on disk. resume: go on after the
    newest checkpoint in run_dir, if there is one; on a CPU to the very bits of a run that was never stopped.
    Raises: ValueError, at the call, for what does not fit together, and at the first step for a run_dir that can not be
    used; FloatingPointError before a step whose loss or gradient is not finite, with the weights as they were; MemoryError for a
    step that needs more memory than there is.
    """
    check_vocabulary(model, tok)
    choose("augmentation", config.augment, AUGMENTATIONS)
    if data.captions is None:
        raise ValueError(f"{data.name} has no captions to train on")
    if len(data) < config.batch_size:
        raise ValueError(f"a batch of {config.batch_size} needs as many pairs; {data.name} has {len(data)}")
    if any(p.dtype != torch.float32 for p in model.parameters()):
        raise ValueError("expected fp32 weights: Adam destroys half-precision ones; pass precision= for autocast")
    if resume and run_dir is None:
        raise ValueError("resume needs the run_dir of the run that is to go on")
    return _steps(Trainer(model, tok, data, config, objective or Contrastive()), run_dir, resume)


def _steps(trainer: "Trainer", run_dir, resume: bool) -> Iterator[StepLog]:
    model, tok, data, config = trainer.model, trainer.tok, trainer.data, trainer.config
    described = describe(model, tok, data, config, trainer.objective)
    with contextlib.closing(RunFolder(run_dir, described, resume)) as folder:
        for step in range(folder.restore(trainer.begin()), config.steps):
            try:
                log = trainer.step(step)
            except (FloatingPointError, MemoryError) as error:
                raise type(error)(f"{error}. {folder.last_state()}".rstrip(". ")) from error
            folder.record(log)
            kept = folder.is_due(step, config)
            if kept:
                folder.keep(trainer.state, step, model, tok)
            try:
                yield log
            except GeneratorExit:  # whoever reads the logs has read enough
                if not kept:
                    folder.keep(trainer.state, step, model, tok)
                raise


class Trainer:
    """All that takes part in a step. Nothing is touched before `begin`."""

    def __init__(self, model: CLIP, tok: Tokenizer, data: Pairs, config: TrainConfig, objective: nn.Module):
        self.model, self.tok, self.data, self.config, self.objective = model, tok, data, config, objective
        self.device = pick_device(config.device)
        self.autocast, self.scaler = mixed_precision(config.precision, self.device)

    def begin(self) -> TrainingState:
        """Put everything on the device and in training mode. Returns: what a step changes, and the next depends on."""
        model, config = self.model, self.config
        if self.device.type == "cpu":
            keep_freed_memory()
        model.to(self.device).train()
        self.objective.to(self.device).train()
        if config.batch_norm == "frozen":
            freeze_statistics(model)
        self.compiled = {t: torch.compile(t.forward) for t in (model.visual, model.text)} if config.compile else {}
        self.optimizer = make_optimizer([model, self.objective], config)
        self.tokens, self.caption_ids = unique_tokens(self.tok, self.data.captions, model.context_length)
        self.pixels = held(self.data.pixels, self.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.order = Order(len(self.data), config.batch_size, self.generator)
        parts = {"model": model, "objective": self.objective}
        self.names = {p: f"{part}.{name}" for part, module in parts.items() for name, p in module.named_parameters()}
        self.state = TrainingState(parts, self.optimizer, self.scaler, self.order, self.generator)
        return self.state

    def step(self, step: int) -> StepLog:
        """One batch: loss, gradient, update. Raises, before the update, what `explaining` raises."""
        started = time.perf_counter()
        lr = learning_rate(step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        with explaining(step, self.config, self.optimizer, self.names):
            loss, norm = self._gradient(step)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():  # the paper clamps the scale at 100; after the step, so the optimizer can not leave it
            scale = self.model.logit_scale.clamp_(0, math.log(self.config.max_scale)).exp().item()
        return StepLog(step, loss, lr, scale, norm, self.config.batch_size / (time.perf_counter() - started))

    def _gradient(self, step: int) -> tuple[float, float]:
        """The loss of the step's batch, and its gradient's length; the gradient itself is left in the parameters."""
        rows = self.order.batch(step)
        ids = self.caption_ids[rows]
        tokens, images = self.tokens[ids].to(self.device), self.pixels[rows.to(self.pixels.device)].to(self.device)
        prepare = partial(augment, name=self.config.augment, generator=self.generator)
        if not self.config.chunk_size:
            images = prepare(images)  # else a chunk at a time, when it is encoded
        self.optimizer.zero_grad(set_to_none=True)
        with savings(self.model, self.config, prepare, self.generator, self.compiled):
            with self.autocast():
                loss = self.objective(self.model, images, tokens, ids.to(self.device))
                value = finite(loss.item(), "the loss")
            self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = gradient_norm(self.optimizer)
        if not self.scaler.is_enabled():  # which skips the step and lowers its scale instead
            finite(norm, "the gradient's length")
        return value, norm


@contextlib.contextmanager
def savings(model: CLIP, config: TrainConfig, prepare=None, generator=None, compiled=()) -> Iterator[None]:
    """Within it, a step takes the time and memory that the configuration asks for: forward and backward pass both.

    Args: prepare, generator: see `in_chunks`. compiled: the towers' compiled forward passes.
    """
    with running(dict(compiled)), contextlib.ExitStack() as stack:
        if config.recompute:
            stack.enter_context(recomputing(model))
        if config.chunk_size:
            stack.enter_context(in_chunks(model, config.chunk_size, prepare, generator))
        yield


def freeze_statistics(model: nn.Module) -> None:
    """Have batch norm normalise by its running statistics, so that no picture depends on the others of its batch."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


class Order:
    """Which pairs a step sees: every epoch a fresh permutation, its last incomplete batch dropped."""

    def __init__(self, n: int, batch_size: int, generator: torch.Generator):
        self.n, self.batch_size, self.generator = n, batch_size, generator
        self.rows = torch.empty(0, dtype=torch.long)

    def batch(self, step: int) -> Tensor:
        """(batch_size,) rows. Steps must come in order: an epoch's permutation is drawn when it begins."""
        at = step % (self.n // self.batch_size)
        if at == 0:
            self.rows = torch.randperm(self.n, generator=self.generator)
        return self.rows[at * self.batch_size : (at + 1) * self.batch_size]


def held(pixels: Tensor, device: torch.device) -> Tensor:
    """All pixels on the device, if they take less than a quarter of what is free there; else where they are."""
    if device.type != "cuda" or pixels.nbytes > torch.cuda.mem_get_info(device)[0] / 4:
        return pixels
    return pixels.to(device)


def gradient_norm(optimizer: torch.optim.Optimizer) -> float:
    """The length of the gradient of all parameters together."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))).item() if gradients else 0.0


def unique_tokens(tok: Tokenizer, captions: list[str], context_length: int) -> tuple[Tensor, Tensor]:
    """(M, L) tokens of the distinct captions, and (N,) which of them each pair has."""
    index = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    return tok(list(index), context_length), torch.tensor([index[caption] for caption in captions])
