"""What a file that a user gave is by its bytes: packed or not, in which encoding its text stands, or why it is no text at all."""

import codecs
import contextlib
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from toi.system.errors import InputError

Bytes = io.BufferedReader | gzip.GzipFile
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)  # what gzip raises for data that are not whole
SAVE = "save it as CSV UTF-8 and give that file"
UNPACK = "unpack it and give the file inside"
_GZIP = b"\x1f\x8b"
_HEAD = 4096  # bytes: enough for every signature

# The first bytes of files that are taken for tables, what they are, and what to do.
_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or a locked file of Office (.xls, .doc)", SAVE),
    (b"%PDF", "a PDF", "copy its table into a spreadsheet and save that as CSV UTF-8"),
    (b"{\\rtf", "a text with formats (RTF)", SAVE),
    (b"SQLite format 3\0", "a database (SQLite)", "export its table as CSV UTF-8"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"\x89PNG", "a picture (PNG)", "give a table"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "give a table"),
    (b"BZh", "packed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "packed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "packed (.7z)", UNPACK),
    (b"Rar!\x1a\x07", "packed (.rar)", UNPACK),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it with git lfs pull, or download it"),
)
# What a zip file holds tells what it is.
_IN_ZIP = (
    (re.compile(r"xl/"), "an Excel workbook (.xlsx)", SAVE),
    (re.compile(r"Index/|Index\.zip|Metadata/"), "a Numbers document (.numbers)", SAVE),
    (re.compile(r"content\.xml"), "an OpenDocument file (.ods)", SAVE),
    (re.compile(r"word/"), "a Word document (.docx)", "copy its table into a spreadsheet and save that as CSV UTF-8"),
)
_HTML = re.compile(rb"\s*<(!doctype|html|head|body|table|\?xml|meta)\b", re.IGNORECASE)


@contextlib.contextmanager
def unpacked(path: str | Path) -> Iterator[Bytes]:
    """The bytes of a file; gzip is known by its first bytes. Raises InputError if it cannot be read."""
    try:
        with open(path, "rb") as raw:
            yield gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP) else raw
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except DAMAGED:
        raise InputError(f"{path}: the gzip data is cut off or damaged; download the file again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked. Raises InputError if they are those of no text, or if there are none."""
    with unpacked(path) as file:
        head = file.read(_HEAD)
        packed = isinstance(file, gzip.GzipFile)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        raise InputError(f"{path}: is empty; expected a table of instructions and responses")
    found = [(what, todo) for first, what, todo in _SIGNATURES if head.startswith(first)]
    if head.startswith(b"PK\x03\x04"):
        found = [_zipped(path) if not packed else ("packed twice", UNPACK)]
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        found = [("HTML or XML (a web page, or a table saved as one)", SAVE)]
    for what, todo in found:
        raise InputError(f"{path}: is {what}; {todo}")
    return head


def _zipped(path: Path) -> tuple[str, str]:
    """What a zip file is, and what to do."""
    names = []
    with contextlib.suppress(OSError, zipfile.BadZipFile, ValueError), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for pattern, what, todo in _IN_ZIP:
        if any(pattern.match(name) for name in names):
            return what, todo
    return "a zip file", UNPACK


def breaks(text: bytes) -> int:
    """The line breaks of a text as an editor counts them: CR LF is one, a CR alone too."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def encoding_of(path: Path, head: bytes) -> str:
    """The encoding of a text file by Python's name, without a guess: UTF-16 says itself, and cp932 is what UTF-8 cannot be.

    Raises InputError that names the line of a byte that fits none.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(b"\0") > len(head) // 4:
        raise InputError(f"{path}: UTF-16 without a byte order mark, or no text at all (NUL bytes); {SAVE}")
    if b"\x1b$" in head:
        raise InputError(f"{path}: JIS (ISO-2022-JP); {SAVE}")
    bad = _first_bad(path, "utf-8")
    if bad is None:
        return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    if bad.japanese or head.startswith(codecs.BOM_UTF8):
        raise InputError(
            f"{path}:{bad.line}: not UTF-8 (byte 0x{bad.byte:02x}), as the text before it is; retype the cell, or {SAVE}"
        )
    other = _first_bad(path, "cp932")
    if (other is not None or _half_width(head)) and _first_bad(path, "euc_jp") is None:
        raise InputError(f"{path}: EUC-JP, it seems; {SAVE}")
    if other is not None:
        raise InputError(f"{path}:{other.line}: neither UTF-8 nor cp932 (byte 0x{other.byte:02x}); {SAVE}")
    return "cp932"


class _Bad(NamedTuple):
    """The first byte that an encoding does not know."""

    line: int
    byte: int
    japanese: bool  # what stands before it is Japanese, so that the encoding is right and the byte is wrong


def _first_bad(path: Path, encoding: str) -> _Bad | None:
    """The first bad byte. In all encodings that are asked for a byte LF is a line feed, so lines are decoded one by one."""
    number, japanese = 1, False
    with unpacked(path) as file:
        for line in file:
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                good = line[: error.start]
                return _Bad(number + breaks(good), line[error.start], japanese or _beyond_europe(good.decode(encoding)))
            number += breaks(line)
            japanese = japanese or _beyond_europe(text)
    return None


def _beyond_europe(text: str) -> bool:
    """Whether a character needs three bytes in UTF-8, which bytes of cp932 hardly ever make."""
    return not text.isascii() and max(text) >= "\u0800"


def _half_width(head: bytes) -> bool:
    """Whether a text read as cp932 is mostly half-width katakana, as EUC-JP is."""
    wide = [c for c in head.decode("cp932", errors="ignore") if c >= "\x80"]
    return sum("｡" <= c <= "ﾟ" for c in wide) * 2 > len(wide)
