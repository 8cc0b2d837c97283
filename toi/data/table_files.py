"""Files of instructions as users have them -> records: CSV, TSV, JSON, JSON Lines and Parquet, told apart by what is in them.

The names of columns are not looked at here, but for the header of a spreadsheet (toi/data/columns.py says what they hold). Records
are read one by one: of a file of any length only a piece is in memory, but for JSON that is one object ({"data": [...]}).
"""

import codecs
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from toi.data.cells import SEPARATORS, separator_of
from toi.data.encodings import encoding_of, head_of, unpacked
from toi.data.json_records import Node, kind_of, records, short
from toi.data.spreadsheets import table_records
from toi.system.errors import InputError

_JSON = re.compile(rb"\s*(?:\[\s*)?\{\s*[\"}]")
_JSON_NAMES = (".json", ".jsonl", ".ndjson")
_BATCH = 1024  # rows of Parquet that are in memory at a time
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp932": "cp932 (Shift_JIS)"}


class Record(NamedTuple):
    """A record, and where it begins: `file:line`, `file: [3]` in a JSON list, `file: row 3` in Parquet."""

    place: str
    values: dict[str, Any]  # column -> cell: texts of spreadsheets, what was parsed of JSON and Parquet


class Form(NamedTuple):
    """What a file is, found out and not guessed; `str` is what a user is told."""

    kind: str  # json, parquet or text
    encoding: str = ""
    separator: str = ""

    def __str__(self) -> str:
        if self.kind == "text":
            return f"{_ENCODINGS[self.encoding]}, cells separated by {SEPARATORS[self.separator]}"
        return {"json": "JSON", "parquet": "Parquet"}[self.kind]

    @property
    def spreadsheet(self) -> bool:
        """Whether the file may lack a header."""
        return self.kind == "text"


def form_of(path: Path, *, header: bool = True) -> Form:
    """What a file is. Raises InputError if it is none of those that can be read, with what to do."""
    head = head_of(path)
    name = path.name.lower().removesuffix(".gz")
    if head.startswith(b"PAR1"):
        return Form("parquet")
    if name.endswith(".parquet"):
        raise InputError(f"{path}: not Parquet; the file is damaged, or its name is wrong")
    if _JSON.match(head.removeprefix(codecs.BOM_UTF8)) or name.endswith(_JSON_NAMES):
        return Form("json")
    encoding = encoding_of(path, head)
    return Form("text", encoding, separator_of(path, encoding, header=header))


def read_records(path: Path, *, header: bool = True, form: Form | None = None) -> Iterator[Record]:
    """The records of a file, one at a time. `form` is what `form_of` has said of it, if it was asked.

    Without `header` the first row of a spreadsheet is a record, and its columns are called instruction and response if there are
    two, else 1, 2, 3 ... Raises InputError that names the file and the line (or the member, or the row) of what is wrong, also
    if there is no record.
    """
    form = form or form_of(path, header=header)
    if form.kind == "json":
        yield from _json_records(path)
    elif form.kind == "parquet":
        yield from _parquet_records(path)
    else:
        for line, values in table_records(path, form.encoding, form.separator, header=header):
            yield Record(f"{path}:{line}", values)


def _json_records(path: Path) -> Iterator[Record]:
    """The objects of a list, of lines, or of the list `data` of one object."""
    nodes = _members_of_object(path)
    first = True
    for node in records(path) if nodes is None else nodes:
        value = node.value
        if not isinstance(value, dict):
            raise node.error(f"expected an object with a member for each column, found {node.kind}")
        if first and value and all(isinstance(column, dict) and "0" in column for column in value.values()):
            raise node.error("a table column by column, as pandas writes it; write it with orient='records'")
        first = False
        yield Record(f"{node.file}: {node.place}" if node.place else node.file, value)


def _members_of_object(path: Path) -> Iterator[Node] | None:
    """The members of `data`, of a file that is one JSON object; None for lists and JSON Lines."""
    with unpacked(path) as file:
        first = file.readline().removeprefix(codecs.BOM_UTF8).strip()
        while not first and (line := file.readline()):
            first = line.strip()
        if not first.startswith(b"{"):
            return None
        value: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(first)
            if not (isinstance(value.get("data"), list) and all(isinstance(member, dict) for member in value["data"])):
                return None  # an object a line
            if file.read().strip():
                return None
        if value is None and not _goes_on(first):
            return None  # a line that is broken, which is said where the lines are read
    if value is None:
        value = _whole(path)
    if not isinstance(value.get("data"), list):
        keys = ", ".join(map(short, list(value)[:10]))
        wanted = 'a list of objects, {"data": [...]}, or an object a line'
        raise InputError(f"{path}: one object with {keys}; expected {wanted}")
    if not value["data"]:
        raise InputError(f"{path}: data: no records")
    return Node(value["data"], str(path), "data").items()


def _goes_on(line: bytes) -> bool:
    """Whether a line is the beginning of JSON that goes on in the next one."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc)
    except (ValueError, RecursionError):
        pass
    return False


def _whole(path: Path) -> Any:
    """The JSON value of a whole file, an object."""
    with unpacked(path) as file:
        content = file.read()
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 (byte 0x{content[error.start]:02x}); convert the file to UTF-8") from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            said = "a second object, and the first is not on one line; write an object a line, or a list of objects"
            raise InputError(f"{path}:{error.lineno}: {said}") from None
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not usable JSON (nested too deeply, or a number with too many digits)") from None


def _parquet_records(path: Path) -> Iterator[Record]:
    """The rows of a Parquet file, by pyarrow, which `datasets` brings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for name in names:
                if names.count(name) > 1:
                    raise InputError(f"{path}: two columns are called {short(name)}; rename one")
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(f"{path}: row {number}", values)
    except (pa.ArrowException, OSError) as error:
        said = str(error).strip().splitlines() or [kind_of(error)]
        raise InputError(f"{path}: row {number + 1}: not usable Parquet ({said[0][:100]})") from None
    if not number:
        raise InputError(f"{path}: no rows")
