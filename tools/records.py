"""Results of trainings, kept one by one as they come, so that what is there already is not trained again."""

import json
from pathlib import Path

from clipmini.files import atomic_write


class Records:
    """A JSON file of what each run found, under keys such as variant and seed."""

    def __init__(self, path: Path):
        self.path = path

    def known(self) -> dict:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def has(self, *keys) -> bool:
        part = self.known()
        for key in map(str, keys):
            if key not in part:
                return False
            part = part[key]
        return True

    def keep(self, found: dict, *keys) -> None:
        """Write down what a run found, numbers with four digits, and leave all others as they are."""
        known = self.known()
        *path, last = map(str, keys)
        part = known
        for key in path:
            part = part.setdefault(key, {})
        part[last] = rounded(found)
        with atomic_write(self.path) as partial:
            partial.write_text(json.dumps(known) + "\n")


def rounded(value):
    """Four digits of every number in it."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
