"""What a chapter's outputs depend on, as it is kept in the notebook's metadata, each part with a hash of its own.

Its code cells; the lock; the functions of clipmini that its execution ran or showed; the constants and classes of the
modules where any did, and those elsewhere that these name; the files of data/ that were read.

`clipmini/__init__.py` is left out: it only says where names live, and what they lead to is seen itself. Not seen are what
filled a cache before the execution, and a new method that takes the place of an inherited one, `forward` and `__...__` aside.
"""

from collections.abc import Iterator
from pathlib import Path

from tools.chapters.definitions import REST, Definition, canonical, definitions, imports_of, short_hash
from tools.chapters.notebook import cell_tree, code_cells

Library = dict[str, dict[str, Definition]]  # the definitions of each file


def library(root: Path) -> Library:
    """What the modules of clipmini define now."""
    files = set((root / "clipmini").rglob("*.py")) - {root / "clipmini" / "__init__.py"}
    return {file.relative_to(root).as_posix(): definitions(file.read_text(encoding="utf-8")) for file in sorted(files)}


def own_code(notebook) -> Definition:
    """The chapter's code cells as one definition."""
    trees = tuple(cell_tree(cell.source) for cell in code_cells(notebook))
    return Definition(trees, imports_of(trees))


def code_hash(notebook) -> str:
    return short_hash(repr([canonical(tree) for tree in own_code(notebook).nodes]).encode())


def lock_hash(root: Path) -> str:
    """Of the lock without its comments."""
    lines = (line.partition("#")[0].strip() for line in (root / "requirements.txt").read_text().splitlines())
    return short_hash("\n".join(line for line in lines if line).encode())


def data_hash(root: Path, name: str) -> str | None:
    """Of a file of data/, None if it is gone."""
    path = root / "data" / name
    return short_hash(path.read_bytes()) if path.is_file() else None


def used(seen: dict, modules: Library, cells: Definition) -> set[tuple[str, str]]:
    """The file and name of each definition that an execution depends on. Args: seen: as `watch` writes it."""
    found = set(ran(seen, modules)) | set(shown(seen, modules))
    busy = {file for file, _ in found}
    imported = [(file, name) for file in seen["ran"] for name, part in modules.get(file, {}).items() if not part.is_function]
    found |= {(file, name) for file, name in imported if file in busy or name == REST}
    while True:
        names = cells.names.union(*(modules[file][name].names for file, name in found))
        more = {(file, name) for file, name in imported if name.rpartition(".")[2] in names} - found
        if not more:
            return found
        found |= more


def ran(seen: dict, modules: Library) -> Iterator[tuple[str, str]]:
    for file, names in seen["ran"].items():
        known = modules.get(file, {})
        yield from ((file, name) for name in names if name in known and known[name].is_function)


def shown(seen: dict, modules: Library) -> Iterator[tuple[str, str]]:
    """The functions whose source was asked for; of a class all."""
    for module, thing in (entry.split(":") for entry in seen["shown"]):
        path = module.replace(".", "/")
        for file in (f"{path}.py", f"{path}/__init__.py"):
            yield from ((file, name) for name in modules.get(file, {}) if f"{name}.".startswith(f"{thing}."))


def record(notebook, seen: dict, modules: Library, root: Path) -> dict:
    """What the notebook's metadata keeps of an execution."""
    parts: dict[str, dict[str, str]] = {}
    for file, name in sorted(used(seen, modules, own_code(notebook))):
        parts.setdefault(file, {})[name] = modules[file][name].hash
    data = {name: found for name in seen["data"] if (found := data_hash(root, name))}
    return {"code": code_hash(notebook), "lock": lock_hash(root), "library": parts, "data": data}
