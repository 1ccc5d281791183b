"""A run on disk: who may write there, its states to go on from, and whether it is the same run."""

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import time
import warnings
import weakref
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from clipmini.config import TrainConfig
from clipmini.datasets import Pairs
from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.training.history import CONFIG, LOG, StepLog, draw_curves, flat, read_log
from clipmini.training.state import TrainingState
from clipmini.weights import is_whole, save

CHECKPOINT, LOCK = "checkpoint.safetensors", ".lock"
STATES_KEPT = 2  # the newest, and the one before
# Of a configuration, when a run goes on: none of these asks for another gradient.
FREE_TO_CHANGE = ("checkpoint_every", "checkpoint_minutes", "device", "chunk_size", "recompute", "compile")


class NoFolder:
    """A run that keeps nothing on disk."""

    def restore(self, state: TrainingState, model: CLIP, tok: Tokenizer) -> int:
        return 0

    def record(self, log: StepLog) -> None:
        pass

    def keep_if_due(self, step: int, config: TrainConfig) -> None:
        pass

    def keep(self, step: int) -> None:
        pass

    def last_state(self) -> str:
        return ""

    def close(self) -> None:
        pass


class RunFolder:
    """Where a run is kept, by one process at a time, and in it by the training that came last.

    Args:
        described: what the run is, as `describe` says it.
        resume: go on with the run that the folder holds, if there is one.
    Raises: ValueError if the folder holds a run that is not to be resumed or is described otherwise, cannot be written, or
    another process trains in it.
    """

    def __init__(self, path: str | Path, described: dict, resume: bool):
        self.path = named_in_utf8(Path(path).absolute())
        self.key, self.process, self.last = self.path.resolve(), os.getpid(), None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = alone_in(self.path)
            with contextlib.ExitStack() as stack:
                stack.callback(self.lock.release)
                self._open(described, resume)
                stack.pop_all()  # it is held until the run is closed
        except OSError as error:
            raise ValueError(f"cannot write to {self.path}: {error.strerror}") from error

    def _open(self, described: dict, resume: bool) -> None:
        if resume and self.key in OWNERS:
            OWNERS[self.key].keep_last()
        if holds_run(self.path):
            if not resume:
                raise ValueError(f"{self.path} already holds a run: resume it, or choose another folder, so that nothing is lost")
            refuse_changes(self.path, read_config(self.path), described)
        self.described, self.kept, self.kept_at = described, None, time.monotonic()
        self.log = open(self.path / LOG, "a", buffering=1)

    def restore(self, state: TrainingState, model: CLIP, tok: Tokenizer) -> int:
        """Load the newest whole state and forget the log after it. Returns: the step to take next; 0 if there is no state.

        Raises: ValueError, and changes nothing, if there are states and none of them can be read.
        """
        self.state, self.model, self.tok = state, model, tok
        newest = newest_whole(self.path)
        done = -1 if newest is None else state.load(newest)
        try:
            self._begin_after(done)
        except OSError as error:
            raise ValueError(f"cannot write to {self.path}: {error.strerror}") from error
        self.kept = None if newest is None else done
        OWNERS[self.key] = self
        return done + 1

    def _begin_after(self, done: int) -> None:
        """Bring configuration and log to where the state is."""
        for torn in self.path.glob(".*.partial"):  # of a process that was killed while it wrote
            torn.unlink()
        logs = [json.dumps(dataclasses.asdict(log)) + "\n" for log in read_log(self.path) if log.step <= done]
        self.log.close()
        with atomic_write(self.path / CONFIG) as partial:
            partial.write_text(json.dumps(self.described | {"versions": versions()}, indent=1) + "\n")
        with atomic_write(self.path / LOG) as partial:
            partial.write_text("".join(logs))
        self.log = open(self.path / LOG, "a", buffering=1)

    @property
    def is_ours(self) -> bool:
        """Whether this is the process that trains here, and no other training of it has gone on here since."""
        return os.getpid() == self.process and OWNERS.get(self.key) is self

    def record(self, log: StepLog) -> None:
        """Append the step to the log. Raises: ValueError if it cannot be written, or another training goes on here."""
        if not self.is_ours:
            raise ValueError(f"another training of this process has gone on in {self.path} since; this one ends here")
        try:
            self.log.write(json.dumps(dataclasses.asdict(log)) + "\n")
            self.last = log.step
        except OSError as error:
            raise ValueError(f"cannot write {self.path / LOG}: {error.strerror}. {self.last_state()}") from error

    def keep_if_due(self, step: int, config: TrainConfig) -> None:
        """Keep the step if it is time for it: by steps, by minutes, or because it was the last."""
        minutes = (time.monotonic() - self.kept_at) / 60
        by_time = 0 < config.checkpoint_minutes <= minutes
        if by_time or (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            self.keep(step)

    def keep(self, step: int) -> None:
        """Save the state after this step, and the model as a checkpoint; old states go when the new one is whole.

        Nothing is written if the step is kept already, or another training has gone on here.
        """
        if self.kept == step or not self.is_ours:
            return
        save(self.model, self.path / CHECKPOINT, tokenizer=self.tok)  # first: a state says that the step is kept
        self.state.save(self.path / f"state-{step:08d}.safetensors", step)
        earlier = [path for path in states(self.path) if step_of(path) < step]
        for old in earlier[: 1 - STATES_KEPT]:
            old.unlink()
        self.kept, self.kept_at = step, time.monotonic()

    def keep_last(self) -> None:
        """Keep the step that was recorded last, if it is not kept yet: another training is about to go on here."""
        if self.last is not None:
            self.keep(self.last)

    def last_state(self) -> str:
        """Where a run that failed can go on."""
        whole = [path for path in states(self.path) if is_whole(path)]
        return f"The last good state is {whole[-1]}: resume goes on from there" if whole else "No state had been saved yet"

    def close(self) -> None:
        """Close the log and draw its curves."""
        with contextlib.suppress(OSError):  # a full disk has been told of by `record`
            self.log.close()
        if self.is_ours:
            draw_curves(self.path)
        if os.getpid() == self.process:  # a child that was forked shares the lock with its parent
            self.lock.release()


OWNERS: weakref.WeakValueDictionary[Path, RunFolder] = weakref.WeakValueDictionary()


def open_folder(path: str | Path | None, described: dict, resume: bool) -> RunFolder | NoFolder:
    """The folder of a run; without a path, nothing is kept."""
    return NoFolder() if path is None else RunFolder(path, described, resume)


def named_in_utf8(path: Path) -> Path:
    """The path. Raises: ValueError if its name is not UTF-8, which safetensors needs."""
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the folder's name {str(path)!r} is not UTF-8: choose another, so that states can be saved") from error
    return path


def holds_run(path: Path) -> bool:
    """Whether a folder holds a step of a run, a state or a checkpoint."""
    logged = (path / LOG).is_file() and (path / LOG).stat().st_size > 0
    return logged or bool(states(path)) or (path / CHECKPOINT).exists()


def read_config(path: Path) -> dict:
    """What the run in a folder is. Raises: ValueError if its configuration cannot be read."""
    try:
        config = json.loads((path / CONFIG).read_text())
        if not (isinstance(config, dict) and isinstance(config.get("train"), dict)):
            raise ValueError("it has no settings of a training")
        return config
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read what the run in {path} is: {path / CONFIG}: {error}") from error


def newest_whole(path: Path) -> Path | None:
    """The newest state in a folder that is whole; None if no state had been saved yet.

    Raises: ValueError, with their names, if there are states and none is whole, or if there is a checkpoint, but no state that
    goes with it; a newer one that is damaged is warned of.
    """
    found = states(path)
    if not found and (path / CHECKPOINT).exists():
        raise ValueError(f"{path} holds a {CHECKPOINT}, but no state to go on from: choose another folder, so that it stays")
    whole = [state for state in found if is_whole(state)]
    damaged = ", ".join(str(state) for state in found if not whole or state > whole[-1])
    if found and not whole:
        raise ValueError(f"no state can be read: {damaged}. Nothing was changed: put a whole one there, or choose another folder")
    if damaged:
        warnings.warn(f"{damaged} cannot be read; the run goes on after {whole[-1]}", stacklevel=2)
    return whole[-1] if whole else None


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
    return sorted(path.glob("state-" + 8 * "[0-9]" + ".safetensors"))


def step_of(state: Path) -> int:
    """The step after which a state was saved."""
    return int(state.stem.removeprefix("state-"))


def describe(model: CLIP, tok: Tokenizer, data: Pairs, config: TrainConfig, objective: torch.nn.Module) -> dict:
    """What makes a run this run: model, training, data, vocabulary, objective with its settings."""
    return {
        "model": model.config.to_dict(),
        "train": dataclasses.asdict(config),
        "data": {
            "name": data.name,
            "split": data.split,
            "pairs": len(data),
            "captions": digest("\0".join(data.captions if data.wordings is None else map("|".join, data.wordings)).encode()),
            "concept": None if data.concept is None else digest(data.concept.numpy()),
            "images": digest(*(part.contiguous().numpy() for part in data.pixels.split(4096))),
        },
        "vocabulary": tok.hash,
        "objective": type(objective).__qualname__,
        "objective settings": settings(objective),
    }


def settings(objective: torch.nn.Module) -> str:
    """What an objective and its parts are set to: their plain attributes, but for those that begin with an underscore."""
    plain = bool | int | float | str | tuple | list | dict | None
    found = {
        f"{part}.{name}".lstrip("."): value
        for part, module in objective.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, plain) and not name.startswith("_") and name != "training"
    }
    return ", ".join(f"{name}={value!r}" for name, value in sorted(found.items()))


def digest(*parts) -> str:
    """Sixteen hex digits of bytes, in parts or not."""
    hashed = hashlib.blake2b(digest_size=8)
    for part in parts:
        hashed.update(part)
    return hashed.hexdigest()


def refuse_changes(path: Path, before: dict, now: dict) -> None:
    """Raise ValueError, with every difference, if a run would go on as another one.

    What a run of an older version does not tell is taken to be as it is now; a setting that it did not have, at its default.
    """
    default = {f"train.{field.name}": field.default for field in dataclasses.fields(TrainConfig)}
    old, new = dict(flat(before)), dict(flat(json.loads(json.dumps(now))))
    old = {key: default[key] for key in new if key in default} | old
    keys = [key for key in old if key.split(".")[0] != "versions" and key.split(".")[-1] not in FREE_TO_CHANGE]
    changed = [f"{key} is {new.get(key)!r}, was {old[key]!r}" for key in keys if old[key] != new.get(key)]
    if changed:
        raise ValueError(f"the run in {path} is another one: {'; '.join(changed)}. Change it back, or choose another folder")


def versions() -> dict[str, str]:
    """What a run was made with, for the record; a run may go on with others."""
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {"python": platform.python_version(), "torch": torch.__version__, "machine": where}
