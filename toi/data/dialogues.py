"""What a model reads of two conversations that it compares: the texts of {prompt}, {response_a} and {response_b}, and the choices.

Of an Example `question` and `extra["turns"]` are what both begin with, as of an instruction; `extra["a"]` and `extra["b"]` are how
they go on, lists of [role, text] that begin and end with an assistant.
"""

from collections.abc import Callable, Sequence

from toi.data.examples import Example
from toi.system.errors import InputError

SIDES = {"response_a": "a", "response_b": "b"}  # field -> where an Example has its turns
CHOICES = ("A", "B", "引き分け")
_NAMES = {"user": "ユーザー", "assistant": "アシスタント"}
_RESERVED = ("qa_id", "input", "target", "output", "score", "line_breaks")  # columns of a file of predictions


def dialogue(turns: Sequence[Sequence[str]]) -> str:
    """Turns as one text: who speaks is said where there are several."""
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{_NAMES[role]}: {text}" for role, text in turns)


def text_of_field(example: Example, name: str) -> str:
    """The text of {prompt}, {response_a} or {response_b}; empty where the Example compares nothing."""
    if name == "prompt":
        return dialogue([*example.extra.get("turns", ()), ("user", example.question)])
    turns = example.extra.get(SIDES[name], ())
    return dialogue(turns) if turns else ""


def swapped(example: Example) -> Example:
    """The Example with its sides changed; its answer stays."""
    changed = {"a": "b", "b": "a", "model_a": "model_b", "model_b": "model_a"}
    extra = {changed.get(name, name): value for name, value in example.extra.items()}
    return Example(example.id, example.context, example.question, example.answers, example.title, extra)


def choice_template(choices: Sequence[str]) -> str:
    """The built-in template of a task whose choices are the names of both answers, and of none of them if there are three."""
    first, second = (_escaped(choice.strip()) for choice in choices[:2])
    listed = "、".join(_escaped(choice.strip()) for choice in choices)
    return (
        f"以下は、指示と、それに対する二つの応答です。よりよい応答を、{listed}のどれかで答えなさい。\n\n"
        f"### 指示:\n{{prompt}}\n\n### 応答 {first}:\n{{response_a}}\n\n### 応答 {second}:\n{{response_b}}\n\n### 判定:"
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def check_choices(choices: Sequence[str], normalization: Callable[[str], str] | None = None) -> None:
    """Raise InputError for choices that cannot be: fewer than two, one twice or empty, one that is no name of a column.

    A task's `normalization` must leave them as they are, since it makes the targets.
    """
    if len(choices) < 2:
        raise InputError(f"choices: give two at least, not {len(choices)}")
    for choice in choices:
        if not choice.strip():
            raise InputError("choices: one is empty")
        if any(c in choice for c in "\t\n\r"):
            raise InputError(f"choices: {choice!r} holds a tab or a line break")
        if choice in _RESERVED:
            raise InputError(f"choices: {choice!r} is the name of a column of predictions; give another")
        if choices.count(choice) > 1:
            raise InputError(f"choices: {choice!r} is there twice")
        if normalization is not None and normalization(choice) != choice:
            raise InputError(f"choices: the task's normalization makes {normalization(choice)!r} of {choice!r}; give that")
