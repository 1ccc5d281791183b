"""What a chapter's stored outputs depend on and has changed since they were stored."""

from pathlib import Path

from tools import ROOT
from tools.chapters.definitions import REST
from tools.chapters.dependencies import Library, code_hash, data_hash, library, lock_hash

NEVER = "it was not executed by `make notebooks`"


def reasons(notebook, root: Path = ROOT, modules: Library | None = None) -> list[str]:
    """Why a chapter is stale, a reason each; none if it is not. Args: modules: of `library(root)`, where it is at hand."""
    kept = notebook.metadata.get("clipmini", {})
    if "library" not in kept:
        return [NEVER]
    modules = library(root) if modules is None else modules
    changed = [name for name, now, before in (
        ("its own code", code_hash(notebook), kept["code"]),
        ("requirements.txt", lock_hash(root), kept["lock"]),
        *((f"data/{name}", data_hash(root, name), before) for name, before in kept["data"].items()),
    ) if now != before]
    return changed + [reason for file, parts in kept["library"].items() for reason in changes(file, parts, modules)]


def changes(file: str, parts: dict[str, str], modules: Library) -> list[str]:
    """Which of a file's definitions are others than those that were kept."""
    now = modules.get(file, {})
    gone = [f"{file}: {name} is gone" for name in parts if name not in now]
    new = [f"{file}: {REST}"] if REST in now and REST not in parts else []  # it runs at import, so it is used
    return gone + new + [f"{file}: {name}" for name, before in parts.items() if name in now and now[name].hash != before]
