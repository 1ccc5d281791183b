"""Make .venv from requirements.txt, with one sentence of advice where something is missing.

Only the standard library is used, and syntax that an old Python can still read: this runs before
anything is installed.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
OLDEST_PYTHON = (3, 11)
NEEDED_GB = 8  # torch with its CUDA libraries is 5 GB of the installed 6 GB


def stop(advice):
    sys.exit("clipmini: " + advice)


def step(number, what, *command):
    """Run a command, say which of the four steps it is, and stop with advice if it fails."""
    print("[%d/4] %s" % (number, what), flush=True)  # noqa: UP031 - an old Python must get as far as the advice
    # A PYTHONHOME or an active environment of the caller must not leak into ours.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV")}
    if subprocess.call([str(part) for part in command], cwd=str(ROOT), env=env) != 0:
        stop("this step failed for the reason printed above; if it is the network, run make again: "
             "finished downloads are kept.")


def check_machine():
    if sys.version_info < OLDEST_PYTHON:
        stop("Python 3.11 or newer is needed and this is %d.%d; name a newer one with "  # noqa: UP031
             "`make PYTHON=python3.12 ...`." % sys.version_info[:2])
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python cannot make virtual environments; on Debian or Ubuntu run "
             "`sudo apt install python3-venv` and try again.")
    free_gb = shutil.disk_usage(str(ROOT)).free / 1e9
    if not (VENV / ".ready").exists() and free_gb < NEEDED_GB:
        stop("about %d GB are needed for torch and the book tools and %.1f GB are free here; "  # noqa: UP031
             "free some space and try again." % (NEEDED_GB, free_gb))


def main():
    check_machine()
    started = time.time()
    if not (BIN / "python").exists():
        step(1, "making .venv", sys.executable, "-m", "venv", VENV)
    if not (BIN / "uv").exists():
        step(2, "installing uv, the installer",
             BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
    uv = (BIN / "uv", "pip", "install", "--compile-bytecode", "--python", BIN / "python")
    step(3, "installing what requirements.txt lists: 3 GB to download the first time", *uv, "-r", "requirements.txt")
    step(4, "installing clipmini itself, editable",
         *uv, "--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    (VENV / ".ready").touch()
    print("Ready after %.0f s." % (time.time() - started))  # noqa: UP031


if __name__ == "__main__":
    main()
