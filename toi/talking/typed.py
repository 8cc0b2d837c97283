"""What is typed on the terminal: lines, commands, and options that change."""

import contextlib
import difflib
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError

COMMANDS = {
    "help": "this list",
    "clear": "forget what was said",
    "retry": "answer the last question again",
    "system TEXT": "the system text from now on; without one, none",
    "save FILE": "write the conversation as JSON Lines, which prepare_instructions.py reads",
    "quit": "end, as Ctrl-D does",
}
_NAMES = [usage.partition(" ")[0] for usage in COMMANDS]
_Parsed = Callable[[list[str]], AnsweringOptions]
_FIXED = ("model_name_or_path", "tokenizer_name_or_path", "task", "compare")


class Command(NamedTuple):
    """A line like `/save talk.jsonl`."""

    name: str
    argument: str = ""


def command_of(line: str) -> Command | None:
    """The command of a line; None for what is said. A line with a space first is said, whatever it begins with.

    Raises InputError for a command that there is not, or one without what it needs.
    """
    if not line.startswith("/"):
        return None
    name, _, argument = line[1:].rstrip().partition(" ")
    argument = argument.strip()
    if name not in _NAMES:
        near = difflib.get_close_matches(name, _NAMES, n=1)
        mend = f"did you mean /{near[0]}?" if near else "/help lists those there are"
        raise InputError(f"no command /{name}; {mend} To say a line that begins with /, put a space before it")
    takes = next(usage for usage in COMMANDS if usage.partition(" ")[0] == name).partition(" ")[2]
    if argument and not takes:
        raise InputError(f"/{name} stands alone in its line")
    if takes == "FILE" and not argument:
        raise InputError(f"/{name} needs the name of a file")
    return Command(name, argument)


def help_text() -> str:
    """What can be typed."""
    lines = [f"  {'/' + usage:<14}{what}" for usage, what in COMMANDS.items()]
    lines += ["  --OPTION ...  change options, as --do_sample --temperature 0.3; --help lists them"]
    lines += ["  \\             at the end of a line: the text goes on in the next one"]
    return "\n".join([*lines, "Ctrl-C stops an answer, and at the prompt clears the line."])


class TypedOptions:
    """The options that hold, which lines like `--num_beams 4` change.

    They were made of `arguments`, and `parsed` makes those of others; it raises InputError for what is wrong with them. With
    `greedy`, there is one beam where no line has said how many.
    """

    def __init__(
        self,
        options: AnsweringOptions,
        arguments: list[str],
        parsed: _Parsed,
        *,
        greedy: bool = False,
    ):
        self._arguments, self._parsed, self._greedy = arguments, parsed, greedy
        self.now = self._with_default(options, arguments)

    def change(self, line: str) -> None:
        """Take over the options of a line. Raises InputError or ValueError where they cannot be, and none of them is."""
        arguments = self._arguments + shlex.split(line)
        options = self._parsed(arguments)
        if any(getattr(options, name, None) != getattr(self.now, name, None) for name in _FIXED):
            raise InputError("another model needs another start of generate.py")
        if getattr(options, "system", "") != getattr(self.now, "system", ""):
            raise InputError("the system text is set by /system TEXT")
        self._arguments, self.now = arguments, self._with_default(options, arguments)

    def _with_default(self, options: AnsweringOptions, arguments: list[str]) -> AnsweringOptions:
        given = {argument.partition("=")[0].replace("-", "_") for argument in arguments}
        return replace(options, num_beams=1) if self._greedy and "__num_beams" not in given else options


def read_line(ask: str) -> str | None:
    """A line of the terminal without its spaces; None at the end of the input."""
    try:
        return input(ask).strip()
    except EOFError:
        print()
        return None


def read_text(ask: str) -> str | None:
    """A line of the terminal, or several where they end in a backslash; None at the end of the input. Two stand for one."""
    lines: list[str] = []
    while True:
        try:
            line = input("... " if lines else ask)
        except EOFError:
            if not lines:
                print()
                return None
            return "\n".join(lines)
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2 == 0:
            return "\n".join([*lines, line[: len(line) - backslashes // 2]])
        lines.append(line[: len(line) - (backslashes + 1) // 2])


def edit_lines() -> None:
    """Let lines be edited and called back where stdin and stdout are a terminal."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 (from now on `input` uses it)
