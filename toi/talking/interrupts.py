"""Ctrl-C in a conversation: it stops an answer, or clears the line that is typed, and never ends the program."""

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from types import FrameType


class Interrupts:
    """What Ctrl-C does inside `listening`: it raises KeyboardInterrupt, but an answer under way it only asks to stop."""

    def __init__(self) -> None:
        self._gentle = self.asked = False  # whether to ask only; whether that was done

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside this block Ctrl-C is ours, where it is anybody's (not under nohup, nor in a thread)."""
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            yield
            return
        before = signal.signal(signal.SIGINT, self._take)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def until_asked(self, parts: Generator[str]) -> Iterator[str]:
        """The parts of an answer until Ctrl-C, which `asked` tells of then.

        Behind the first part it only asks to stop, and between two tokens that is done: nothing is left half computed. A second
        Ctrl-C, and one before the first part, which may take long, raises KeyboardInterrupt at once.
        """
        self.asked = False
        with closing(parts):
            try:
                for part in parts:
                    self._gentle = True
                    yield part
                    if self.asked:
                        return
            except KeyboardInterrupt:
                self.asked = True
            finally:
                self._gentle = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        importing = False
        while frame is not None:  # a library would make an error of its own of it
            importing = importing or frame.f_code.co_filename == "<frozen importlib._bootstrap>"
            frame = frame.f_back
        if importing or (self._gentle and not self.asked):
            self.asked = True
        else:
            raise KeyboardInterrupt
