"""The cache on disk: drawn once, checked whenever it is read, drawn again if it does not match."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from clipmini.datasets.scenes.rows import Rows
from clipmini.files import atomic_write


def kept(path: Path, make: Callable[[], Rows], must: bool = False) -> Rows:
    """The rows in a file of the cache; if it is missing or damaged, they are made and kept there.

    A second process that asks for the same file waits for the first one. Where nothing can be written nothing is kept,
    unless it must be: then ValueError.
    """
    if rows := read(path):
        return rows
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock")
        lock.acquire()
    except OSError as error:
        if must:
            raise ValueError(f"cannot write {path}: {error.strerror}; choose a folder that you may write to") from error
        return make()
    with lock:
        rows = read(path)
        if rows is None:
            rows = make()
            write(path, rows)
    return rows


def write(path: Path, rows: Rows) -> None:
    """One file for all, with a checksum of each part; it appears whole or not at all."""
    texts = {name: np.frombuffer(bytearray("\n".join(getattr(rows, name)).encode()), np.uint8) for name in ("captions", "notes")}
    parts = {"images": np.ascontiguousarray(rows.images), "labels": np.asarray(rows.labels, np.int64), **texts}
    sums = {name: str(zlib.crc32(part)) for name, part in parts.items()}
    with atomic_write(path) as partial:
        save_file({name: torch.from_numpy(part) for name, part in parts.items()}, partial, metadata=sums)


def read(path: Path) -> Rows | None:
    """What `write` wrote, or None if it is not there or a byte of it has changed."""
    try:
        with safe_open(path, framework="pt") as file:
            sums = file.metadata()
        parts = {name: part.numpy() for name, part in load_file(path).items()}  # mapped, not copied
        if any(sums[name] != str(zlib.crc32(parts[name])) for name in ("images", "labels", "captions", "notes")):
            return None
    except (OSError, SafetensorError, KeyError, TypeError):
        return None
    captions, notes = (parts[name].tobytes().decode().split("\n") for name in ("captions", "notes"))
    return Rows(parts["images"], captions, parts["labels"].tolist(), notes)
