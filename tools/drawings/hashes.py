"""python -m tools.drawings.hashes: store the hashes of data/drawings, for the test that holds the version to them."""

import hashlib
import json

from clipmini.datasets import drawings
from clipmini.files import data_folder
from tools import ROOT

HASHES = ROOT / "tests" / "drawing_hashes.json"


def hashes() -> dict:
    files = sorted((data_folder() / "drawings").iterdir())
    return {
        "version": drawings.VERSION,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }


def store(found: dict) -> None:
    """Raises: ValueError for other bytes in the same version, which is raised by hand first."""
    stored = json.loads(HASHES.read_text()) if HASHES.is_file() else found
    changed = [name for name in found["files"] if found["files"][name] != stored["files"].get(name)]
    if changed and stored["version"] == found["version"]:
        raise ValueError(
            f"{len(changed)} files differ ({changed[0]} first) while drawings.VERSION is still {found['version']}: raise it"
        )
    HASHES.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    store(hashes())
