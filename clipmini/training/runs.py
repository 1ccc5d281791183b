"""A run on disk: its configuration, a line of JSON a step, states to go on from, a picture of its curves."""

import contextlib
import dataclasses
import hashlib
import json
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from matplotlib.figure import Figure

from clipmini.config import TrainConfig
from clipmini.datasets import Pairs
from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.plots import plot_run
from clipmini.tokenizer import Tokenizer
from clipmini.training.state import TrainingState
from clipmini.weights import is_whole, save

CHECKPOINT, LOG, CONFIG, CURVES, LOCK = "checkpoint.safetensors", "log.jsonl", "config.json", "curves.png", ".lock"
STATES_KEPT = 2  # the newest, and the one before
FREE_TO_CHANGE = ("checkpoint_every", "checkpoint_minutes")  # of a configuration, when a run goes on


@dataclass(frozen=True)
class StepLog:
    """One step. loss: nats; logit_scale: exponentiated, after the clamp; gradient_norm: of all parameters, before the step;
    images_per_second: of this step.
    """

    step: int
    loss: float
    lr: float
    logit_scale: float
    gradient_norm: float
    images_per_second: float


class RunFolder:
    """Where a run is kept, by one process at a time; without a path, nothing is.

    Args: described: what the run is, as `describe` says it. resume: go on with the run that the folder holds, if there is one.
    Raises: ValueError if the folder holds a run that is not to be resumed or is described otherwise, can not be written, or
    another process trains in it.
    """

    def __init__(self, path: str | Path | None, described: dict, resume: bool):
        self.path = None if path is None else Path(path)
        if self.path is None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = alone_in(self.path)
            with contextlib.ExitStack() as stack:
                stack.callback(self.lock.release)
                self._open(described, resume)
                stack.pop_all()  # it is held until the run is closed
        except OSError as error:
            raise ValueError(f"can not write to {self.path}: {error.strerror}") from error

    def _open(self, described: dict, resume: bool) -> None:
        if (self.path / LOG).exists() and not resume:
            raise ValueError(f"{self.path} already holds a run: resume it, or choose another folder, so that nothing is lost")
        if (self.path / CONFIG).exists():
            refuse_changes(self.path, json.loads((self.path / CONFIG).read_text()), described)
        with atomic_write(self.path / CONFIG) as partial:
            partial.write_text(json.dumps(described | {"versions": versions()}, indent=1) + "\n")
        self.log = open(self.path / LOG, "a", buffering=1)
        self.kept_at = time.monotonic()

    def restore(self, state: TrainingState) -> int:
        """Load the newest whole state and forget the log after it. Returns: the step to take next; 0 if there is no state."""
        if self.path is None:
            return 0
        for torn in self.path.glob(".*.partial"):  # of a process that was killed while it wrote
            torn.unlink()
        whole = [path for path in states(self.path) if is_whole(path)]
        done = state.load(whole[-1]) if whole else -1
        logs = [json.dumps(dataclasses.asdict(log)) + "\n" for log in read_log(self.path) if log.step <= done]
        self.log.close()
        with atomic_write(self.path / LOG) as partial:
            partial.write_text("".join(logs))
        self.log = open(self.path / LOG, "a", buffering=1)
        return done + 1

    def record(self, log: StepLog) -> None:
        """Append the step to the log."""
        if self.path is not None:
            self.log.write(json.dumps(dataclasses.asdict(log)) + "\n")

    def is_due(self, step: int, config: TrainConfig) -> bool:
        """Whether it is time for a checkpoint: by steps, by minutes, or because it was the last step."""
        if self.path is None:
            return False
        minutes = (time.monotonic() - self.kept_at) / 60
        by_time = 0 < config.checkpoint_minutes <= minutes
        return by_time or (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps

    def keep(self, state: TrainingState, step: int, model: CLIP, tok: Tokenizer) -> None:
        """Save the state after this step, and the model as a checkpoint; old states go when the new one is whole."""
        if self.path is None:
            return
        state.save(self.path / f"state-{step:08d}.safetensors", step)
        save(model, self.path / CHECKPOINT, tokenizer=tok)
        for old in states(self.path)[:-STATES_KEPT]:
            old.unlink()
        self.kept_at = time.monotonic()

    def last_state(self) -> str:
        """Where a run that failed can go on."""
        if self.path is None:
            return ""
        whole = [path for path in states(self.path) if is_whole(path)]
        return f"The last good state is {whole[-1]}: resume goes on from there" if whole else "No state had been saved yet"

    def close(self) -> None:
        """Close the log and draw its curves."""
        if self.path is not None:
            self.log.close()
            draw_curves(self.path)
            self.lock.release()


def alone_in(path: Path) -> FileLock:
    """A lock on the folder, until it is released or the process ends, however it ends.

    Raises: ValueError if another process has it.
    """
    lock = FileLock(path / LOCK, timeout=0, is_singleton=True)  # one notebook may begin again what it has stopped
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"another process is training in {path}: wait for it, or choose another folder") from error
    return lock


