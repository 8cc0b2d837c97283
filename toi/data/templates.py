"""The texts around the fields of a task: built-in templates, what a template may name, and conversations of several turns."""

import re
import string
from functools import lru_cache
from typing import NamedTuple

from toi.data.extraction import EXTRACTED
from toi.system.errors import InputError

INSTRUCTION_FIELDS = ("instruction", "input", "response", "system", "history")
CHOICE_FIELDS = ("prompt", "response_a", "response_b")  # of two conversations (toi/data/dialogues.py)
FIELDS = ("id", "title", "context", "question", "answer", "highlighted", *EXTRACTED, *INSTRUCTION_FIELDS, *CHOICE_FIELDS)
MAY_BE_EMPTY = ("history", "response_a", "response_b")  # all others are lost, or nothing is asked, where they are empty
CONTEXT_LABEL = "context: "
HISTORY = "{history}"
TURN_SEPARATOR = "\n\n"  # behind each response of a history


class Templates(NamedTuple):
    """The templates of a task. `source_without_input` is that of sources whose input is empty, where it is another."""

    source: str
    target: str
    source_without_input: str | None = None


def _alpaca(heads: tuple[str, str], labels: tuple[str, str, str]) -> Templates:
    """Templates in the form of Alpaca; the heads are those with and without an input. What follows {history} is said each turn."""
    instruction, input_, response = (f"### {label}:" for label in labels)
    asked, asks = f"{HISTORY}{instruction}\n{{instruction}}\n\n", f"{input_}\n{{input}}\n\n"
    return Templates(f"{heads[0]}\n\n{asked}{asks}{response}", "{response}", f"{heads[1]}\n\n{asked}{response}")


_ALPACA_HEADS = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.",
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
)  # train.py of tatsu-lab/stanford_alpaca
_ALPACA_JA_HEADS = (
    "以下は、タスクを説明する指示と、文脈のある入力の組み合わせです。要求を適切に満たす応答を書きなさい。",
    "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。",
)  # as the Japanese models taught with translations of Alpaca have it (kunishou, rinna, Stability AI)
_ALPACA_LABELS, _ALPACA_JA_LABELS = ("Instruction", "Input", "Response"), ("指示", "入力", "応答")
INSTRUCTION_TEMPLATES = {
    "alpaca-ja": _alpaca(_ALPACA_JA_HEADS, _ALPACA_JA_LABELS),
    "alpaca": _alpaca(_ALPACA_HEADS, _ALPACA_LABELS),
    "plain": Templates(HISTORY + "{instruction}\n{input}", "{response}", HISTORY + "{instruction}"),
}
USER_TEMPLATES = Templates("{instruction}\n\n{input}", "{response}", "{instruction}")  # of what a user says, in a chat template
TEMPLATES = {
    "qa": Templates("question: {question} context: {context}", "{answer}"),
    "aqg": Templates("answer: {answer} context: {context}", "{question}"),
    "aqg-hl": Templates("{highlighted}", "{question}"),
    "aqg-cf": Templates(CONTEXT_LABEL + "{context} answer: {answer}", "{question}"),
    "ae": Templates("{highlighted}", "{answers}"),
    "qag": Templates(CONTEXT_LABEL + "{context}", "{pairs}"),
    **INSTRUCTION_TEMPLATES,
}

_WORDS = ["answer: ", "question: ", CONTEXT_LABEL, *(re.escape(f"{head}\n\n") for head in (*_ALPACA_HEADS, *_ALPACA_JA_HEADS))]
_WORDS += [f"### {label}:(?:\n|$)" for label in (*_ALPACA_LABELS, *_ALPACA_JA_LABELS)]
_LABELS = re.compile(rf"(?:^|(?<=[ \n]))(?:{'|'.join(_WORDS)})")  # of the templates above


def without_labels(source: str) -> str:
    """A source without the words that the built-in templates put before its fields."""
    return _LABELS.sub("", source)


@lru_cache(maxsize=64)
def pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    """The literal texts of a template, each with the field behind it.

    Raises InputError if it is malformed or names an unknown field.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(f"template {template!r}: {error}") from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise InputError(f"template {template!r}: unknown field {{{name}}}; fields are {', '.join(FIELDS)}")
    return tuple((literal, name) for literal, name, _, _ in parts)


@lru_cache(maxsize=64)
def template_fields(template: str) -> frozenset[str]:
    """The fields of a template. Raises as `pieces` does."""
    return frozenset(name for _, name in pieces(template) if name is not None)


def turn_template(template: str) -> str:
    """What a template says in each turn of a conversation: what stands behind {history}."""
    return template.partition(HISTORY)[2]


def check_template(template: str, *, line_breaks: bool) -> None:
    """Raise InputError for a template that no task can have; `line_breaks` says whether its texts may hold them."""
    if not line_breaks and any(c in template for c in "\t\n\r"):
        raise InputError(f"template {template!r}: must not hold a tab or a line break")
    names = template_fields(template)
    if not names:
        raise InputError(f"template {template!r} has no field; fields are {', '.join(FIELDS)}")
    if "history" not in names:
        return
    if not line_breaks:
        raise InputError(f"template {template!r}: {{history}} holds line breaks, which this task does not keep")
    if template.count(HISTORY) != 1 or "instruction" not in template_fields(turn_template(template)):
        raise InputError(
            f"template {template!r}: {{history}} stands once, and before {{instruction}}: what follows is said each turn"
        )
