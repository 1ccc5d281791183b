"""Store the hashes of what the scenes' generator draws and says now, for the test that holds it to them.

    python -m tools.scenes.hashes
"""

import hashlib
import json

from clipmini.datasets import scenes
from clipmini.datasets.scenes import rows
from clipmini.datasets.scenes.duplicates import ALL
from tools import ROOT

HASHES = ROOT / "tests" / "scene_hashes.json"


def digest(drawn: rows.Rows) -> str:
    """A hash of every byte: pictures, captions, labels, notes."""
    texts = "\n".join([*drawn.captions, *drawn.notes, *map(str, drawn.labels)])
    return hashlib.sha256(drawn.images.tobytes() + texts.encode()).hexdigest()


def hashes() -> dict[str, str]:
    """Of the first rows of every split and task, the pairs at two sizes."""
    found = {"version": scenes.VERSION}
    for split in ("train", "val"):
        for side in (32, 64):
            found[f"{split}, {side} px"] = digest(rows.draw_pairs(scenes.REFERENCE, split, range(64), side))
    for name, task in ALL.items():
        if task.rows is None:
            found[name] = digest(rows.draw_answers(name, task, "test", range(32), 32))
    return found


def store(found: dict[str, str]) -> None:
    """Raises: ValueError for other bytes in the same version, which is raised by hand first."""
    stored = json.loads(HASHES.read_text()) if HASHES.is_file() else {}
    changed = [name for name in stored if found.get(name) != stored[name]]
    if changed and stored["version"] == found["version"]:
        raise ValueError(
            f"{len(changed)} of {len(stored)} hashes differ ({changed[0]} first) while scenes.VERSION is still "
            f"{found['version']}: raise it, or draw as before"
        )
    HASHES.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    store(hashes())
