"""The hash of all that a chapter's stored outputs depend on: its code, the lock, the modules it imports.

Code is compared as a syntax tree, so a new comment or line break makes no chapter stale.
"""

import ast
import hashlib
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from syntax import canonical

SETUP_TAG = "colab-setup"


def code_cells(notebook):
    """The code cells that a chapter's numbers come from: all but the one that sets up Colab."""
    return [c for c in notebook.cells if c.cell_type == "code" and SETUP_TAG not in c.metadata.get("tags", [])]


def cell_tree(source: str) -> ast.Module:
    """The syntax tree of a cell, magics (`%timeit`) included."""
    return ast.parse(TransformerManager().transform_cell(source))


def imported_names(tree: ast.AST, package: str) -> set[str]:
    """Dotted names that an import statement may load as modules; `package` resolves relative imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(parents + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def module_file(name: str, root: Path) -> Path | None:
    """The file of a dotted module name under `root`, or None if it is not ours."""
    path = root.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def library_files(trees: list[ast.AST], root: Path, library: str = "clipmini") -> list[Path]:
    """Every file of the library that these syntax trees import, directly or through one another."""
    found: set[Path] = set()
    names = set().union(*(imported_names(tree, "") for tree in trees))
    while names:
        name = names.pop()
        parent = name.rpartition(".")[0]
        names |= {parent} if parent else set()  # importing a.b runs a/__init__.py first
        file = module_file(name, root) if name.split(".")[0] == library else None
        if file is None or file in found:
            continue
        found.add(file)
        package = name if file.name == "__init__.py" else parent
        names |= imported_names(ast.parse(file.read_text()), package)
    return sorted(found)


def lock_lines(root: Path) -> list[str]:
    """The lock without its comments."""
    lines = (line.partition("#")[0].strip() for line in (root / "requirements.txt").read_text().splitlines())
    return [line for line in lines if line]


def named_datasets(trees: list[ast.AST], root: Path) -> list[ast.AST]:
    """Imports of the data sets that code names: "scenes/shape" as a text, or `scenes` as an attribute, loads `scenes`."""
    names = {node.value.partition("/")[0] for tree in trees for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names |= {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    families = {path.stem for path in (root / "clipmini" / "datasets").glob("[a-z]*")}
    return [ast.parse(f"import clipmini.datasets.{name}") for name in sorted(names & families)]


def source_hash(notebook, root: Path) -> str:
    """Sixteen hex digits over a notebook's code, the lock and the library files that the code imports."""
    cells = [cell_tree(cell.source) for cell in code_cells(notebook)]
    modules = [
        [file.relative_to(root).as_posix(), canonical(ast.parse(file.read_text()))]
        for file in library_files(cells + named_datasets(cells, root), root)
    ]
    parts = [[canonical(tree) for tree in cells], modules, lock_lines(root)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
