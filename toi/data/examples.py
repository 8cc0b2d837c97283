"""What a record says: an Example, and the TSV row that a model sees of it.

An Example is what the data set holds, untouched. A Row is made from it by a Task (`toi/data/tasks.py`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from toi.data.tsv import fields_of, to_line
from toi.system.errors import InputError
from toi.system.files import read_lines, replacing, to_json
from toi.text.normalization import Normalization

SPLITS = ("train", "dev", "test")
_quoted = json.encoder.encode_basestring
_dumps = json.JSONEncoder(ensure_ascii=False).encode
_PLAIN_ID = re.compile(r"[0-9A-Za-z.:#_/]+")  # which no normalization changes


class Answer(NamedTuple):
    """An answer as annotated. `start` is its character offset in the raw context, if known."""

    text: str
    start: int | None = None


@dataclass(frozen=True, init=False)
class Example:
    """One question about one context, raw. The first answer is the one that prompts are made of.

    `extra` is what else the data set says (question type, answer type), kept for reports.
    """

    id: str
    context: str
    question: str = ""
    answers: tuple[Answer, ...] = ()
    title: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __init__(
        self,
        id: str,
        context: str,
        question: str = "",
        answers: tuple[Answer, ...] = (),
        title: str = "",
        extra: dict[str, Any] | None = None,
    ):
        # Half the time of what a frozen dataclass does by itself, which matters where there are a million.
        values = self.__dict__
        values["id"], values["context"], values["question"] = id, context, question
        values["answers"], values["title"], values["extra"] = answers, title, {} if extra is None else extra

    def to_json(self) -> dict[str, Any]:
        """A flat JSON object, the extra fields behind the known ones."""
        answers = [{"text": a.text, "answer_start": a.start} for a in self.answers]
        known = {"id": self.id, "title": self.title, "context": self.context, "question": self.question}
        return {**known, "answers": answers, **self.extra}

    def to_line(self) -> str:
        """`to_json` as `json.dumps` writes it without escapes for what is not ASCII, several times faster; without a line break."""
        answers = ", ".join([
            f'{{"text": {_quoted(a.text)}, "answer_start": {"null" if a.start is None else a.start}}}' for a in self.answers
        ])  # fmt: skip
        known = f'"id": {_quoted(self.id)}, "title": {_quoted(self.title)}, "context": {_quoted(self.context)}'
        extra = f", {_dumps(self.extra)[1:-1]}" if self.extra else ""
        return f'{{{known}, "question": {_quoted(self.question)}, "answers": [{answers}]{extra}}}'

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Example":
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        value = dict(value)
        answers = tuple(Answer(a["text"], a["answer_start"]) for a in value.pop("answers"))
        known = {name: value.pop(name) for name in ("id", "title", "context", "question")}
        return cls(**known, answers=answers, extra=value)


class Row(NamedTuple):
    """A line of `train.tsv`: what the model sees."""

    id: str
    source: str
    target: str


def row_id(id: str) -> str:
    """The id of the row of an Example: tabs and line breaks are normalized away."""
    return id if _PLAIN_ID.fullmatch(id) else Normalization()(id)


def read_rows(path: str | Path, *, targets: bool = True, line_breaks: bool = False) -> list[Row]:
    """The rows of a TSV: UTF-8, no header, no quoting, exactly three fields, none empty.

    Without `targets`, the third may be empty or left out. `line_breaks` is what the task says of them: the file then writes them
    as toi/data/tsv.py has it, and the rows hold them. Raises InputError naming the file and the line, or the file if it
    is missing or has no rows.
    """
    return list(iterate_rows(path, targets=targets, line_breaks=line_breaks))


def iterate_rows(path: str | Path, *, targets: bool = True, line_breaks: bool = False) -> Iterator[Row]:
    """`read_rows`, a row at a time: for files that are larger than the memory."""
    wanted = "3 tab-separated fields (id, source, target)"
    if not targets:
        wanted = "2 or 3 tab-separated fields (id, source and, if there is one, target)"
    for place, fields in iterate_fields(path, Row._fields, line_breaks=line_breaks):
        if not targets and len(fields) == 2:
            fields.append("")
        check_fields(fields, Row._fields, place, wanted, may_be_empty=() if targets else ("target",))
        yield Row(*fields)


def iterate_fields(path: str | Path, names: Sequence[str], *, line_breaks: bool) -> Iterator[tuple[str, list[str]]]:
    """The lines of a TSV whose fields have these names: each its place (file:line) and its fields, however many they are."""
    number = 0
    for number, line in enumerate(read_lines(path), start=1):
        fields = fields_of(line, f"{path}:{number}", line_breaks=line_breaks)
        if number == 1 and fields[0] in ("id", "qa_id") and fields[1:2] in (["source"], ["input"], ["prompt"]):
            raise InputError(f"{path}:1: a header; these files have none, so remove the line")
        yield f"{path}:{number}", fields
    if not number:
        raise InputError(f"{path}: no rows; expected one line per example: {', '.join(names)}")


def check_fields(fields: Sequence[str], names: Sequence[str], place: str, wanted: str, may_be_empty: Sequence[str] = ()) -> None:
    """Raise InputError, beginning with `place`, if a line does not have the fields `names`, or if one is empty."""
    if len(fields) != len(names):
        raise InputError(f"{place}: expected {wanted}, found {len(fields)}")
    for name, value in zip(names, fields, strict=True):
        if not value.strip() and name not in may_be_empty:
            raise InputError(f"{place}: the {name} field is empty; fill it or remove the row")


def write_rows(path: str | Path, rows: Iterable[Row], *, line_breaks: bool = False) -> None:
    """Write rows as `read_rows` reads them. Raises ValueError if a field holds a tab or a line break, but for `line_breaks`."""
    with replacing(path) as file:
        for row in rows:
            file.write(whole_line(row, line_breaks=line_breaks) + "\n")


def whole_line(fields: Sequence[str], *, line_breaks: bool) -> str:
    """A line of a TSV, without its end. Raises ValueError if a field holds a tab or a line break, but for `line_breaks`."""
    line = to_line(fields, line_breaks=line_breaks)
    if not line_breaks and (line.count("\t") != len(fields) - 1 or len(line.splitlines()) != 1):
        raise ValueError(f"row {fields[0]!r} holds a tab or a line break")
    return line


def read_examples(path: str | Path) -> list[Example]:
    """The Examples of a `.jsonl` file. Raises InputError naming the file and the line."""
    return list(iterate_examples(path))


def iterate_examples(path: str | Path) -> Iterator[Example]:
    """`read_examples`, an Example at a time."""
    for number, line in enumerate(read_lines(path), start=1):
        if line:
            try:
                yield Example.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(f"{path}:{number}: not an example; run the prepare script again") from None


def write_examples(path: str | Path, examples: Iterable[Example]) -> None:
    """Write Examples as JSON Lines."""
    with replacing(path) as file:
        for example in examples:
            file.write(to_json(example.to_json()) + "\n")


def split_path(data_dir: str | Path, split: str) -> Path:
    """The TSV of a split. Raises InputError if the folder or the split is not there."""
    folder = Path(data_dir)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such data folder; make one with a prepare script, or give --data_dir")
    path = folder / f"{split}.tsv"
    if not path.is_file():
        raise InputError(f"{path}: no such file; a data folder holds train.tsv, dev.tsv and test.tsv")
    return path
