"""What a chat template writes around the texts of a conversation: found out by letting it render texts that are known.

Nothing is looked up by name. `Render` is what the template makes of messages; the second argument says whether the beginning of a
response that is to come (the generation prompt) stands behind them.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from toi.data.jinja import NotRendered
from toi.system.errors import InputError

Message = tuple[str, str]  # role (system, user, assistant), text
Render = Callable[[Sequence[Message], bool], str]
_SYSTEM, _ASKED, _SAID, _AGAIN, _MORE = (f"⟪{name}⟫" for name in ("system", "question", "answer", "again", "more"))


class Response(NamedTuple):
    """What a template writes of a response, behind its prompt: `before`, the text, `behind`, `end`, `rest`."""

    before: str  # white space
    behind: str  # before the end; white space, too, if the end is a token
    end: str  # the token that ends a response; empty where that is the tokenizer's own end
    rest: str  # which no model has to write: a line break


class Turns(NamedTuple):
    """What a template writes between a question and the response to it, between that and the next question, behind the last one."""

    answered: str
    asked: str
    prompt: str


def samples_of(render: Render) -> list[str]:
    """Conversations of one turn, of two, and with a system text where the template takes one. Raises InputError if it fails."""
    turns = [("user", _ASKED), ("assistant", _SAID), ("user", _AGAIN), ("assistant", _MORE)]
    samples = [_sample(render, turns[:1], True), _sample(render, turns)]
    try:
        return [*samples, render([("system", _SYSTEM), *turns], False)]
    except NotRendered:
        return samples


def response_of(render: Render, markers: Sequence[str]) -> Response:
    """What stands around a response; `markers` are its special tokens. Raises InputError where it cannot be told."""
    prompt, whole = _sample(render, [("user", _ASKED)], True), _sample(render, [("user", _ASKED), ("assistant", _SAID)])
    tail = whole.removeprefix(prompt)
    if not whole.startswith(prompt) or tail.count(_SAID) != 1 or _ASKED not in prompt:
        raise InputError("the chat template does not write a response behind its generation prompt, and cannot be learnt here")
    before, behind = tail.split(_SAID)
    white = before[: len(before) - len(before.lstrip())]  # what follows is a part of the response (empty thoughts)
    if any(marker in before for marker in markers):
        raise InputError("the chat template writes special tokens between its prompt and a response: it cannot be learnt here")
    found = [(behind.index(marker), -len(marker), marker) for marker in markers if marker in behind]
    if not found:
        text = behind.rstrip()
        return Response(white, text, "", behind[len(text) :])
    at, _, end = min(found)
    return Response(white, behind[:at], end, behind[at + len(end) :])


def turns_of(render: Render) -> Turns:
    """What stands around the texts of a conversation. Raises InputError where it cannot be told."""
    text = _sample(render, [("user", _ASKED), ("assistant", _SAID), ("user", _AGAIN)], True)
    match = re.search(f"{_ASKED}(.*){_SAID}(.*){_AGAIN}(.*)", text, re.DOTALL)
    if match is None:
        raise InputError("the chat template leaves out earlier turns, or their order, and cannot be used here")
    return Turns(*match.groups())


def heads_of(render: Render) -> list[tuple[str, str]]:
    """What stands before the first question: before the system text, and between that and the question; and without one."""
    heads = [(_sample(render, [("user", _ASKED)], True).partition(_ASKED)[0], "")]
    try:
        text = render([("system", _SYSTEM), ("user", _ASKED), ("assistant", _SAID), ("user", _AGAIN)], True)
    except NotRendered:
        return heads
    before, found, rest = text.partition(_SYSTEM)
    between = rest.partition(_ASKED)
    return [(before, between[0]), *heads] if found and between[1] else heads  # some put it before the last question


def _sample(render: Render, messages: Sequence[Message], prompts: bool = False) -> str:
    try:
        return render(messages, prompts)
    except NotRendered as error:
        raise InputError(str(error)) from None
