"""Choices: the few texts that the target of a task is one of. Nothing heavy is imported here."""

from collections.abc import Callable, Sequence

from toi.system.errors import InputError

CHOICES = ("A", "B", "引き分け")  # of two answers
_RESERVED = ("qa_id", "input", "target", "output", "score", "line_breaks")  # columns of a file of predictions


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
