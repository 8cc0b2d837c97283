"""Options from the command line, and errors to it: the same for every script.

Nothing heavy may be imported here: `--help` and option errors answer in under a second.
"""

import contextlib
import errno
import io
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

import tyro

from toi.system import start
from toi.system.errors import InputError
from toi.system.files import DISK_ERRORS, shortened
from toi.system.saying import script_name

# `--bad_words 山梨 山梨県`; a switch is `--do_train`, and only one that is on by default has a `--no_` form.
_CONFIG = (tyro.conf.FlagCreatePairsOff,)


class Options(Protocol):
    """A dataclass of options. `problems` says what is wrong with their combination, one line each."""

    def problems(self) -> list[str]:
        """What is wrong with the options."""
        ...


T = TypeVar("T", bound=Options)


def run(script: Callable[[T], object], options: type[T]) -> None:
    """Parse the command line into `options`, check it, call `script`.

    Exits with 2 and one line on stderr for anything that the user can mend, with 130 on Ctrl-C.
    """
    name = script_name()
    try:
        start.listen()
        _let_japanese_through()
        if sys.stdout is None:
            raise InputError("stdout is closed: there is nowhere to print to")
        script(checked(parse(options, sys.argv[1:])))
        sys.stdout.flush()
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # `| head` has seen enough
        _forget_output()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and error.filename is not None:  # of whatever option
            print(f"{name}: {shortened(error.filename)}: the name is too long for the file system", file=sys.stderr)
            sys.exit(2)
        if error.filename is not None or error.errno not in DISK_ERRORS:  # a stream has no name
            raise
        _forget_output()
        print(f"{name}: the output cannot be written ({error.strerror})", file=sys.stderr)
        sys.exit(2)
    finally:
        start.stop_listening()


def _let_japanese_through() -> None:
    """Let stdin, stdout and stderr be UTF-8 where their encoding has no Japanese, and no character of an output raise an error."""
    if sys.stderr is None:  # closed: `print` would take stdout instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for the rest of the process)
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):  # not None, nor what a notebook has
            try:
                "日本語のテスト".encode(stream.encoding)
                encoding = stream.encoding
            except UnicodeEncodeError:
                encoding = "utf-8"
            stream.reconfigure(encoding=encoding, errors=errors if stream.errors == "strict" else stream.errors)


def _forget_output() -> None:
    """Let Python not try to write what stdout did not take once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse(options: type[T], arguments: list[str]) -> T:
    """The options that the arguments say. Raises InputError, one line, naming the nearest known option."""
    printed = io.StringIO()
    width = os.environ.get("COLUMNS")
    asks_help = "-h" in arguments or "--help" in arguments
    try:
        if asks_help:
            return tyro.cli(options, args=arguments, config=_CONFIG, use_underscores=True)
        os.environ["COLUMNS"] = "10000"  # tyro draws a box around its errors: no line of it may be folded
        with contextlib.redirect_stderr(printed):
            return tyro.cli(options, args=arguments, config=_CONFIG, use_underscores=True)
    except SystemExit as stop:
        if asks_help or not stop.code:
            raise
        raise InputError(_one_line(printed.getvalue())) from None
    finally:
        if width is None:
            os.environ.pop("COLUMNS", None)
        else:
            os.environ["COLUMNS"] = width


def _one_line(box: str) -> str:
    """tyro's box as one line: the problem, and the options that it suggests."""
    lines = [re.sub(r"[╭╮╰╯│─]+", " ", line).strip() for line in box.splitlines() if not line.startswith("╭")]
    problem = []
    for line in lines:
        if not line:
            break
        problem.append(line)
    # Options of a suggestion stand one a line: `--bad_words [STR [STR ...]]`
    after = lines[len(problem) :]
    near = [line.split()[0] for line in after if line.startswith("--")] if any("meant" in line for line in after) else []
    text = " ".join(problem).rstrip(".")
    return text + (f"; did you mean {' or '.join(near)}?" if near else "; see --help")


def checked(options: T) -> T:
    """The options themselves. Raises InputError with all problems of their combination together."""
    problems = options.problems()
    if problems:
        raise InputError("; ".join(problems))
    return options
