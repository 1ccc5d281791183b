"""The generator's name: a hash of all that decides what it draws and says."""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

from clipmini.datasets.scenes.words import WORDS_FILE
from clipmini.files import package_data
from clipmini.syntax import canonical

KEEPERS = ("__init__.py", "build.py", "store.py", "version.py")  # they keep and hand out what the other files make


@lru_cache(maxsize=1)
def version() -> str:
    """Twelve hex digits over this folder's code, without comments and docstrings, and over the words."""
    files = sorted(path for path in Path(__file__).parent.glob("*.py") if path.name not in KEEPERS)
    code = [[path.name, canonical(_undocumented(ast.parse(path.read_text())))] for path in files]
    return hashlib.sha256(repr(code).encode() + package_data(WORDS_FILE).read_bytes()).hexdigest()[:12]


def _undocumented(tree: ast.Module) -> ast.Module:
    """The tree without docstrings: they explain a picture, and draw none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree
