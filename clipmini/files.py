"""Where files are found, and how they are written so that nothing is lost."""

import os
import tempfile
from contextlib import contextmanager
from importlib import resources
from pathlib import Path


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
        put_in_place(partial, path)
    except OSError as error:
        raise ValueError(f"could not save {path}: {error}; what was there before is unchanged") from error
    finally:
        partial.unlink(missing_ok=True)


def put_in_place(partial: Path, path: Path) -> None:
    """Give a whole file its final name in one step; the bytes reach the disk before the name does."""
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
