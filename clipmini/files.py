"""Where files are found, and how they are written so that nothing is lost."""

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib import resources
from pathlib import Path

TIMEOUT = 30  # seconds without a byte


def data_folder() -> Path:
    """The folder of artefacts that ship: inside an installed package, beside it in a checkout."""
    installed = Path(str(resources.files("clipmini"))) / "data"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "data"


def package_data(name: str) -> Path:
    """The path of a file that ships with clipmini. Raises ValueError, with the choices, if there is none."""
    path = data_folder() / name
    if not path.is_file():
        choices = ", ".join(sorted(p.name for p in data_folder().iterdir()))
        raise ValueError(f"no file {name!r} ships with clipmini; choose from: {choices}")
    return path


def cache_dir() -> Path:
    """The folder for what can be made again: CLIPMINI_CACHE, else clipmini in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "clipmini"
    return Path(os.environ.get("CLIPMINI_CACHE", default))


@contextmanager
def atomic_write(path: str | Path):
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on failure `path` stays as it was.

    Raises ValueError if the folder can not be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        os.close(handle)
    except OSError as error:
        raise ValueError(f"can not write {path}: {error.strerror}; choose a folder that you may write to") from error
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # the bytes reach the disk before the name does
        os.replace(partial, path)
    except OSError as error:
        raise ValueError(f"could not save {path}: {error}; what was there before is unchanged") from error
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class Remote:
    """A file elsewhere: its name, the addresses to try in turn, and the SHA-256 that any of them must match."""

    name: str
    urls: Sequence[str]
    sha256: str


def fetch(remote: Remote) -> Path:
    """The path of a remote file in the cache, downloaded if it is not there yet or no longer matches its SHA-256.

    Raises: ConnectionError if no address gave the right bytes; it says why for each, and what to do instead.
    """
    path, failures = cache_dir() / remote.name, []
    if path.is_file():
        if hashlib.sha256(path.read_bytes()).hexdigest() == remote.sha256:
            return path
        failures.append(f"{path} is there but has another SHA-256 than {remote.sha256}")
    for url in remote.urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
                content = response.read()
        except (OSError, HTTPException) as error:
            failures.append(f"{url}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == remote.sha256:
            with atomic_write(path) as partial:
                partial.write_bytes(content)
            return path
        failures.append(f"{url}: expected SHA-256 {remote.sha256}, got {found}; discarded")
    raise ConnectionError(
        f"can not download {remote.name} ({'; '.join(failures)}). Without a network, put the file at {path}, or pass its path"
    )
