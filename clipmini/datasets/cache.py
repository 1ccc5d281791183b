"""The cache on disk: made once, checked whenever it is read, made again if it does not match."""

import os
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import AcquireReturnProxy, FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from clipmini.files import atomic_write

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
    """One file for all, with a checksum of each part; it appears whole or not at all."""
    parts = {name: np.ascontiguousarray(part) for name, part in arrays.items()}
    sums = {name: str(zlib.crc32(part)) for name, part in parts.items()}
    with atomic_write(path) as partial:
        save_file({name: torch.from_numpy(part) for name, part in parts.items()}, partial, metadata=sums)


def read(path: Path) -> Arrays | None:
    """What `write` wrote, or None if it is not there or a byte of it has changed."""
    try:
        with safe_open(path, framework="pt") as file:
            sums = file.metadata() or {}
        parts = {name: part.numpy() for name, part in load_file(path).items()}  # mapped, not copied
    except (OSError, SafetensorError):
        return None
    return parts if sums == {name: str(zlib.crc32(part)) for name, part in parts.items()} else None


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
