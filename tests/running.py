"""The scripts as a user runs them: each in a process of its own, or, which saves the seconds of importing torch, in this one.

A process that is forked from this one has torch already, and can be killed, or share the work with another.
"""

import contextlib
import io
import logging
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent


def script(*arguments: object, cwd: Path = ROOT, check: bool = False) -> subprocess.CompletedProcess:
    """Run one of the scripts in a process of its own."""
    command = [sys.executable, str(ROOT / str(arguments[0])), *map(str, arguments[1:])]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=check, timeout=300)


def here(*arguments: object, cwd: Path = ROOT, stdin: str = "") -> subprocess.CompletedProcess:
    """Run one of the scripts in this process: its exit code, and all that came to the descriptors of stdout and stderr.

    For tests that look at nothing else. What `run` (toi/system/cli.py) does not catch, and would be a traceback, is raised.
    """
    command = [str(ROOT / str(arguments[0])), *(os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments[1:])]
    code = 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _as_a_process(command, cwd, stdin, out, err):
            try:
                runpy.run_path(command[0], run_name="__main__")
            except SystemExit as stop:
                code = 0 if stop.code is None else stop.code
        texts = [_written(file) for file in (out, err)]
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(command, code, *texts)


class Forked:
    """One of the scripts in a fork of this process, under way, behind `first`: its streams go to files of its own."""

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None, first: Callable[[], None] | None = None):
        command = [str(ROOT / str(arguments[0])), *map(str, arguments[1:])]
        self._files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115 (closed by `wait`)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                code = _forked(command, environment or {}, first, *self._files)
            finally:
                os._exit(code)

    def kill(self) -> None:
        """End it as if the power went."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> subprocess.CompletedProcess:
        """Its exit code, the number of a signal that ended it below 0, and what it wrote."""
        _, status = os.waitpid(self.pid, 0)
        texts = [_written(file) for file in self._files]
        return subprocess.CompletedProcess([], os.waitstatus_to_exitcode(status), *texts)


def together(count: int, *arguments: object) -> list[subprocess.CompletedProcess]:
    """One of the scripts in so many forks of this process, which share the work as torchrun's processes do."""
    return [process.wait() for process in [Forked(*arguments, environment=one) for one in ranks(count)]]


def ranks(count: int) -> list[dict[str, str]]:
    """What torchrun puts into the environment of each of its processes, which then find each other on a port of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"ACCELERATE_USE_CPU": "true", "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def _forked(
    command: list[str], environment: dict[str, str], first: Callable[[], None] | None, out: IO[bytes], err: IO[bytes]
) -> int:
    """The exit code of a script in this process, which has been forked for it and ends behind it."""
    if "accelerate" in sys.modules:
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(reset_partial_state=True)  # which knew of one process
    with _as_a_process(command, ROOT, "", out, err):
        os.environ.update(environment)
        try:
            if first is not None:
                first()
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
    return 0


def refused(result: subprocess.CompletedProcess) -> str:
    """The one line on stderr of a script that refused its input."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@contextlib.contextmanager
def _as_a_process(command: list[str], cwd: Path, stdin: str, out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Arguments, streams, folder, environment and warnings as a new process has them; afterwards all is as it was."""
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr, dict(os.environ)
    kept = [os.dup(number) for number in range(3)]  # of libraries in C++ too
    with tempfile.TemporaryFile() as typed, contextlib.chdir(cwd), warnings.catch_warnings():
        typed.write(stdin.encode())
        typed.seek(0)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, file in enumerate((typed, out, err)):
            os.dup2(file.fileno(), number)
        sys.argv = command
        streams = [open(i, "w" if i else "r", encoding="utf-8", closefd=False) for i in range(3)]  # noqa: SIM115 (the descriptors stay)
        sys.stdin, sys.stdout, sys.stderr = streams
        moved = _move_logs()
        _show_warnings()
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            for handler, stream in moved:
                handler.setStream(stream)
            for number, copy in enumerate(kept):
                os.dup2(copy, number)
                os.close(copy)
            sys.argv, sys.stdin, sys.stdout, sys.stderr, environment = before
            os.environ.clear()
            os.environ.update(environment)


def _move_logs() -> list[tuple[logging.StreamHandler, IO[str]]]:
    """Let the loggers of libraries write to the stderr of now; returns what they wrote to."""
    loggers = [logging.root, *(one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    handlers = {handler for logger in loggers for handler in logger.handlers if type(handler) is logging.StreamHandler}
    return [(handler, handler.setStream(sys.stderr)) for handler in handlers]


def _show_warnings() -> None:
    """Python's own filters, and warnings on stderr: pytest gathers them otherwise."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)

    def show(message, category, filename, lineno, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = show


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8").read()
