"""In the kernel: which functions of clipmini run, whose source is shown, which files of data/ are read.

An IPython extension. After each cell it writes what it has seen to the file that CLIPMINI_SEEN names, for the project in
CLIPMINI_ROOT. Every function of clipmini gets a first statement that notes its name, as pytest rewrites assertions when a
test is imported: a profiler or a tracer, which is called for all other code as well, doubles the time of some chapters.
What only a worker process runs is not seen.
"""

import ast
import builtins
import inspect
import json
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

import safetensors

NOTES = "__clipmini_ran__"  # a builtin: the set of (file, qualified name) of all functions that ran
IMPORTED = "<module>"  # the name of what runs when a module is imported


def load_ipython_extension(shell) -> None:
    root = Path(os.environ["CLIPMINI_ROOT"])
    ran, shown, opened = watch_functions(), watch_sources(), watch_files(f"{root / 'data'}{os.sep}")

    def save(result) -> None:
        files: dict[str, list[str]] = {}
        for path, name in sorted(ran):
            files.setdefault(os.path.relpath(path, root), []).append(name)
        found = {"ran": files, "shown": sorted(shown), "data": sorted(opened)}
        Path(os.environ["CLIPMINI_SEEN"]).write_text(json.dumps(found))

    shell.events.register("post_run_cell", save)


def watch_functions() -> set[tuple[str, str]]:
    """Note each function of clipmini that runs; one in a function counts as the outer one."""
    sys.meta_path.insert(0, NotingFinder)
    setattr(builtins, NOTES, set())
    return getattr(builtins, NOTES)


class NotingFinder(PathFinder):
    """Finds modules as ever, and has those of clipmini take notes."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "clipmini":
            return None
        spec = super().find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = NotingLoader(fullname, spec.loader.path)
        return spec


class NotingLoader(SourceFileLoader):
    """Compiles a module from its source, never from the cache, with a note in each function."""

    def get_code(self, fullname):
        getattr(builtins, NOTES).add((self.path, IMPORTED))
        tree = ast.parse(self.get_data(self.path))
        add_notes(tree.body, self.path)
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def add_notes(statements: list[ast.stmt], path: str, inside: str = "") -> None:
    """Begin every function and method, after its docstring, with the note that it ran."""
    for node in statements:
        if isinstance(node, ast.ClassDef):
            add_notes(node.body, path, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            note = ast.parse(f"{NOTES}.add({(path, inside + node.name)!r})").body[0]
            for part in ast.walk(note):  # tracebacks show the function's own lines
                ast.copy_location(part, node.body[0])
            node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, note)


def watch_sources() -> set[str]:
    """Note what `inspect.getsource` is asked for: a chapter that shows a function depends on it."""
    shown, getsource = set(), inspect.getsource

    def noted(thing):
        shown.add(f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', '')}")
        return getsource(thing)

    inspect.getsource = noted
    return shown


def watch_files(folder: str) -> set[str]:
    """Note which files of a folder are opened: by Python, which says so, or by safetensors, which does not."""
    opened, safe_open = set(), safetensors.safe_open

    def note(file) -> None:
        if isinstance(file, str) and (path := os.path.abspath(file)).startswith(folder):
            opened.add(path.removeprefix(folder))

    def noted(filename, *args, **how):
        note(os.fspath(filename))
        return safe_open(filename, *args, **how)

    safetensors.safe_open = noted
    sys.addaudithook(lambda event, args: note(args[0]) if event == "open" else None)
    return opened
