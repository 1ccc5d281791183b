"""The training loop: a generator that yields a log a step; it knows an objective, not a task (paper section 2.5)."""

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from clipmini.config import TrainConfig, choose
from clipmini.datasets import Pairs
from clipmini.datasets.augmentation import AUGMENTATIONS
from clipmini.models.clip import CLIP
from clipmini.objectives.contrastive import Contrastive
from clipmini.objectives.objective import Objective, Whole
from clipmini.tokenizer import Tokenizer
from clipmini.training.errors import check_finite, explaining
from clipmini.training.history import StepLog
from clipmini.training.loader import Loader, check_texts
from clipmini.training.memory import backward, prepare
from clipmini.training.optimizer import gradient_norm, make_optimizer
from clipmini.training.precision import keep_freed_memory, mixed_precision, pick_device
from clipmini.training.runs import describe, open_folder
from clipmini.training.schedule import learning_rate
from clipmini.training.state import TrainingState
from clipmini.training.stopping import Terminated, save_when_leaving, saving, uninterrupted
from clipmini.weights import check_is_as_configured, check_vocabulary, uncompiled


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

    Args:
        objective: an Objective, or any Module (model, images, tokens, caption_ids) -> () loss; its own parameters are trained
            too; None is the paper's.
        run_dir: where configuration, log and checkpoints go; None keeps nothing on disk.
        resume: go on after the newest checkpoint in run_dir, if there is one; on a CPU to the very bits of a run that was
            never stopped.
    Raises: ValueError, at the call, for what does not fit together, and at the first step for a run_dir that cannot be
    used; FloatingPointError before a step whose loss or gradient is not finite, with the weights as they were; MemoryError for a
    step that needs more memory than there is.
    """
    model = uncompiled(model)
    objective = Contrastive() if objective is None else getattr(objective, "_orig_mod", objective)  # itself, where compiled
    check_fit(model, tok, data, config, objective)
    if run_dir is not None:
        check_is_as_configured(model)  # now, and not at the first checkpoint
    if resume and run_dir is None:
        raise ValueError("resume needs the run_dir of the run that is to go on")
    run_dir = run_dir and Path(run_dir).absolute()  # wherever the reader goes meanwhile
    steps = _steps(model, tok, data, config, objective, run_dir, resume)
    if run_dir is not None:
        save_when_leaving(steps)
    return steps


def _steps(
    model: CLIP, tok: Tokenizer, data: Pairs, config: TrainConfig, objective: nn.Module, run_dir: Path | None, resume: bool
) -> Iterator[StepLog]:
    device = pick_device(config.device)
    autocast, scaler = mixed_precision(config.precision, device)
    if device.type == "cpu":
        keep_freed_memory()
    prepare(model.to(device), recompute=config.recompute, compile=config.compile, frozen_statistics=config.batch_norm == "frozen")
    objective.to(device).train()
    split = objective if isinstance(objective, Objective) else Whole(objective)
    loader = Loader(data, tok, model.context_length, config, device)
    optimizer = make_optimizer([model, objective], config)
    state = TrainingState({"model": model, "objective": objective}, optimizer, scaler, loader)

    with contextlib.closing(open_folder(run_dir, describe(model, tok, data, config, objective), resume)) as folder:
        for step in range(folder.restore(state, model, tok), config.steps):
            try:
                with uninterrupted(), explaining(step, config, state, folder.last_state):
                    started = time.perf_counter()
                    lr = learning_rate(step, config)
                    for group in optimizer.param_groups:
                        group["lr"] = lr
                    batch = loader.batch(step)
                    optimizer.zero_grad(set_to_none=True)
                    loss = backward(model, batch, split, chunk_size=config.chunk_size, autocast=autocast, scale=scaler.scale)
                    scaler.unscale_(optimizer)
                    norm = gradient_norm(optimizer)
                    if not scaler.is_enabled():  # which skips the step and lowers its scale instead
                        check_finite(norm, "the gradient's length")
                    scaler.step(optimizer)
                    scaler.update()
                    scale = clamp_scale(model, config.max_scale)
                    speed = config.batch_size / (time.perf_counter() - started)
                    log = StepLog(step, loss.item(), lr, scale, norm.item(), speed)
                    folder.record(log)
                    folder.keep_if_due(step, config)
                yield log
            except (GeneratorExit, Terminated):  # whoever reads the logs has read enough, or the process is to end
                with saving():
                    folder.keep(step)
                raise


def clamp_scale(model: CLIP, max_scale: float) -> float:
    """Keep the logit scale between 1 and max_scale, after the step, so that the optimizer cannot leave it. Returns: the scale.

    The paper clips it at 100 (section 2.5); the released code leaves that to training.
    """
    with torch.no_grad():
        return model.logit_scale.clamp_(0, math.log(max_scale)).exp().item()


def check_fit(model: CLIP, tok: Tokenizer, data: Pairs, config: TrainConfig, objective: nn.Module) -> None:
    """Raise ValueError, with what was expected, for parts that cannot train together."""
    check_vocabulary(model, tok)
    choose("augmentation", config.augment, AUGMENTATIONS)
    mixed_precision(config.precision, pick_device(config.device))
    if data.captions is None:
        raise ValueError(f"{data.name} has no captions to train on")
    check_texts(data)
    if isinstance(objective, Objective):
        objective.check_data(data)
    if len(data) < config.batch_size:
        raise ValueError(f"a batch of {config.batch_size} needs as many pairs; {data.name} has {len(data)}")
    if any(p.dtype != torch.float32 for p in model.parameters()):
        raise ValueError("expected fp32 weights: Adam destroys half-precision ones; pass precision= for autocast")
    if config.chunk_size and not isinstance(objective, Objective):
        raise ValueError(
            f"chunk_size needs an objective that encodes and compares in two halves; {type(objective).__name__} does all at "
            "once: derive it from clipmini.objectives.objective.Objective, or set chunk_size to 0"
        )
