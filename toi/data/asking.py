"""Sources that are asked beside those of rows: with both answers the other way round, or without content."""

from collections.abc import Sequence
from pathlib import Path

from toi.data.dialogues import swapped
from toi.data.examples import Row, iterate_examples
from toi.data.tasks import Task
from toi.data.templates import pieces
from toi.system.errors import InputError


def swapped_sources(data_dir: str | Path, split: str, rows: Sequence[Row], task: Task | None) -> list[str]:
    """The source of each row of a split with both answers the other way round, made of the Examples behind the rows.

    Raises InputError if they are not there, compare nothing, or make other sources than the rows have.
    """
    path = Path(data_dir) / f"{split}.jsonl"
    if task is None or not path.is_file():
        lacking = f"{data_dir}: no task.json" if task is None else f"{path}: no such file"
        raise InputError(f"{lacking}; --swap_average makes sources anew from what prepare_preferences.py writes")
    examples = {example.id: example for example in iterate_examples(path)}
    sources = []
    for row in rows:
        example = examples.get(row.id)
        if example is None or not {"a", "b"} <= set(example.extra):
            what = "no Example with two answers" if example is None else "an Example without two answers"
            raise InputError(f"{path}: {what} for the row {row.id!r}; --swap_average is for choices between answers")
        try:
            same, other = task.source(example) == row.source, task.source(swapped(example))
        except ValueError as error:
            raise InputError(f"{path}: {row.id}: {error}") from None
        if not same:
            raise InputError(f"{path}: {row.id}: makes another source than the row has; run prepare_preferences.py again")
        sources.append(other)
    return sources


def content_free(task: Task | None, text: str) -> str:
    """A source without content: the task's template with the same text in all of its fields."""
    if task is None:
        return text
    return "".join(literal + (text if name is not None else "") for literal, name in pieces(task.source_template))
