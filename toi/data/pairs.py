"""Pairs: two answers to one source, one of them preferred. A line of `train.tsv` where `task.json` says `pairs`.

    id  source  chosen  rejected

What trains on rows, writes or scores takes the chosen answer as the target (`iterate_split`); `train.py --loss dpo` takes both.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from toi.data.examples import Row, check_fields, iterate_fields, iterate_rows, split_path, whole_line
from toi.data.task_files import read_task
from toi.system.errors import InputError
from toi.system.files import replacing


class Pair(NamedTuple):
    """A line of a TSV of pairs: what the model reads, the better answer and the worse one."""

    id: str
    source: str
    chosen: str
    rejected: str


def read_pairs(path: str | Path, *, line_breaks: bool = False) -> list[Pair]:
    """The pairs of a TSV: UTF-8, no header, no quoting, exactly four fields, none empty, the two answers different.

    `line_breaks` is what the task says of them (see `toi.data.examples.read_rows`). Raises InputError naming the file and the
    line, or the file if it is missing or has no pairs.
    """
    return list(iterate_pairs(path, line_breaks=line_breaks))


def iterate_pairs(path: str | Path, *, line_breaks: bool = False) -> Iterator[Pair]:
    """`read_pairs`, a pair at a time: for files that are larger than the memory."""
    wanted = "4 tab-separated fields (id, source, chosen, rejected)"
    for place, fields in iterate_fields(path, Pair._fields, line_breaks=line_breaks):
        check_fields(fields, Pair._fields, place, wanted)
        pair = Pair(*fields)
        if pair.chosen == pair.rejected:
            raise InputError(f"{place}: the chosen and the rejected answer are the same; remove the row")
        yield pair


def write_pairs(path: str | Path, pairs: Iterable[Pair], *, line_breaks: bool = False) -> None:
    """Write pairs as `read_pairs` reads them. Raises ValueError if a field holds a tab or a line break, but for `line_breaks`."""
    with replacing(path) as file:
        for pair in pairs:
            file.write(whole_line(pair, line_breaks=line_breaks) + "\n")


def iterate_chosen(path: str | Path, *, line_breaks: bool = False) -> Iterator[Row]:
    """The chosen answers of a TSV of pairs, as rows. Raises as `read_pairs` does."""
    for pair in iterate_pairs(path, line_breaks=line_breaks):
        yield Row(pair.id, pair.source, pair.chosen)


def iterate_answers(path: str | Path, *, line_breaks: bool = False) -> Iterator[Row]:
    """Each pair of a TSV as two rows, the chosen answer before the rejected one. Raises as `read_pairs` does."""
    for pair in iterate_pairs(path, line_breaks=line_breaks):
        yield Row(pair.id, pair.source, pair.chosen)
        yield Row(pair.id, pair.source, pair.rejected)


def holds_pairs(data_dir: str | Path) -> bool:
    """Whether the TSVs of a data folder hold pairs: where its `task.json` says so."""
    task = read_task(data_dir)
    return task is not None and task.pairs


def iterate_split(data_dir: str | Path, split: str) -> Iterator[Row]:
    """The rows of a split of a data folder, as its `task.json` says they are written; of pairs, the chosen answers.

    Raises InputError if the split is not there, and for its first line that cannot be used.
    """
    path, task = split_path(data_dir, split), read_task(data_dir)
    read = iterate_chosen if task is not None and task.pairs else iterate_rows
    yield from read(path, line_breaks=task is not None and task.line_breaks)
