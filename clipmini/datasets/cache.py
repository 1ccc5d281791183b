"""The cache on disk: made once, checked whenever it is read, made again if it does not match."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import AcquireReturnProxy, FileLock

from clipmini import tensors

FORMAT = "cache-2"  # files of before are made anew
Arrays = dict[str, np.ndarray]


def cached(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in a file of the cache; if it is missing or damaged, they are made and kept there.

    A second process that asks for the same file waits for the first one. Where nothing can be written, a warning says so
    and nothing is kept.
    Raises: ValueError if nothing can be written in a folder that CLIPMINI_CACHE chose.
    """
    if arrays := read(path):
        return arrays
    held = _lock(path)
    if held is None:
        return make()
    with held:  # locked once, and free again whatever happens: an interrupt, too
        if arrays := read(path):
            return arrays
        arrays = make()
        _keep(path, arrays)
    return arrays


def write(path: Path, arrays: Arrays) -> None:
    """One file for all, the same bytes each time; it appears whole or not at all."""
    tensors.write(path, {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in arrays.items()}, {"format": FORMAT})


def read(path: Path) -> Arrays | None:
    """What `write` wrote, mapped and not copied; None if it is not there, or its values, shapes or types have changed."""
    try:
        parts, metadata = tensors.read(path)
    except ValueError:
        return None
    return {name: part.numpy() for name, part in parts.items()} if metadata.get("format") == FORMAT else None


def _lock(path: Path) -> AcquireReturnProxy | None:
    """The right to make a file, once it is ours; None where there can be no file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{path}.lock").acquire()
    except OSError as error:
        _not_kept(f"cannot write {path}: {error.strerror}; choose a folder that you may write to", error)
        return None


def _keep(path: Path, arrays: Arrays) -> None:
    try:
        write(path, arrays)
    except ValueError as error:  # a full disk, for one
        _not_kept(str(error), error)


def _not_kept(why: str, error: Exception) -> None:
    """Who chose the folder hears of it; where nobody did, pictures are made again next time."""
    if os.environ.get("CLIPMINI_CACHE"):
        raise ValueError(f"CLIPMINI_CACHE: {why}") from error
    warnings.warn(f"{why}. The same pictures are drawn again next time: CLIPMINI_CACHE names another folder", stacklevel=2)
