"""Checkers for exercises: `check("quickstart.loss", my_loss)` says in one sentence whether a function is right, or what is wrong.

quickstart      the loss, from five lines
report          how a checker tries a function and says what it found
"""

import importlib
from collections.abc import Callable

from clipmini.config import choose

CHECKERS = {"quickstart.loss": "what the five lines of the loss compute"}  # each a function of the module before the dot

__all__ = ["check", "names"]


def names() -> list[str]:
    """The exercises that can be checked."""
    return list(CHECKERS)


def check(name: str, function: Callable) -> bool:
    """Print one sentence about an answer to an exercise. Returns: whether it is right.

    Args: name: of the exercise, as its page says. function: yours.
    Raises: ValueError, with the choices, for an exercise that there is not, or something that cannot be called.
    """
    choose("exercise", name, CHECKERS)
    if not callable(function):
        raise ValueError(f"expected your function for {name}, got {type(function).__name__}: pass it without brackets")
    chapter, exercise = name.split(".")
    found = getattr(importlib.import_module(f"clipmini.course.{chapter}"), exercise)(function)
    print(f"{name}: {found or 'right.'}")
    return not found
