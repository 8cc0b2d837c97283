"""Signals: a run that is told to stop ends its step, saves, and says how to go on."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Interruption:
    """A signal that this process got, and one that all processes know of: save, stop."""

    signalled: int | None = None
    agreed: int | None = None


@contextlib.contextmanager
def interruptible(interruption: Interruption) -> Iterator[None]:
    """Within the block Ctrl-C and SIGTERM let the step end; a second one stops at once, as ever."""

    def note(number: int, frame: object) -> None:
        interruption.signalled = number
        for one, handler in before.items():
            signal.signal(one, handler)

    if threading.current_thread() is not threading.main_thread():  # a notebook's worker: signals are not ours there
        yield
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
