"""Leaving early: before Python ends, or is asked to end by SIGTERM, open runs are saved as if their reader had read enough."""

import atexit
import inspect
import signal
import threading
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager

_open: weakref.WeakSet[Generator] = weakref.WeakSet()
_under_way = 0  # what must not be interrupted
_asked = 0  # the signal that came meanwhile


class Terminated(SystemExit):
    """SIGTERM came during a step, which is now whole."""


def save_when_leaving(steps: Generator) -> None:
    """Close these steps when Python ends, however it ends, kill -9 apart."""
    _open.add(steps)
    in_main = threading.current_thread() is threading.main_thread()  # elsewhere Python takes no signals
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


@atexit.register
def _close_all() -> None:
    for steps in list(_open):
        if inspect.getgeneratorstate(steps) == inspect.GEN_SUSPENDED:
            steps.close()


def _leave(number: int, frame) -> None:
    global _asked
    if _under_way:
        _asked = number
    else:
        raise SystemExit(128 + number)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within it SIGTERM waits. Raises: Terminated at the end, if it came."""
    global _under_way, _asked
    _under_way += 1
    try:
        yield
    finally:
        _under_way -= 1
    if _asked and not _under_way:
        number, _asked = _asked, 0
        raise Terminated(128 + number)
