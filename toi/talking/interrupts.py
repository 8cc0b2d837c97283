"""Ctrl-C in a conversation: it stops an answer, or clears the line that is typed, and never ends the program."""

import _thread
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from types import FrameType

_AGAIN = 0.02  # seconds until Ctrl-C is tried again that came while something was set up or put back
_WHOLE = ("__enter__", "__exit__")  # what is not left half done: weights are packed for a search, and unpacked


class Interrupts:
    """What Ctrl-C does inside `listening`: it raises KeyboardInterrupt, but an answer under way it only asks to stop."""

    def __init__(self) -> None:
        self._gentle = self.asked = False  # whether to ask only; whether that was done
        self._again: threading.Timer | None = None

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
            self._try_no_more()
            signal.signal(signal.SIGINT, before)

    def until_asked(self, parts: Generator[str]) -> Iterator[str]:
        """The parts of an answer until Ctrl-C, which `asked` tells of then.

        Behind the first part it only asks to stop, and between two tokens that is done: nothing is left half computed. A second
        Ctrl-C, and one before the first part, which may take long (a long prompt, a search by beams), raises KeyboardInterrupt as
        soon as nothing is being set up or put back.
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
                self._try_no_more()

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._gentle and not self.asked:
            self.asked = True
        elif _must_go_on(frame):
            self._again = threading.Timer(_AGAIN, _thread.interrupt_main)
            self._again.start()
        else:
            raise KeyboardInterrupt

    def _try_no_more(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = None


def _must_go_on(frame: FrameType | None) -> bool:
    """Whether KeyboardInterrupt would leave something half done, or a library would make an error of its own of it."""
    while frame is not None:
        if frame.f_code.co_name in _WHOLE or frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
