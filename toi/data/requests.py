"""What a user typed -> the prompt that the model was trained on."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from toi.data.compared import compared_example, compares, response_problems
from toi.data.examples import Answer, Example
from toi.data.tasks import HIGHLIGHT, Task
from toi.data.tsv import fields_of
from toi.data.turns import read_turns, split_system
from toi.system.errors import InputError
from toi.text.normalization import is_text, normalize
from toi.text.occurrences import find

_FIELDS = {
    "id": (str, int), "context": (str,), "answer": (str,), "question": (str,), "title": (str,), "answer_start": (int,),
    "occurrence": (int,), "prompt": (str,), "system": (str,), "response_a": (str,), "response_b": (str,),
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What a user asks for: a question about `answer` in `context`, an answer to `question`, or what `prompt` says.

    Fields left out are None. The context of a prompt is its input, which may be empty; `turns` are those before it, a list of
    [role, text] with the roles user and assistant in turn.

    `answer_start` is the character at which the answer begins in the context, `occurrence` which of its occurrences is meant,
    from 1 on; without either it is the first. A context with <hl>answer<hl> says by itself where the answer is.
    """

    context: str = ""
    answer: str | None = None
    question: str | None = None
    title: str = ""
    answer_start: int | None = None
    occurrence: int | None = None
    id: str = ""
    prompt: str | None = None
    system: str = ""
    turns: Sequence[Sequence[str]] | None = None
    response_a: str | None = None  # of two answers to the prompt that are compared
    response_b: str | None = None


