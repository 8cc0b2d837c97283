"""What a model reads of two conversations that it compares: the texts of {prompt}, {response_a} and {response_b}.

Of an Example `question` and `extra["turns"]` are what both begin with, as of an instruction; `extra["a"]` and `extra["b"]` are how
they go on, lists of [role, text] that begin and end with an assistant.
"""

from collections.abc import Sequence

from toi.data.examples import Example

SIDES = {"response_a": "a", "response_b": "b"}  # field -> where an Example has its turns
_NAMES = {"user": "ユーザー", "assistant": "アシスタント"}


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
