"""Leaving early: before Python ends, or is asked to end by SIGTERM, open runs are saved as if their reader had read enough."""

import atexit
import inspect
import os
import signal
import threading
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager

_open: weakref.WeakKeyDictionary[Generator, int] = weakref.WeakKeyDictionary()  # and the process that made them
_under_way = 0  # steps and savings of the main thread, which takes the signals
_asked = 0  # the signal that came meanwhile
_ending = 0  # ... that ends all: what other threads see at the end of their steps


class Terminated(SystemExit):
    """SIGTERM came during a step, which is now whole."""


def save_when_leaving(steps: Generator) -> None:
    """Close these steps when Python ends, however it ends, kill -9 apart."""
    _open[steps] = os.getpid()
    if _in_main() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


@atexit.register
def _close_all() -> None:
    for steps, process in list(_open.items()):
        if process == os.getpid() and inspect.getgeneratorstate(steps) == inspect.GEN_SUSPENDED:
            steps.close()


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave(number: int, frame) -> None:
    global _asked, _ending
    if all(inspect.getgeneratorstate(steps) == inspect.GEN_CLOSED for steps in _open):  # nothing is left to be saved
        signal.signal(number, signal.SIG_DFL)
        return signal.raise_signal(number)
    _ending = number
    if _under_way:
        _asked = number
    else:
        raise SystemExit(128 + number)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within it SIGTERM waits. Raises: Terminated at the end, if it came; SystemExit, if what is within fails as well."""
    try:
        with _counted():
            yield
    except Exception as error:
        if number := _taken():
            raise SystemExit(128 + number) from error
        raise
    if number := _taken():
        raise Terminated(128 + number)


@contextmanager
def saving() -> Iterator[None]:
    """Within it SIGTERM waits; it comes again after it, since a generator that is closed swallows what is raised in it."""
    with _counted():
        yield
    if _in_main() and (number := _taken()):
        threading.Timer(0, os.kill, (os.getpid(), number)).start()


@contextmanager
def _counted() -> Iterator[None]:
    global _under_way
    _under_way += _in_main()
    try:
        yield
    finally:
        _under_way -= _in_main()


def _taken() -> int:
    """The signal that ends this thread, once nothing of it is under way; 0 for none. The main thread takes it but once."""
    global _asked
    if not _in_main():
        return _ending
    number = 0 if _under_way else _asked
    _asked = _asked if _under_way else 0
    return number
