"""Files from elsewhere: downloaded once, resumed where a connection broke, refused if a byte is wrong."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from filelock import FileLock
from tqdm.auto import tqdm

from clipmini.files import cache_dir, put_in_place

TIMEOUT = 30  # seconds without a byte
CONNECTIONS = 5  # at most, to one address in a row, and only while each of them brings something
CHUNK = 2**20  # bytes, at most
WORTH_A_BAR = 10_000_000  # bytes


@dataclass(frozen=True)
class Remote:
    """A file elsewhere: its name, the addresses to try in turn, and the SHA-256 that any of them must match.

    by_path: whether who asks for it could give the path of a copy instead.
    """

    name: str
    urls: Sequence[str]
    sha256: str
    by_path: bool = True


class Unavailable(Exception):
    """The right bytes could not be had; the text says why."""


def fetch(remote: Remote) -> Path:
    """The path of a remote file in the cache, downloaded if it is not there yet or does not match its SHA-256.

    What has arrived is kept when a connection breaks or the process is killed; the next call asks for the rest.
    Raises: ConnectionError if no address gave the right bytes; it says why for each, and what to do instead.
    ValueError if the cache cannot be written to.
    """
    path = cache_dir() / remote.name
    if _is_right(path, remote):  # asked before the lock, which a cache that is read-only would refuse
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            _download(remote, path)
    except Unavailable as error:
        way_out = f"Without a network, put the file at {path}{', or pass its path' if remote.by_path else ''}"
        raise ConnectionError(f"cannot download {remote.name} ({error}). {way_out}") from None
    except OSError as error:
        way_out = "make room there, or set CLIPMINI_CACHE to a folder that you may write to"
        raise ValueError(f"cannot write {path}: {error.strerror}; {way_out}") from error
    return path


def _is_right(path: Path, remote: Remote) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256


def _download(remote: Remote, path: Path) -> None:
    """Put the file at `path`, from the first address that has it. Raises: Unavailable; it says why for each address."""
    part = path.with_name(f".{path.name}.{remote.sha256[:12]}.part")
    failures = []
    if path.is_file():
        if _is_right(path, remote):  # another process had the lock first
            return
        failures.append(f"{path} is there but has another SHA-256 than {remote.sha256}")
    for url in remote.urls:
        try:
            _complete(part, url, remote)
            return put_in_place(part, path)
        except Unavailable as error:
            failures.append(f"{url}: {error}")
    if size := _size(part):
        failures.append(f"the {size:,} bytes that came are kept for the next call")
    else:
        part.unlink(missing_ok=True)
    raise Unavailable("; ".join(failures))


def _complete(part: Path, url: str, remote: Remote) -> None:
    """Complete the part from one address; if it was resumed and does not match, once more from the start.

    Raises: Unavailable; then a part that lacks bytes is kept, and one that is whole but wrong is gone.
    """
    for _ in ("the rest", "the whole"):
        resumed, found = _gather(part, url, remote.name)
        if found == remote.sha256:
            return
        part.unlink()
        if not resumed:
            break
    raise Unavailable(f"expected SHA-256 {remote.sha256}, got {found}; discarded")


def _gather(part: Path, url: str, name: str) -> tuple[bool, str]:
    """Append over several connections until nothing is missing. Returns whether the last one resumed, and the SHA-256."""
    for left in reversed(range(CONNECTIONS)):
        before = _size(part)
        try:
            return before > 0, _append(part, url, name)
        except Unavailable:
            if not left or _size(part) <= before:
                raise


def _append(part: Path, url: str, name: str) -> str:
    """Append to the part, as it arrives, what an address has beyond it. Returns the SHA-256 of the whole."""
    with open(part, "a+b") as file:
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        for place, chunk in _arriving(url, _size(part), name):
            if place == 0:  # all of it comes again
                file.truncate(0)
                digest = hashlib.sha256()
            file.write(chunk)
            file.flush()
            digest.update(chunk)
    return digest.hexdigest()


def _arriving(url: str, start: int, name: str) -> Iterator[tuple[int, bytes]]:
    """The bytes of a file from `start` on, in chunks, each with its place in the file.

    From 0 on if the server ignores the Range; none if it has none there, and then the SHA-256 tells whether that was the end.
    Raises: Unavailable if the address does not answer, or the connection ends too early.
    """
    try:
        request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
        with urlopen(request, timeout=TIMEOUT) as answer:
            said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
            place, size = map(int, said.groups()) if said else (0, int(answer.headers.get("Content-Length", 0)))
            if place not in (0, start):
                return
            small = 0 < size < WORTH_A_BAR
            with tqdm(None, name, size or None, unit="B", unit_scale=True, initial=place, leave=False, disable=small) as bar:
                while chunk := answer.read1(CHUNK):  # `read` would lose what came before a timeout
                    yield place, chunk
                    place += len(chunk)
                    bar.update(len(chunk))
            if place < size:
                raise HTTPException(f"the connection ended after {place:,} of {size:,} bytes")
    except (OSError, HTTPException, ValueError) as error:
        if getattr(error, "code", None) != 416 or not start:
            raise Unavailable(str(error) or type(error).__name__) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
