"""What a user typed -> the prompt that the model was trained on."""

import difflib

from toi.errors import InputError
from toi.examples import Answer, Example
from toi.occurrences import find
from toi.tasks import Task
from toi.text import normalize


def example_of(task: Task, context: str, answer: str | None, question: str | None, title: str = "") -> Example:
    """The Example that a user described. Raises InputError if the task needs another field, or the answer is not in the context."""
    if task.asks and answer is None:
        raise InputError(f"the model asks questions (task {task.name}): give --answer, not --question")
    if not task.asks and question is None:
        raise InputError(f"the model answers questions (task {task.name}): give --question, not --answer")
    answers = (find_answer(answer, context),) if answer is not None else ()
    return Example("", context, question or "", answers, title)


def find_answer(answer: str, context: str) -> Answer:
    """The answer with its offset in the raw context, compared after normalization; the first occurrence.

    Raises InputError that shows the nearest match if it is not there.
    """
    spans = find(answer, context)
    if not spans:
        nearest = _nearest(normalize(answer), normalize(context))
        raise InputError(f"the answer {answer!r} is not in the context" + (f"; the nearest is {nearest!r}" if nearest else ""))
    start, end = spans[0]
    return Answer(context[start:end], start)


def _nearest(wanted: str, text: str) -> str:
    """The stretch of the text, about as long as `wanted`, that shares most with it; empty if nothing does."""
    windows = {text[i : i + len(wanted)] for i in range(max(1, len(text) - len(wanted) + 1))}
    found = difflib.get_close_matches(wanted, sorted(windows), n=1, cutoff=0.4)
    return found[0] if found else ""


def prompt(task: Task, example: Example) -> str:
    """The source of an Example. Raises InputError where the task cannot make one."""
    try:
        return task.source(example)
    except ValueError as error:
        raise InputError(f"no prompt can be made: {error}") from None
