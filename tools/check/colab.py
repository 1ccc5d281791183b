"""Run every chapter from our wheel on Google Colab's versions, and on those of its oldest runtime.

Each runtime is a folder in the user's cache: the packages of its list (colab.txt, oldest.txt) and its Python, which is
the one installed here or, for root on a machine with debootstrap, that of a Debian release in a folder. The first run
downloads about 3 GB a runtime; a later one installs the wheel alone.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
UV = Path(sys.executable).with_name("uv")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipmini-check"
NEEDED_GB = 12  # torch with its CUDA libraries, unpacked, and the installer's own copy
VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
# In a mount namespace of its own: what is mounted there goes when the command ends.
ENTER = """\
mkdir -p "$1$2" && mount --bind "$2" "$1$2" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 1
debian=$1 folder=$2; shift 2; exec chroot "$debian" env -C "$folder" python3 "$@"
"""


class Failed(Exception):
    """A runtime that cannot be had, or is not as it should be."""


@dataclass(frozen=True)
class Runtime:
    name: str  # of its list, NAME.txt
    python: str  # major.minor
    debian: str  # the release that has this Python

    @property
    def packages(self) -> str:
        return (HERE / f"{self.name}.txt").read_text()

    @property
    def folder(self) -> Path:
        return CACHE / self.name


RUNTIMES = (Runtime("colab", "3.13", "trixie"), Runtime("oldest", "3.11", "bookworm"))


# ---------------------------------------------------------------- its Python


def is_python(path: str | Path, version: str) -> bool:
    """Whether the file runs and is that Python: a version manager's shim may stand for none."""
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([path, "-c", code], capture_output=True, text=True)
    return result.returncode == 0 and result.stdout.strip() == version


def installed_python(version: str) -> Path | None:
    """A Python of this version on the path, of uv, or of pyenv."""
    managed = subprocess.run([UV, "python", "find", "--managed-python", "--no-python-downloads", version],
                             capture_output=True, text=True).stdout.strip()
    candidates = [shutil.which(f"python{version}"), managed]
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python"))
    return next((Path(path) for path in candidates if path and is_python(path, version)), None)


def debian_python(runtime: Runtime) -> list[str]:
    """The command that runs the Python of a Debian release, unpacked into a folder; without a shell or a service."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise Failed(f"Python {runtime.python} is not installed here, and cannot be unpacked from Debian either: "
                     "that takes root and debootstrap (on Debian or Ubuntu: `apt-get install debootstrap`).")
    debian = CACHE / f"debian-{runtime.debian}"
    if not (debian / "ready").exists():
        shutil.rmtree(debian, ignore_errors=True)
        print(f"Unpacking Debian {runtime.debian}, for its Python {runtime.python}.", flush=True)
        command = ["debootstrap", "--variant=minbase", "--include=python3", runtime.debian, debian]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            raise Failed(f"debootstrap could not unpack Debian {runtime.debian}, for the reason printed above.")
        (debian / "ready").touch()
    return ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(debian), str(runtime.folder)]


def interpreter(runtime: Runtime) -> list[str]:
    """The command that runs the runtime's Python, with no packages but the standard library."""
    python = installed_python(runtime.python)
    if python is None:
        return debian_python(runtime)
    env = runtime.folder / "env"
    if not (env / "bin" / "python").exists():
        subprocess.run([python, "-m", "venv", "--without-pip", env], check=True)
    return [str(env / "bin" / "python")]


# ---------------------------------------------------------------- its packages


