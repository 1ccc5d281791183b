"""The functions, classes and constants of a module, and a hash of each: equal if two versions of it do the same."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
IMPORT = ast.Import | ast.ImportFrom
REST = "<module>"  # statements of a module that bind no name of their own


@dataclass(frozen=True)
class Definition:
    """What binds a name: `nodes` without docstrings, and of a class without its methods, which are definitions themselves.

    imports: of its module, bound name -> where from.
    """

    nodes: tuple[ast.AST, ...]
    imports: dict[str, str]

    @property
    def is_function(self) -> bool:
        """Else it is a class or a constant, or what else a module does."""
        return isinstance(self.nodes[-1], FUNCTION)

    @cached_property
    def names(self) -> set[str]:
        """Every name and attribute that it mentions; of an imported one also the name at its home."""
        found = identifiers(self.nodes)
        return found | {self.imports[name].rpartition(".")[2] for name in found & self.imports.keys()}

    @cached_property
    def hash(self) -> str:
        """Eight hex digits over its code, and over where the imported names that it mentions come from."""
        used = sorted((name, self.imports[name]) for name in identifiers(self.nodes) & self.imports.keys())
        return short_hash(repr([canonical(list(self.nodes)), used]).encode())


def short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


class WithoutTexts(ast.NodeTransformer):
    """Drops docstrings, and any other text that stands alone: they do nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


def definitions(source: str) -> dict[str, Definition]:
    """By qualified name: functions, methods, classes, constants; what else a module does as `<module>`."""
    tree = WithoutTexts().visit(ast.parse(source))
    imports, parts = imports_of([tree]), {}
    for name, node in named_parts(tree.body):
        parts.setdefault(name, []).append(node)
    return {name: Definition(tuple(nodes), imports) for name, nodes in parts.items()}


def named_parts(statements: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Each definition's name and code; a nested function is a part of the one around it."""
    for node in statements:
        if isinstance(node, FUNCTION):
            yield inside + node.name, node
        elif isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, FUNCTION | ast.ClassDef)]
            own = [part for part in node.body if part not in methods] + [ast.Name(name) for name in unnamed(methods)]
            yield inside + node.name, ast.ClassDef(node.name, node.bases, node.keywords, own, node.decorator_list)
            yield from named_parts(methods, f"{inside}{node.name}.")
        elif not isinstance(node, IMPORT):
            for name in bound_names(node) or [REST]:
                if name != "__all__":  # what a star imports, which nobody here does
                    yield name, node


def unnamed(methods: list) -> list[str]:
    """Those that are called without being named, such as `__len__`: a class that gains one does something else."""
    return sorted(part.name for part in methods if part.name == "forward" or part.name.startswith("__"))


def bound_names(node: ast.stmt) -> list[str]:
    """The names to which an assignment gives values."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    parts = [part for target in targets for part in ast.walk(target)]
    return [part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def imports_of(trees: Iterable[ast.AST]) -> dict[str, str]:
    """Where each imported name comes from, dotted; wherever in these syntax trees it is imported."""
    found = {}
    for node in [node for tree in trees for node in ast.walk(tree)]:
        if isinstance(node, IMPORT):
            base = "." * node.level + f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            found |= {alias.asname or alias.name.partition(".")[0]: base + alias.name for alias in node.names}
    return found


def identifiers(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name and attribute in these syntax trees."""
    parts = [part for node in nodes for part in ast.walk(node)]
    return {part.id if isinstance(part, ast.Name) else part.attr for part in parts if isinstance(part, ast.Name | ast.Attribute)}


def canonical(node) -> list | str:
    """A syntax tree as nested lists without empty fields, which is the same for every Python from 3.11 on.

    `ast.dump` is not: each version adds fields that are empty in older code.
    """
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__] + [[name, canonical(value)] for name, value in fields]
    if isinstance(node, list):
        return [canonical(item) for item in node]
    return repr(node)
