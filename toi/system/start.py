"""What a script does first, before its imports: they take a moment, in which Ctrl-C may come, and may not be there at all.

Only what Python itself brings is imported here, and little of it.
"""

import os
import signal
import sys
from types import FrameType, TracebackType


def begin() -> None:
    """Say Ctrl-C and a package that is not installed in one line from here on. For a script, not for a notebook."""
    sys.excepthook = _explain
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where Ctrl-C is ignored (nohup)
        signal.signal(signal.SIGINT, _end)


def listen() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from here on, if the script has begun: there is something to tidy up now."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, _interrupt)


def stop_listening() -> None:
    """Let Ctrl-C end the process at once and in silence: all is done and said, and Python only takes itself apart."""
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C lets the script tidy up. A second one ends it at once, in silence, whatever it is in."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":  # a library would make an error of its own of it
            _end(number, frame)
        frame = frame.f_back
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> None:
    """Ctrl-C during imports: there is nothing to tidy up."""
    if sys.stderr is not None:
        os.write(2, f"{_name()}: interrupted\n".encode(errors="replace"))
    os._exit(128 + signal.SIGINT)


def _name() -> str:
    return os.path.basename(sys.argv[0])


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say a missing package in a line, and exit with 2; show anything else as ever."""
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in ("", "toi") or missing in sys.stdlib_module_names:
        sys.__excepthook__(kind, error, trace)
        return
    environment = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), ".venv")
    mend = "make .venv/installed, then . .venv/bin/activate"
    if os.path.isdir(environment):
        mend = f". {os.path.relpath(environment)}/bin/activate"
    if os.path.realpath(sys.prefix) == os.path.realpath(environment):  # it is active, but not whole
        mend = "pip install -r requirements.txt"
    print(f"{_name()}: the package {missing} is not installed for {sys.executable}: {mend}", file=sys.stderr)
    raise SystemExit(2)  # else Python would exit with 1