def states(path: Path) -> list[Path]:
    """The states in a folder, the oldest first; they need not be whole."""
    return sorted(path.glob("state-*.safetensors"))


def describe(model: CLIP, tok: Tokenizer, data: Pairs, config: TrainConfig, objective: torch.nn.Module) -> dict:
    """What makes a run this run: model, training, data, vocabulary, objective."""
    captions = hashlib.sha256("\0".join(data.captions).encode()).hexdigest()[:16]
    return {
        "model": model.config.to_dict(),
        "train": dataclasses.asdict(config),
        "data": {"name": data.name, "split": data.split, "pairs": len(data), "captions": captions},
        "vocabulary": tok.hash,
        "objective": type(objective).__qualname__,
    }


def refuse_changes(path: Path, before: dict, now: dict) -> None:
    """Raise ValueError, with every difference, if a run would go on as another one."""
    old, new = dict(_flat(before)), dict(_flat(json.loads(json.dumps(now))))
    keys = [key for key in old | new if key.split(".")[0] != "versions" and key.split(".")[-1] not in FREE_TO_CHANGE]
    changed = [f"{key} is {new.get(key)!r}, was {old.get(key)!r}" for key in keys if old.get(key) != new.get(key)]
    if changed:
        raise ValueError(f"the run in {path} is another one: {'; '.join(changed)}. Change it back, or choose another folder")


def _flat(tree: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        yield from _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]


def versions() -> dict[str, str]:
    """What a run was made with, for the record; a run may go on with others."""
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {"python": platform.python_version(), "torch": torch.__version__, "machine": where}


def read_log(path: Path) -> list[StepLog]:
    """The steps in a folder's log. A last line that was cut off while it was written is left out."""
    logs = []
    for line in (path / LOG).read_text().splitlines():
        try:
            logs.append(StepLog(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            break
    return logs


def draw_curves(path: Path) -> None:
    """Draw a folder's log beside it."""
    if not (logs := read_log(path)):
        return
    figure = Figure(figsize=(12, 6), layout="constrained")
    plot_run(figure.subplots(2, 3), logs)
    with atomic_write(path / CURVES) as partial:
        figure.savefig(partial, format="png", dpi=100)


def compare(paths: list[Path]) -> list[dict[str, str]]:
    """A row a run: its summary, and those settings in which the runs differ. Raises ValueError for a folder without a run."""
    rows = [summary(path) for path in paths]
    settings = [dict(_flat({"train": json.loads((path / CONFIG).read_text())["train"]})) for path in paths]
    for key in settings[0]:
        if len({str(setting.get(key)) for setting in settings}) > 1:
            for row, setting in zip(rows, settings, strict=True):
                row[key.removeprefix("train.")] = str(setting.get(key))
    return rows


def summary(path: Path, last: int = 50) -> dict[str, str]:
    """How far a run is, and its last steps' mean loss and median speed.

    Raises: ValueError if the folder holds no run.
    """
    if not (path / CONFIG).is_file() or not (path / LOG).is_file():
        raise ValueError(f"{path} holds no run: it has no {CONFIG} and {LOG}")
    config, logs = json.loads((path / CONFIG).read_text()), read_log(path)
    latest = logs[-last:]
    row = {"run": path.name, "steps": f"{len(logs):,} of {config['train']['steps']:,}"}
    if latest:
        row |= {"loss": f"{statistics.mean(log.loss for log in latest):.3f}", "scale": f"{latest[-1].logit_scale:.1f}",
                "images/s": f"{statistics.median(log.images_per_second for log in latest):,.0f}"}
    return row