def run(runtime: Runtime, *arguments) -> str:
    """What the runtime's Python prints; it sees the runtime's packages and none of ours. Raises Failed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "JUPYTER", "CLIPMINI"))}
    env |= {"PYTHONPATH": str(runtime.folder / "site"), "HOME": str(runtime.folder / "home"),
            "OMP_NUM_THREADS": "2", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    result = subprocess.run([*interpreter(runtime), *map(str, arguments)], cwd=runtime.folder, env=env,
                            preexec_fn=lambda: os.nice(10), stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Failed(f"{runtime.name}: its Python stopped for the reason printed above.")
    return result.stdout


def versions(runtime: Runtime) -> dict[str, str]:
    return json.loads(run(runtime, "-c", VERSIONS))


def install(runtime: Runtime, *what: str | Path) -> None:
    command = [UV, "pip", "install", "--quiet", "--target", runtime.folder / "site",
               "--python", sys.executable, "--python-version", runtime.python, *what]
    if subprocess.run(command, cwd=runtime.folder).returncode != 0:
        raise Failed(f"{runtime.name}: its packages could not be installed, for the reason printed above.")


def prepare(runtime: Runtime) -> dict[str, str]:
    """The runtime's own packages, installed unless they are there; -> their versions. Raises Failed."""
    record, site = runtime.folder / "installed.json", runtime.folder / "site"
    (runtime.folder / "home").mkdir(parents=True, exist_ok=True)
    if record.exists() and (kept := json.loads(record.read_text()))["packages"] == runtime.packages:
        return kept["versions"]
    record.unlink(missing_ok=True)
    shutil.rmtree(site, ignore_errors=True)
    interpreter(runtime)  # before the download, if it cannot be had
    free_gb = shutil.disk_usage(CACHE).free / 1e9
    if free_gb < NEEDED_GB:
        raise Failed(f"about {NEEDED_GB} GB are needed in {CACHE} and {free_gb:.1f} GB are free; free some space.")
    print(f"{runtime.name}: installing its packages, 3 GB to download.", flush=True)
    install(runtime, "-r", HERE / f"{runtime.name}.txt")
    found = versions(runtime)
    record.write_text(json.dumps({"packages": runtime.packages, "versions": found}))
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Which packages of the runtime are another version now, or gone."""
    return [f"{name} {version} became {after.get(name, 'nothing')}"
            for name, version in sorted(before.items()) if after.get(name) != version]


def build_wheel(folder: Path) -> Path:
    subprocess.run([UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable,
                    "-o", folder, ROOT], check=True, cwd=folder)
    return next(folder.glob("*.whl"))


def add_wheel(runtime: Runtime, wheel: Path, before: dict[str, str]) -> None:
    """Install the wheel as a chapter's first cell does. Raises Failed if that changes what the runtime had."""
    install(runtime, "--reinstall-package", "clipmini", wheel)
    after = versions(runtime)
    if changed := changes(before, after):
        (runtime.folder / "installed.json").unlink()
        raise Failed(f"{runtime.name}: our wheel changes what is there: {'; '.join(changed)}")
    added = sorted(f"{name} {version}" for name, version in after.items() if name not in before)
    print(f"{runtime.name}: our wheel changes nothing and adds {', '.join(added)}", flush=True)


# ---------------------------------------------------------------- the chapters


def chapters(chosen: str) -> list[Path]:
    every = sorted((ROOT / "notebooks").glob("*.ipynb"))
    found = [path for path in every if path.name.startswith(chosen)]
    if not found:
        raise Failed(f"no chapter {chosen!r}; choose from: {', '.join(path.stem for path in every)}")
    return found


def run_chapter(runtime: Runtime, path: Path) -> bool:
    """Whether a chapter ran to its end, from a copy outside the tree; says so, and where it stopped if not."""
    shutil.copy(path, runtime.folder)
    shutil.copy(HERE / "run_chapter.py", runtime.folder)
    result = json.loads(run(runtime, "run_chapter.py", path.name).splitlines()[-1])
    print(f"  {runtime.name:7} {path.stem:30} {result['seconds']:5.0f} s  {result['failed'] or 'passed'}", flush=True)
    for warning in result["warned"]:
        print(f"          on standard error, cell {warning}", flush=True)
    return not result["failed"]


def check(runtime: Runtime, wheel: Path, chosen: str) -> int:
    """How many chapters stopped."""
    runtime.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{runtime.name}.lock"):
        add_wheel(runtime, wheel, prepare(runtime))
        return sum(not run_chapter(runtime, path) for path in chapters(chosen))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapter", nargs="?", default="", help="the first letters of its file name, such as 01")
    parser.add_argument("--runtime", choices=[runtime.name for runtime in RUNTIMES], help="only this one")
    options = parser.parse_args(arguments)
    stopped, missing = 0, []
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        for runtime in RUNTIMES:
            if options.runtime in (None, runtime.name):
                try:
                    stopped += check(runtime, wheel, options.chapter)
                except Failed as error:
                    missing.append(str(error))
    print("\n".join(f"clipmini: {reason}" for reason in missing) or f"{stopped} chapters stopped.")
    return int(bool(stopped or missing))


if __name__ == "__main__":
    sys.exit(main())
