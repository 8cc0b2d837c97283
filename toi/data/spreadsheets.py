"""Rows of cells -> records by the names of their columns, and what is wrong with a table of which each row is in order.

A record before and after:

    質問,,答え             {"質問": "特産品は?", "答え": "桃と\\nぶどう"}, which begins at line 2
    特産品は?,,"桃と
    ぶどう"
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from toi.data.cells import SEPARATORS, Cells, rows
from toi.data.columns import known, role_of
from toi.data.json_records import short
from toi.system.errors import InputError

_HEADER_WITHIN = 10  # rows that may be titles, of a table whose header is not recognised
_NO_SEPARATORS = ",;\t，、；|｜"


class Columns(NamedTuple):
    """The columns that have a name, by their places (from 0)."""

    names: dict[int, str]
    nameless: list[int]
    width: int  # cells of a row
    line: int  # where the header stands; 0 if there is none
    prompt: int  # the places of what no row is without: of a split row either half lacks one
    response: int


def table_records(path: Path, encoding: str, separator: str, *, header: bool) -> Iterator[tuple[int, dict[str, str]]]:
    """The records of a table, each with its line. Raises InputError that names the line of what is wrong."""
    table = rows(path, encoding, separator)
    first = next(table, None)
    if first is None:
        raise InputError(f"{path}: is empty; expected a table of instructions and responses")
    columns = _header(path, first) if header else _by_position(path, first)
    before: Cells | None = None
    count = 0
    for row in table if header else _chained(first, table):
        count += 1
        if header:
            _check_header_again(path, row, first, columns, count)
        if len(row.cells) != columns.width or any(row.cells[i] for i in columns.nameless):
            row = _squared(path, row, columns, separator, before, table)
        if before is not None:
            _check_split(path, before, row, columns)
        yield row.line, {name: row.cells[i] for i, name in columns.names.items()}
        before = row
    if not count:
        raise InputError(f"{path}:{first.line}: no rows behind the header; if this is no header, give --no_header")


def _chained(first: Cells, others: Iterator[Cells]) -> Iterator[Cells]:
    yield first
    yield from others


def _header(path: Path, row: Cells) -> Columns:
    """The columns of a header. Raises InputError if two are called alike, or if it is one cell that should be several."""
    names = {i: name for i, cell in enumerate(row.cells) if (name := cell.strip("\ufeff \t\r\n\u3000"))}
    for i, name in names.items():
        first = next(j for j in names if names[j] == name)
        if first != i:
            raise InputError(f"{path}:{row.line}: two columns are called {short(name)} (cells {first + 1} and {i + 1}); rename one")
    if len(names) == 1:
        only = next(iter(names.values()))
        for separator in _NO_SEPARATORS:
            if known(only.split(separator)) > 1:
                said = f"the header {short(only)} is one cell; separate the cells of all rows with , or ; or tabs"
                quotes = " outside of quotes" if separator in SEPARATORS else ""
                raise InputError(f"{path}:{row.line}: {said}{quotes}")
    return _columns(names, row.line, len(row.cells))


def _by_position(path: Path, row: Cells) -> Columns:
    """The columns of a table without a header: instruction and response if there are two, else numbers from 1."""
    if known(row.cells) > 1:
        raise InputError(f"{path}:{row.line}: this row is a header ({', '.join(map(short, row.cells[:6]))}); leave out --no_header")
    filled = [i for i, cell in enumerate(row.cells) if cell.strip()]
    if len(filled) == 2:
        return _columns(dict(zip(filled, ("instruction", "response"), strict=True)), 0, len(row.cells))
    return _columns({i: str(i + 1) for i in filled}, 0, len(row.cells))


def _columns(names: dict[int, str], line: int, width: int) -> Columns:
    roles = {role_of(name): i for i, name in reversed(names.items())}
    prompt, response = roles.get("instruction", roles.get("input")), roles.get("response")
    if prompt is None or response is None:
        prompt, response = min(names), max(names)
    return Columns(names, [i for i in range(width) if i not in names], width, line, prompt, response)


def _check_header_again(path: Path, row: Cells, first: Cells, columns: Columns, count: int) -> None:
    """Raise InputError if a row is the header once more, or the first that looks like one."""
    if row.cells[1:] == first.cells[1:] and row.cells[0].lstrip("\ufeff") == first.cells[0]:
        raise InputError(f"{path}:{row.line}: the header of line {columns.line} again (were two files joined?); remove this line")
    if count <= _HEADER_WITHIN and known(row.cells) > 1 and not known(columns.names.values()):
        raise InputError(f"{path}:{row.line}: the header seems to stand here, not in line {columns.line}; remove what is above it")


def _squared(path: Path, row: Cells, columns: Columns, separator: str, before: Cells | None, table: Iterator[Cells]) -> Cells:
    """A row with as many cells as there are columns: empty ones at its end may be missing, or too many.

    Raises InputError if it lacks what every row has, or has text where there is no column.
    """
    said = f"{path}:{row.line}: {len(row.cells)} {'cell' if len(row.cells) == 1 else 'cells'}"
    has = f"line {columns.line} has {columns.width}" if columns.line else f"the first row has {columns.width}"
    if len(row.cells) < columns.width:
        if len(row.cells) <= max(columns.prompt, columns.response):
            following = next(table, None)
            others = [f"line {other.line}" for other in (before, following) if other is not None]
            with_others = f" (with {' or '.join(others)}?)" if others else ""
            raise InputError(
                f"{said}, but {has}; a row split by a line break{with_others}: join it and put the text in double quotes"
            )
        return Cells(row.line, row.cells + [""] * (columns.width - len(row.cells)))
    for i, cell in enumerate(row.cells):
        if i >= columns.width and cell.strip():
            raise InputError(f"{said}, but {has}; put texts that hold {SEPARATORS[separator]} in double quotes")
        if i not in columns.names and cell.strip():
            place = f"in line {columns.line}" if columns.line else "in the first row"
            named = "name it" if columns.line else "fill it there, give a header,"
            found = f"cell {i + 1} has a text ({short(cell)}), but the column is empty {place}"
            raise InputError(f"{path}:{row.line}: {found}; {named} or remove the text")
    return Cells(row.line, row.cells[: columns.width])


def _check_split(path: Path, before: Cells, row: Cells, columns: Columns) -> None:
    """Raise InputError if a row lacks its response, and the next one its instruction."""
    asked, answered = before.cells[columns.prompt], before.cells[columns.response]
    if asked.strip() and not answered.strip() and not row.cells[columns.prompt].strip() and row.cells[columns.response].strip():
        raise InputError(
            f"{path}:{before.line}: an instruction without a response, and line {row.line} has a response without an instruction:"
            " a row split by a line break? join both lines, the text with the line break in double quotes"
        )
