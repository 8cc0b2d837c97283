"""JSON that a user gave, value by value: every value knows its place, and long files are read record by record."""

import codecs
import contextlib
import gzip
import io
import json
import re
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from toi.system.errors import InputError

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def short(text: str) -> str:
    """A text as it is shown in an error."""
    return repr(text if len(text) <= 30 else text[:29] + "…")


def kind_of(value: Any) -> str:
    """What a value is, in words; the name of its type where it is none of JSON's."""
    return _NAMES.get(type(value), type(value).__name__)


class Node:
    """A JSON value that knows its place."""

    __slots__ = ("file", "place", "value")

    def __init__(self, value: Any, file: str, place: str):
        self.value, self.file, self.place = value, file, place

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str, *kinds: type, hint: str = "") -> "Node":
        """The member `key`, which must be of one of the kinds."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected an object, found {self.kind}" + (f"; {hint}" if hint else ""))
        place = f"{self.place}.{key}" if self.place else key
        if key not in self.value:
            raise self.error(f"{key!r} is missing" + (f"; {hint}" if hint else ""))
        node = Node(self.value[key], self.file, place)
        if type(node.value) not in kinds:
            raise node.error(f"expected {' or '.join(_NAMES[kind] for kind in kinds)}, found {node.kind}")
        return node

    def items(self) -> Iterator["Node"]:
        """The members of a list."""
        for i, value in enumerate(self.value):
            yield Node(value, self.file, f"{self.place}[{i}]")

    @property
    def kind(self) -> str:
        """What the value is, in words."""
        return kind_of(self.value)

    def error(self, problem: str) -> InputError:
        """An error that names the file and the place."""
        return InputError(f"{self.file}: {self.place}: {problem}" if self.place else f"{self.file}: {problem}")


_Bytes = io.BufferedReader | gzip.GzipFile
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_LONGEST = 1 << 26  # characters of a record of an array; without a limit one bracket too few would read the whole file
_UNREADABLE = (ValueError, RecursionError, EOFError, zlib.error, OSError)
_LINE_ENDS = frozenset(("\n", "\r\n", ""))
_END, _BLANK = object(), object()
_SPACE = re.compile(r"[ \t\r\n]*")


def records(path: Path) -> Generator[Node, None, None]:
    """The records of a file of JSON Lines, or the members of a JSON array, one at a time; gzip is known by its first bytes.

    Raises InputError with the place of what is wrong (`file:line: ...` or `file: [index]: ...`), or if there is no record.
    """
    in_array, number, any_record, name = False, 0, False, str(path)

    def node(value: Any) -> Node:
        return Node(value, name, f"[{number}]") if in_array else Node(value, f"{name}:{number + 1}", "")

    with contextlib.ExitStack() as stack:
        values: Iterator[Any] | None = None
        while True:
            try:
                if values is None:
                    file = stack.enter_context(_open(path))
                    in_array = file.peek(1).lstrip().startswith(b"[")
                    values = _members(file) if in_array else _lines(file)
                value = next(values, _END)
            except _UNREADABLE as error:
                place = Node(None, name, "") if values is None else node(None)
                raise place.error(_problem(error, in_array)) from None
            if value is _END:
                break
            if value is not _BLANK:
                any_record = True
                yield node(value)
            number += 1
    if not any_record:
        raise InputError(f"{path}: no records; expected one JSON object a line, or a JSON array of objects")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Bytes]:
    """The bytes of a file, unpacked, without a byte order mark."""
    with open(path, "rb") as raw:
        file = gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP) else raw
        if file.peek(3).startswith(codecs.BOM_UTF8):
            file.read(3)
        yield file


def _problem(error: Exception, in_array: bool) -> str:
    match error:
        case UnicodeDecodeError(reason="unexpected end of data"):
            return "cut off in the middle of a character; download the file again"
        case UnicodeDecodeError():
            return f"not UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file to UTF-8"
        case json.JSONDecodeError():
            return f"not JSON ({error.msg}" + (")" if in_array else f" at column {error.colno}); expected an object a line")
        case RecursionError():
            return "not usable JSON (nested too deeply)"
        case EOFError() | zlib.error() | gzip.BadGzipFile():
            return "the gzip data is cut off or damaged; download the file again"
        case OSError():
            return f"cannot be read ({error.strerror})"
        case _:
            return "not usable JSON (a number with too many digits)"


def _lines(file: _Bytes) -> Iterator[Any]:
    to_value = json.JSONDecoder().raw_decode  # in two thirds of the time of json.loads
    for line in file:
        text = line.decode("utf-8")
        try:
            value, end = to_value(text)
            whole = text[end:] in _LINE_ENDS
        except ValueError:  # json.loads says what is wrong
            whole = False
        if not whole:
            value = json.loads(text) if text.strip() else _BLANK
        yield value


def _members(file: _Bytes) -> Iterator[Any]:
    """The members of a JSON array, of which only the text of the next few is in memory."""
    text = _Text(file)
    text.skip()
    text.at += 1  # [
    if text.skip() != "]":
        yield text.value()
        while text.skip() == ",":
            text.at += 1
            text.skip()
            yield text.value()
    if text.skip() != "]":
        raise json.JSONDecodeError("Expecting ',' or ']'", text.text, text.at)
    text.at += 1
    if text.skip():
        raise json.JSONDecodeError("Extra data", text.text, text.at)


class _Text:
    """The text of a file from `at` on, as far as it has been read."""

    def __init__(self, file: _Bytes):
        self.file, self.text, self.at = file, "", 0
        self.to_text = codecs.getincrementaldecoder("utf-8")()
        self.to_value = json.JSONDecoder()
        self.failure: Exception | None = None  # raised when what was read before it is used up: so its place is right

    def skip(self) -> str:
        """The next character that is no space; none at the end of the file."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self) -> Any:
        """The JSON value at `at`, which is then behind it."""
        while True:
            try:
                value, self.at = self.to_value.raw_decode(self.text, self.at)
                return value
            except json.JSONDecodeError as error:
                # What is wrong before the end of what has been read stays wrong; at the end, more may mend it.
                cut = error.pos > len(self.text) - 10 or error.msg.startswith("Unterminated string")
                if not cut or not self.more():
                    raise
                if len(self.text) > _LONGEST:
                    raise json.JSONDecodeError(f"no end within {_LONGEST:,} characters", "", 0) from None

    def more(self) -> bool:
        """Read on, as much again as is waiting (so that a long value is not parsed too often). Whether there was more."""
        waiting = self.text[self.at :]
        read = self._read(max(_CHUNK, len(waiting)))
        try:
            text = self.to_text.decode(read, final=not read)
        except UnicodeDecodeError as error:
            if not read:
                raise
            text, self.failure = error.object[: error.start].decode("utf-8"), error
        self.text, self.at = waiting + text, 0
        return bool(read)

    def _read(self, size: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        pieces = []
        try:
            while size > 0 and (piece := self.file.read1(size)):
                pieces.append(piece)
                size -= len(piece)
        except _UNREADABLE as error:
            if not pieces:
                raise
            self.failure = error
        return b"".join(pieces)
