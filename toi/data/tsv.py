r"""Fields of a TSV whose texts may hold line breaks: `\n`, `\t`, `\r` and `\\` stand for what would break the line.

All readers and writers of TSVs go through here. What else Python's `splitlines` would cut at (U+2028, form feeds) stays as it
is: our files are read by line feeds alone.
"""

import re
from collections.abc import Sequence

from toi.system.errors import InputError

_ESCAPES = {"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}
_MEANT = {escaped: character for character, escaped in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\.?", re.DOTALL)


def escape(text: str) -> str:
    r"""The text in one field of one line.

    >>> escape("一行目\n二行目")
    '一行目\\n二行目'
    """
    for character, escaped in _ESCAPES.items():  # backslashes first: several times faster than str.translate
        if character in text:
            text = text.replace(character, escaped)
    return text


def unescape(text: str) -> str:
    """The inverse of `escape`. Raises ValueError for a backslash that is none of its four escapes."""
    return _ESCAPED.sub(_meant, text) if "\\" in text else text


def _meant(match: re.Match[str]) -> str:
    if match.group() not in _MEANT:
        raise ValueError(rf"{match.group()} is no escape; these are \n, \t, \r, and \\ for a backslash")
    return _MEANT[match.group()]


def to_line(fields: Sequence[str], *, line_breaks: bool) -> str:
    """A line of a TSV without its end; with `line_breaks` the fields are escaped."""
    line = "\t".join(fields)
    if not line_breaks:
        return line
    if line.count("\t") >= len(fields):  # a field holds one
        return "\t".join(map(escape, fields))
    for character, escaped in _ESCAPES.items():  # else the line at once
        if character != "\t" and character in line:
            line = line.replace(character, escaped)
    return line


def fields_of(line: str, place: str, *, line_breaks: bool) -> list[str]:
    """The fields of a line, a CR at its end dropped. Raises InputError, beginning with `place`, for a bad escape."""
    fields = line.removesuffix("\r").split("\t")
    try:
        return [unescape(field) for field in fields] if line_breaks else fields
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None
