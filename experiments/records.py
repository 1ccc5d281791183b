"""Results of trainings, kept one by one as they come, so that what is there already is not trained again."""

import json
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from clipmini.files import atomic_write


class Records:
    """A JSON file of what each run found, under keys such as variant and seed; several processes may add to it at once."""

    def __init__(self, path: Path, indent: int | None = None):
        self.path, self.indent = path, indent

    def known(self) -> dict:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def has(self, *keys) -> bool:
        part = self.known()
        for key in map(str, keys):
            if key not in part:
                return False
            part = part[key]
        return True

    def keep(self, found: dict, *keys) -> None:
        """Write down what a run found, numbers with four digits, and leave all others as they are."""
        *path, last = map(str, keys)

        def add(known: dict) -> dict:
            part = known
            for key in path:
                part = part.setdefault(key, {})
            part[last] = rounded(found)
            return known

        self.update(add)

    def update(self, change: Callable[[dict], dict]) -> None:
        """Replace what is known by `change` of it; nobody else writes between the reading and the writing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            text = json.dumps(change(self.known()), indent=self.indent, ensure_ascii=False)
            with atomic_write(self.path) as partial:
                partial.write_text(f"{text}\n", encoding="utf-8")


def rounded(value):
    """Four digits of every number in it."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
