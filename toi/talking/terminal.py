"""Contexts and answers (or questions) that are typed on the terminal, each answered at once."""

from collections.abc import Sequence

from toi.data.requests import Request
from toi.scoring.answering import answer, refuse_nothing, show
from toi.scoring.asked import Asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.saying import say
from toi.talking.side_by_side import compare
from toi.talking.typed import TypedOptions, read_line


def ask(asked: Sequence[Asked], typed: TypedOptions) -> None:
    """Ask for a context and then for answers (or questions) until an empty line; --options change the options; quit ends."""
    task = asked[0].task
    wanted = "answer" if task.asks else "question"
    print(
        f"First the context, then each {wanted}. An empty line asks for another context, --num_beams 4 sets an option, quit ends."
    )
    context = ""
    while (line := read_line(f"{wanted}> " if context else "context> ")) is not None and line != "quit":
        try:
            if line.startswith("--"):
                typed.change(line)
            elif not context and "<hl>" not in line:
                context = line
            elif not line:
                context = ""
            else:
                request = Request(context, line) if task.asks else Request(context, question=line)
                _answer(asked, typed.now, Request(line) if "<hl>" in line else request)
        except SystemExit:  # --help has been printed
            continue
        except (InputError, ValueError) as error:
            say(str(error))


def _answer(asked: Sequence[Asked], options: AnsweringOptions, request: Request) -> None:
    requests = [("", request)]
    if len(asked) > 1:
        compare(asked, options, [requests] * len(asked), many=False)
        return
    one = answer(asked[0].decoder, asked[0].task, options, requests)[0]
    refuse_nothing(one, options)
    show([one], options, asked[0].task, many=False)
