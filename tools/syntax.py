"""Source code as a tree without comments, so that two versions of a file are equal if they do the same."""

import ast


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
