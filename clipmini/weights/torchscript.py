"""The tensors of a TorchScript archive, and nothing else of it: its code is never run.

An archive is a zip file. NAME/data.pkl is a pickle of the modules, each an object of a class that the archive's own code
defines; where a module has a tensor the pickle says which bytes of NAME/data/KEY it is. A pickle can call any function
that it names: here it gets descriptions of tensors, and plain objects for modules, or it is refused.
"""

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import torch
from torch import Tensor

STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16,
    "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}
LISTS = {("torch.jit._pickle", f"build_{kind}list") for kind in ("int", "double", "bool", "tensor")}


class Module:
    """An object of a class that only the archive's code knows: what it holds, by name."""

    held = {}

    def __setstate__(self, held: dict):
        if not isinstance(held, dict):
            raise ValueError(f"a module is held as {type(held).__name__}, not by name")
        self.held = held


class Stored(NamedTuple):
    """Where a tensor's numbers are: what `torch._utils._rebuild_tensor_v2` is called with."""

    storage: tuple[torch.dtype, str]  # and its key
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: OrderedDict


class TensorUnpickler(pickle.Unpickler):
    """Builds modules and descriptions of tensors. Raises: ValueError that names whatever else it is asked for."""

    def find_class(self, module: str, name: str):
        if module.split(".")[0] == "__torch__":
            return Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return partial(Stored)  # a new object, since a pickle may set attributes of what it gets
        if (module, name) in LISTS:
            return partial(list)
        raise ValueError(f"it asks for {module}.{name}, which is no tensor: nothing was run")

    def persistent_load(self, where: tuple) -> tuple[torch.dtype, str]:
        _, dtype, key, _, _ = where  # the device that it was on, and its size, do not matter
        return dtype, key


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The archive's state_dict, on the CPU. zipfile compares each part with its CRC-32.

    Raises: ValueError if the file is no whole TorchScript archive, or holds something else than modules of tensors.
    """
    try:
        with ZipFile(path) as archive:
            (pickled,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            with archive.open(pickled) as file:
                root = TensorUnpickler(file).load()
            if not isinstance(root, Module):
                raise ValueError(f"it holds a {type(root).__name__}, not a module")
            folder = pickled.removesuffix(".pkl")
            return {name: _tensor(archive, f"{folder}/{stored.storage[1]}", stored) for name, stored in _walk(root)}
    except Exception as error:  # a damaged pickle can fail in any way
        raise ValueError(f"{path} is not a whole TorchScript archive: {str(error) or type(error).__name__}") from error


def _walk(module: Module, prefix: str = "") -> Iterator[tuple[str, Stored]]:
    """Names and tensors in PyTorch's order: a module's own before those of its parts."""
    yield from ((prefix + name, value) for name, value in module.held.items() if isinstance(value, Stored))
    for name, value in module.held.items():
        if isinstance(value, Module):
            yield from _walk(value, f"{prefix}{name}.")


def _tensor(archive: ZipFile, name: str, stored: Stored) -> Tensor:
    numbers = torch.frombuffer(bytearray(archive.read(name)), dtype=stored.storage[0])
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)
