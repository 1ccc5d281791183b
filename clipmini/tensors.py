"""Tensors on disk: safetensors files that appear whole or not at all, in the same bytes each time, and show a changed one."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipmini.files import atomic_write

CHECKSUM = "checksum"  # its entry in the metadata


def write(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write one file, in one atomic step, with a checksum of all that is in it.

    Args:
        tensors: by name, on any device; those that share memory are written one by one.
        metadata: texts by name.
    Raises: ValueError if the file cannot be written; what was there before is unchanged.
    """
    tensors = _apart(tensors)
    with atomic_write(path) as partial:
        try:
            save_file(tensors, partial, {**metadata, CHECKSUM: checksum(tensors, metadata)})
        except SafetensorError as error:  # a full disk arrives as this
            raise OSError(str(error)) from error
        _sort_metadata(partial)


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `write` wrote, or any safetensors file: the tensors, mapped and not copied, and the metadata.

    Raises: ValueError if it cannot be read, is cut short, or differs from what was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}); pickles and TorchScript archives are never opened"
        ) from error
    written = metadata.pop(CHECKSUM, None)  # files of others, and our older ones, have none
    if written is not None and written != (found := checksum(tensors, metadata)):
        raise ValueError(f"{path} has changed since it was written: its checksum is {written}, that of its content {found}")
    return tensors, metadata


def is_whole(path: str | Path) -> bool:
    """Whether there is a safetensors file, as long as its header says and as it was written."""
    try:
        read(path)
        return True
    except ValueError:
        return False


def checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Eight hexadecimal digits: CRC-32 of metadata, names, types, shapes and values, wherever in a file they lie.

    It finds accidents, not forgeries. CRC-32 is the quickest that Python has: 0.1 to 0.5 s for ViT-B/32's 605 MB.
    """
    names = sorted(tensors)
    kinds = [(name, str(tensors[name].dtype), list(tensors[name].shape)) for name in names]
    digits = zlib.crc32(json.dumps([sorted(metadata.items()), kinds]).encode())
    for name in names:
        digits = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy(), digits)
    return f"{digits:08x}"


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each with memory of its own, which safetensors asks for: tied weights are one tensor under two names."""
    apart, taken = {}, []
    for name, value in tensors.items():
        value = value.detach().cpu().contiguous()
        start, end = value.data_ptr(), value.data_ptr() + value.nbytes
        shared = any(start < other_end and other_start < end for other_start, other_end in taken)
        apart[name] = value.clone() if shared else value
        taken.append((start, end))
    return apart


def _sort_metadata(path: Path) -> None:
    """Write the header's metadata in order; safetensors has another one at each call."""
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        assert len(text) <= size, "the same entries in another order take the same room"
        file.seek(8)
        file.write(text.ljust(size))
