"""Contexts and answers (or questions) that are typed on the terminal, each answered at once."""

import shlex
from collections.abc import Callable

from toi.data.requests import Request
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.scoring.answering import answer, refuse_nothing, show
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.saying import say


def ask(
    decoder: Decoder, task: Task, options: AnsweringOptions, arguments: list[str], parsed: Callable[[list[str]], AnsweringOptions]
) -> None:
    """Ask for a context and then for answers (or questions) until an empty line; --options change the options; quit ends.

    The options were made of `arguments`, and `parsed` makes those of changed ones.
    """
    wanted = "answer" if task.asks else "question"
    print(
        f"First the context, then each {wanted}. An empty line asks for another context, --num_beams 4 sets an option, quit ends."
    )
    context = ""
    while (line := read_line(f"{wanted}> " if context else "context> ")) is not None and line != "quit":
        try:
            if line.startswith("--"):
                changed = arguments + shlex.split(line)
                new = parsed(changed)
                fixed = ("model_name_or_path", "tokenizer_name_or_path", "task")
                if any(getattr(new, name) != getattr(options, name) for name in fixed):
                    raise InputError("another model needs another start of generate.py")
                arguments, options = changed, new
            elif not context and "<hl>" not in line:
                context = line
            elif not line:
                context = ""
            else:
                request = Request(context, line) if task.asks else Request(context, question=line)
                request = Request(line) if "<hl>" in line else request
                one = answer(decoder, task, options, [("", request)])[0]
                refuse_nothing(one, options)
                show([one], options, task, many=False)
        except SystemExit:  # --help has been printed
            continue
        except (InputError, ValueError) as error:
            say(str(error))


def read_line(ask: str) -> str | None:
    """A line of the terminal without its spaces; None at the end of the input."""
    try:
        return input(ask).strip()
    except EOFError:
        print()
        return None