def request_problems(one: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields of a request that was given by options: whatever the task is, it cannot be met."""
    problems = []
    if one["prompt"] is not None:
        others = [f"--{name}" for name in ("answer", "question", "answer_start", "occurrence") if one[name] is not None]
        problems += [f"{' and '.join(others)} cannot go with --prompt"] * bool(others)
    else:
        if one["system"]:
            problems.append("--system needs --prompt")
        if not one["context"].strip():
            problems.append("--context is needed")
        marked = HIGHLIGHT in one["context"] and one["question"] is None
        if not marked and (one["answer"] is None) == (one["question"] is None):
            problems.append("give --answer to get a question, or --question to get an answer")
    problems += [
        f"--{name} is empty" for name in ("answer", "question", "prompt") if one[name] is not None and not one[name].strip()
    ]
    problems += response_problems(one["prompt"], one["response_a"], one["response_b"])
    texts = ("context", "answer", "question", "title", "prompt", "system", "response_a", "response_b")
    return problems + [f"--{name} is not UTF-8" for name in texts if not is_text(one[name] or "")]


def example_of(task: Task, request: Request, warn: Callable[[str], object] = lambda _: None) -> Example:
    """The Example that a user described; `warn` is called with a line of text where the choice of an occurrence was left to us.

    Raises InputError if the task needs another field, or the answer is not where it should be.
    """
    if compares(task):
        asked = request.prompt, request.response_a, request.response_b
        turns = request.turns or ()
        return compared_example(task, request.id, *asked, context=request.context, system=request.system, turns=turns)
    if request.response_a is not None or request.response_b is not None:
        raise InputError(f"the model compares no answers (task {task.name}); leave out --response_a and --response_b")
    if task.instructs:
        return _instruction(task, request)
    context, answer, start = request.context, request.answer, request.answer_start
    if request.prompt is not None:
        does, needed = ("asks", "answer") if task.asks else ("answers", "question")
        raise InputError(f"the model {does} questions (task {task.name}): give --{needed}, not --prompt")
    if HIGHLIGHT in context:
        if not task.asks:
            raise InputError(f"the context is marked with {HIGHLIGHT}, but the model answers questions (task {task.name})")
        context, marked, start = unmarked(context)
        if answer is not None and normalize(answer) != normalize(marked):
            raise InputError(f"the context marks {marked!r}, but the answer is {answer!r}; leave one out")
        answer = marked
    if not context.strip():
        raise InputError("the context is empty")
    if task.asks and answer is None:
        given = ", not --question" if request.question is not None else f", or mark it in the context with {HIGHLIGHT}"
        raise InputError(f"the model asks questions (task {task.name}): give --answer{given}")
    if not task.asks and request.question is None:
        given = ", not --answer" if answer is not None else ""
        raise InputError(f"the model answers questions (task {task.name}): give --question{given}")
    if answer is not None and not normalize(answer):
        raise InputError("the answer is empty")
    answers = () if answer is None else (find_answer(answer, context, start, request.occurrence, warn),)
    return Example(request.id, context, request.question or "", answers, request.title)


def _instruction(task: Task, request: Request) -> Example:
    """The Example of a request to a model that does what an instruction says."""
    given = [f"--{name}" for name in ("answer", "question") if getattr(request, name) is not None]
    if request.prompt is None:
        instead = f", not {' and '.join(given)}" if given else ""
        raise InputError(f"the model does what an instruction says (task {task.name}): give --prompt{instead}")
    if not request.prompt.strip():
        raise InputError("the prompt is empty")
    if request.context.strip() and not {"input", "context"} & task.fields:
        raise InputError(f"the template of the task {task.name} has no {{input}} for --context; say it in --prompt")
    if request.system.strip() and "system" not in task.fields:
        raise InputError(f"the template of the task {task.name} has no {{system}}: it takes no system text")
    if not request.system.strip() and task.needs_system:
        raise InputError(f"the template of the task {task.name} has a {{system}}: give a system text")
    if request.turns and "history" not in task.fields:
        raise InputError(f"the template of the task {task.name} has no {{history}}: the model knows no turns before")
    extra: dict[str, Any] = {"system": request.system} if request.system else {}
    extra |= {"turns": [list(turn) for turn in request.turns]} if request.turns else {}
    return Example(request.id, request.context, request.prompt, extra=extra)


def unmarked(context: str) -> tuple[str, str, int]:
    """A context without its two <hl>, the answer between them, and where it begins. Raises InputError if they are not two."""
    parts = context.split(HIGHLIGHT)
    if len(parts) == 3 and not parts[1].strip():
        raise InputError(f"nothing stands between the two {HIGHLIGHT} of the context; put them around the answer")
    if len(parts) != 3:
        raise InputError(f"a marked context has {HIGHLIGHT} twice, around the answer; this one has it {len(parts) - 1} times")
    before, answer, behind = parts
    start = len(before) + len(answer) - len(answer.lstrip())
    return before + answer + behind, answer.strip(), start


def find_answer(
    answer: str,
    context: str,
    start: int | None = None,
    occurrence: int | None = None,
    warn: Callable[[str], object] = lambda _: None,
) -> Answer:
    """The answer with its offset in the raw context, compared after normalization.

    Raises InputError that shows the nearest match if it is not there, or the places where it is if none is the one asked for.
    """
    spans = find(answer, context)
    if not spans:
        nearest = _nearest(normalize(answer), normalize(context))
        mend = f"the nearest is {nearest!r}" if nearest else "give it as it stands there"
        raise InputError(f"the answer {answer!r} is not in the context; {mend}")
    starts = [begin for begin, _ in spans]
    number = 0
    if start is not None:
        if start not in starts:
            raise InputError(f"the answer {answer!r} does not begin at character {start} of the context, but at {_places(starts)}")
        number = starts.index(start)
    elif occurrence is not None:
        if not 1 <= occurrence <= len(spans):
            raise InputError(f"the answer {answer!r} occurs {len(spans)} times in the context: there is no occurrence {occurrence}")
        number = occurrence - 1
    elif len(spans) > 1:
        first = "the first is taken; choose with --occurrence or --answer_start"
        warn(f"the answer {answer!r} occurs {len(spans)} times, at {_places(starts)}; {first}")
    begin, end = spans[number]
    return Answer(context[begin:end], begin)


def _places(starts: list[int]) -> str:
    return ", ".join(map(str, starts[:10])) + (", ..." if len(starts) > 10 else "")


def _nearest(wanted: str, text: str) -> str:
    """The stretch of the text, about as long as `wanted`, that shares most with it; empty if nothing does."""
    windows = {text[i : i + len(wanted)] for i in range(max(1, len(text) - len(wanted) + 1))}
    matches = difflib.get_close_matches(wanted, sorted(windows), n=1, cutoff=0.4)
    return matches[0] if matches else ""


def prompt(task: Task, example: Example) -> str:
    """The source of an Example. Raises InputError where the task cannot make one."""
    try:
        return task.source(example)
    except ValueError as error:
        raise InputError(f"no prompt can be made: {error}") from None


def prompts_of(task: Task, requests: list[tuple[str, Request]], warn: Callable[..., object]) -> tuple[list[Example], list[str]]:
    """The Examples and the prompts of requests; `warn` is called with a text and its `place`.

    Raises InputError that names all requests that cannot be met, and says what is wrong with the first.
    """
    examples, sources, refused = [], [], []
    for place, request in requests:
        at = f"{place}: " if place else ""
        try:
            examples.append(example_of(task, request, partial(warn, place=at)))
            sources.append(prompt(task, examples[-1]))
        except InputError as error:
            refused.append((place, f"{at}{error}"))
    if refused:
        others = [place for place, _ in refused[1:]]
        also = f" (and {', '.join(others[:10])}{', ...' if len(others) > 10 else ''})" if others else ""
        raise InputError(refused[0][1] + also)
    return examples, sources


def parse_requests(
    text: str, name: str, asks: bool, line_breaks: bool = False, *, instructs: bool = False
) -> list[tuple[str, Request]]:
    """The requests of a file, each with its place (`name:line`). JSON Lines if the file begins with {, else TSV.

    A TSV has a header with `context` and other names of `Request`, or no header and two fields: the answer (the question,
    where the model answers) and the context. Where the model does what an instruction says, it has a header with `prompt`, or no
    header and the prompt, and its input in a second field if they have one; an object may have `messages`, the last a user's. For
    a task with `line_breaks` it writes them as toi/data/tsv.py has it. Raises InputError with the line of what is wrong, or if
    there is no request.
    """
    lines = [(f"{name}:{number}", line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(place, line) for place, line in lines if line.strip()]
    names = ["prompt", "context"] if instructs else ["answer" if asks else "question", "context"]
    if not lines:
        raise InputError(f"{name}: no requests; expected JSON Lines, or a TSV with {' and '.join(names[: 1 if instructs else 2])}")
    if lines[0][1].lstrip().startswith("["):
        raise InputError(f"{lines[0][0]}: a JSON array; expected JSON Lines, one object a line")
    if lines[0][1].lstrip().startswith("{"):
        rows = [(place, _json_object(place, line)) for place, line in lines]
    else:
        rows = list(_tsv_rows(lines, names, line_breaks))
    return [(place, _request(place, row, "prompt" if instructs else "context")) for place, row in rows]


def _json_object(place: str, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON ({getattr(error, 'msg', None) or 'not usable'}); expected an object a line") from None
    if not isinstance(value, dict):
        raise InputError(f"{place}: expected an object")
    return {key: item for key, item in value.items() if item is not None}


def _tsv_rows(lines: Sequence[tuple[str, str]], names: list[str], line_breaks: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    header = lines[0][1].split("\t")
    instructs = names[0] == "prompt"
    if ("prompt" if instructs else "context") in header:
        lines = lines[1:]
    else:
        header = names[: len(header)] if instructs else names
    for place, line in lines:
        fields = fields_of(line, place, line_breaks=line_breaks)
        if len(fields) != len(header):
            raise InputError(f"{place}: expected {len(header)} tab-separated fields ({', '.join(header)}), found {len(fields)}")
        row: dict[str, Any] = {key: value for key, value in zip(header, fields, strict=True) if value}
        for key in {"answer_start", "occurrence"} & row.keys():
            try:
                row[key] = int(row[key])
            except ValueError:
                raise InputError(f"{place}: {key} is not a whole number: {row[key]!r}") from None
        yield place, row


def _of_messages(place: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with `messages` as one with the system text, the turns before, and the prompt."""
    both = [name for name in ("prompt", "system") if name in row]
    if both:
        raise InputError(f"{place}: {both[0]} and messages; say it in one of them")
    system, turns = split_system(read_turns(row.pop("messages"), "messages", place, ends="user"))
    return {**row, "prompt": turns[-1][1], "system": system, "turns": turns[:-1] or None}


def _request(place: str, row: dict[str, Any], needed: str) -> Request:
    turns = None
    if needed == "prompt" and "messages" in row:
        row = _of_messages(place, row)
        turns = row.pop("turns")
    unknown = [key for key in row if key not in _FIELDS]
    if unknown:
        raise InputError(f"{place}: unknown field {unknown[0]!r}; fields are {', '.join(_FIELDS)}")
    for key, value in row.items():
        if type(value) not in _FIELDS[key]:
            raise InputError(f"{place}: {key} must be {'a whole number' if int in _FIELDS[key] else 'a string'}")
        if isinstance(value, str) and not is_text(value):
            raise InputError(f"{place}: {key} holds half a surrogate pair, which is not text; mend the file")
    if not row.get(needed, "").strip():
        raise InputError(f"{place}: the {needed} is missing")
    return Request(**{**row, "id": str(row.get("id", "")), "turns": turns})
