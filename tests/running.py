"""The scripts as a user runs them: each in a process of its own, or, which saves the seconds of importing torch, in this one."""

import contextlib
import io
import logging
import os
import runpy
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
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
