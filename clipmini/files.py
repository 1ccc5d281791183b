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
    """The folder for what can be made again: CLIPMINI_CACHE, else clipmini in the user's cache folder.

    A user without a home has one of their own among the temporary files. Raises: ValueError if CLIPMINI_CACHE begins with
    a ~ that stands for no folder.
    """
    try:
        if chosen := os.environ.get("CLIPMINI_CACHE"):  # empty is as good as not set
            return Path(chosen).expanduser()
    except RuntimeError as error:
        raise ValueError(f"CLIPMINI_CACHE is {chosen!r}: {error}; write the folder in full") from error
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "clipmini"
    try:
        return Path.home() / ".cache" / "clipmini"
    except RuntimeError:  # no HOME, and a user that the system does not know, as in some containers
        return Path(tempfile.gettempdir()) / f"clipmini-{os.getuid()}"


@contextmanager
def atomic_write(path: str | Path):
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on failure `path` stays as it was.

    Raises ValueError if the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        os.close(handle)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}; choose a folder that you may write to") from error
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
