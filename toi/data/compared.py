"""What a user asks a model that compares answers: which one of two is better?"""

from collections.abc import Sequence
from typing import Any

from toi.data.dialogues import SIDES
from toi.data.examples import Example
from toi.data.tasks import Task
from toi.system.errors import InputError

Turns = Sequence[Sequence[str]]


def compares(task: Task) -> bool:
    """Whether the model says which of two answers to a prompt is better."""
    return not task.fields.isdisjoint(SIDES)


def compared_example(
    task: Task, id: str, prompt: str | None, a: str | None, b: str | None, *, context: str, system: str, turns: Turns
) -> Example:
    """The Example of two answers to a prompt, which `turns` stand before. Raises InputError for what the task has no place for."""
    if context.strip():
        raise InputError(f"the model compares two answers (task {task.name}): say --context in --prompt")
    if prompt is None or a is None or b is None:
        raise InputError(f"the model compares two answers (task {task.name}): give --prompt, --response_a and --response_b")
    if not prompt.strip():
        raise InputError("the prompt is empty")
    if system.strip() and "system" not in task.fields:
        raise InputError(f"the template of the task {task.name} has no {{system}}; leave out --system")
    extra: dict[str, Any] = {"system": system} if system else {}
    extra |= {"turns": [list(turn) for turn in turns]} if turns else {}
    return Example(id, "", prompt, extra=extra | {"a": [["assistant", a]], "b": [["assistant", b]]})


def response_problems(prompt: str | None, a: str | None, b: str | None) -> list[str]:
    """What is wrong with the answers that options give, whatever the task is."""
    given = [name for name, text in (("--response_a", a), ("--response_b", b)) if text is not None]
    if len(given) == 1:
        return ["give --response_a and --response_b, or neither"]
    return ["--response_a and --response_b need --prompt"] * bool(given and prompt is None)
