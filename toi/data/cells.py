"""Tables as spreadsheets write them (CSV and TSV) -> rows of cells, with the line of the file at which each begins.

Python's csv reads them, strictly; what this adds is where and why a table is broken. Lines are those that an editor shows.
Cells are given as they are: line breaks, tabs and spaces stay.
"""

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from toi.data.columns import known
from toi.data.encodings import SAVE, unpacked
from toi.data.json_records import short
from toi.system.errors import InputError

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_LONGEST = 1 << 26  # characters of a cell; without a limit an open quote would read the whole file
_SAMPLE_LINES, _SAMPLE_CHARACTERS, _SAMPLE_ROWS = 200, 1 << 20, 50  # by which the separator is found
_DIRECTIVE = re.compile(r"\ufeff?sep=([,;\t])\s*", re.IGNORECASE)  # Excel's own first line
# ひらがな and punctuation in UTF-8 that was opened as cp932 and saved.
_GARBLED = re.compile("縺|繧|繝|譁|ã\x81|ã\x82")
_BREAK = re.compile(r"\r\n|\r|\n")
_EXCEL_ERRORS = frozenset(("#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"))
_EXCEL_MOST = 32767  # characters of a cell of Excel


class Cells(NamedTuple):
    """A row of a table."""

    line: int  # where it begins, from 1
    cells: list[str]


class _Lines:
    """The physical lines of a file, with their ends; those of the row that is being read are kept, to say what is wrong with it."""

    def __init__(self, path: Path, file: io.TextIOWrapper):
        self.path, self.file, self.number = path, file, 0
        self.row: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            line = next(self.file)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(error.encoding, errors="ignore")  # of the piece that was read last
            number = self.number + 1 + len(_BREAK.findall(good))
            raise InputError(f"{self.path}:{number}: not UTF-16 from here on ({error.reason}); {SAVE}") from None
        self.number += 1
        if not line.isascii() and len(_GARBLED.findall(line)) > 2:
            raise InputError(
                f"{self.path}:{self.number}: garbled text ({short(line.strip())}): UTF-8 was opened as another encoding and saved;"
                " save it anew from the original"
            )
        self.row.append(line)
        return line


@contextlib.contextmanager
def _lines(path: Path, encoding: str) -> Iterator[_Lines]:
    with unpacked(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        yield _Lines(path, text)


def rows(path: Path, encoding: str, separator: str) -> Iterator[Cells]:
    """The rows of a table, those without any text left out, Excel's line `sep=;` too.

    Raises InputError that names the line, where quotes or bytes are wrong.
    """
    csv.field_size_limit(_LONGEST)
    with _lines(path, encoding) as lines:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            first, lines.row = lines.number + 1, []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise InputError(f"{path}:{_quote_problem(first, ''.join(lines.row), separator)}") from None
            if first == 1 and _DIRECTIVE.fullmatch(lines.row[0]):
                continue
            if any(cells) and any(map(str.strip, cells)):
                _check_cells(path, first, cells)
                yield Cells(first, cells)


_QUOTED = re.compile(r'"(?:[^"]++|"")*+"')


def _quote_problem(first: int, text: str, separator: str) -> str:
    """What is wrong with the quotes of a row that begins at a line, and at which line."""
    plain, at = re.compile(f"[^{separator}\r\n]*"), 0

    def line(place: int) -> int:
        return first + len(_BREAK.findall(text, 0, place))

    while at < len(text):
        if text[at] == '"':
            match = _QUOTED.match(text, at)
            if match is None:
                return f'{line(at)}: the quote that begins here is never closed; close it (a quote of the text is written "")'
            end = match.end()
            if end < len(text) and text[end] not in f"{separator}\r\n":
                if line(at) == line(end):
                    behind = short(text[end - 1 : end + 9])
                    return f'{line(at)}: text behind a closing quote ({behind}); write a quote of the text as ""'
                return (
                    f"{line(at)}: the quote that begins here is not closed before line {line(end)};"
                    ' close it (a quote of the text is written "")'
                )
        else:
            end = plain.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        at = end + 1
    return f"{first}: a cell of more than {_LONGEST:,} characters; is a quote never closed?"


def _check_cells(path: Path, line: int, cells: list[str]) -> None:
    for cell in cells:
        if cell[:1] == " " and cell.lstrip(" ").startswith('"'):
            raise InputError(f"{path}:{line}: a space before a quote ({short(cell)}); remove it, so that the quotes count")
        if len(cell) == _EXCEL_MOST:
            raise InputError(
                f"{path}:{line}: a cell of {_EXCEL_MOST:,} characters, the most that Excel holds, so its text was cut off;"
                f" shorten it ({short(cell)})"
            )
    if not _EXCEL_ERRORS.isdisjoint(cells):
        wrong = next(cell for cell in cells if cell in _EXCEL_ERRORS)
        raise InputError(
            f"{path}:{line}: {wrong} is an error of the spreadsheet in place of a text; correct the cell"
            " (a text that begins with = needs ' before it)"
        )


def separator_of(path: Path, encoding: str, *, header: bool) -> str:
    """What separates the cells of a table: what its header says, else what all of its first rows agree on.

    Raises InputError if two separators fit alike.
    """
    csv.field_size_limit(_LONGEST)
    lines, cut = _sample(path, encoding)
    directive = _DIRECTIVE.fullmatch(lines[0]) if lines else None
    if directive is not None:
        return directive[1]
    tables = {separator: table for separator in SEPARATORS if (table := _split(lines, separator, cut))}
    if header:
        found = {separator: known(table[0]) for separator, table in tables.items()}
        best = [separator for separator, names in found.items() if names == max(found.values()) > 0]
        if len(best) == 1:
            return best[0]
    several = [separator for separator, table in tables.items() if len(table[0]) > 1]
    fitting = [s for s in several if all(len(row) == len(tables[s][0]) for row in tables[s])] or several
    if "\t" in fitting and path.name.removesuffix(".gz").lower().endswith((".tsv", ".tab")):
        return "\t"
    if len(fitting) > 1:
        both = " or by ".join(SEPARATORS[s] for s in fitting)
        raise InputError(f"{path}:1: cells could be separated by {both}; put texts that hold these characters in double quotes")
    return fitting[0] if fitting else ","


def _sample(path: Path, encoding: str) -> tuple[list[str], bool]:
    """The first lines of a table, and whether there are more."""
    found: list[str] = []
    size = 0
    with _lines(path, encoding) as lines:
        for line in lines:
            if len(found) == _SAMPLE_LINES or size > _SAMPLE_CHARACTERS:
                return found, True
            found.append(line)
            size += len(line)
    return found, False


def _split(lines: list[str], separator: str, cut: bool) -> list[list[str]]:
    """The first rows that have text, not strictly, without the last one of a table that is cut off there."""
    table: list[list[str]] = []
    with contextlib.suppress(csv.Error):  # a cell that is too long, which is said where rows are read
        for row in csv.reader(lines, delimiter=separator):
            if any(map(str.strip, row)):
                table.append(row)
    return table[: min(_SAMPLE_ROWS, max(1, len(table) - cut))]
