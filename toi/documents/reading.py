"""Files -> documents: text, Markdown, HTML, PDF and Word, a folder of them, or stdin.

What a file is, is known by the ending of its name, and its first bytes must agree. Sizes are looked at before anything is read.
"""

import codecs
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from toi.documents.document import Block, Document
from toi.documents.lines import cleaned, paragraphs, without_ruby
from toi.documents.markdown import markdown_blocks
from toi.documents.pdf import pdf_blocks
from toi.documents.web import html_blocks
from toi.documents.word import word_blocks
from toi.system.errors import InputError

ENDINGS = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".pdf": "pdf", ".docx": "word",
}  # fmt: skip
STDIN = "-"
_MEGABYTE = 1 << 20
_UNPACKED = 8  # times the limit of a file: what a Word document may be when unpacked
_MOST_FILES = 10_000  # of a folder
_MAGIC = {"pdf": b"%PDF-", "word": b"PK\x03\x04"}
_CHARSET = re.compile(rb"<(?:meta[^>]{0,200}?charset\s*=|\?xml[^>]{0,200}?encoding\s*=)\s*[\"']?\s*([\w\-]{1,40})", re.IGNORECASE)
_NO_CP932 = re.compile("[\uf8f0-\uf8f3]")  # what Python's codec makes of bytes that are no text
_ENCODINGS = ("utf-8-sig", "cp932", "euc_jp")  # tried in turn; what is Japanese in one of them hardly ever is in another


def read_documents(names: Sequence[str], most_mb: int) -> list[Document]:
    """The documents that names stand for, in their order; those of a folder in the order of their paths.

    `most_mb` is the most megabytes of a file, and of all files together ten times that. Raises InputError, a line that names the
    file, for whatever cannot be read.
    """
    found = [file for name in names for file in _files(name)]
    twice = [path for i, (path, _) in enumerate(found) if path in [other for other, _ in found[:i]]]
    if twice:
        raise InputError(f"{twice[0]}: given twice")
    total = sum(_size(path, most_mb) for path, _ in found if str(path) != STDIN)
    if total > 10 * most_mb * _MEGABYTE:
        raise InputError(
            f"the documents are {total / _MEGABYTE:,.0f} MB; at most {10 * most_mb:,} are read at once (--max_document_mb)"
        )
    return [read_document(path, name, most_mb) for path, name in found]


def read_document(path: Path, name: str, most_mb: int) -> Document:
    """One document. Raises InputError as `read_documents` does."""
    if str(path) == STDIN:
        return _checked(Document.of("stdin", text_blocks(_decoded(_from_stdin(most_mb), "stdin"))))
    _size(path, most_mb)
    kind = ENDINGS[path.suffix.lower()]
    try:
        content = path.read_bytes() if kind not in _MAGIC else b""
        with open(path, "rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    _check_head(path, kind, head)
    match kind:
        case "pdf":
            blocks = pdf_blocks(path)
        case "word":
            blocks = word_blocks(path, _UNPACKED * most_mb * _MEGABYTE)
        case "html":
            blocks = html_blocks(_decoded(content, str(path), _charset(content)))
        case "markdown":
            blocks = markdown_blocks(_decoded(content, str(path)))
        case _:
            blocks = text_blocks(_decoded(content, str(path)))
    return _checked(Document.of(name, blocks))


def text_blocks(text: str) -> list[Block]:
    """The blocks of a plain text, 青空文庫's readings left out; a form feed begins another page."""
    pages = without_ruby(text).split("\x0c")
    numbers: list[int | None] = [None] if len(pages) == 1 else [*range(1, len(pages) + 1)]
    return [block for number, page in zip(numbers, pages, strict=True) for block in paragraphs(cleaned(page).split("\n"), number)]


def _checked(document: Document) -> Document:
    if not document.blocks:
        raise InputError(f"{document.name}: there is no text in it")
    return document


def _files(name: str) -> Iterator[tuple[Path, str]]:
    """The files that a name stands for, each with the name of its document. Of a folder, those that can be read."""
    path = Path(name)
    if name == STDIN:
        yield path, "stdin"
    elif path.is_dir():
        yield from _below(path)
    elif path.suffix.lower() in ENDINGS:
        yield path, name
    else:
        raise InputError(f"{name}: {'no such file' if not path.exists() else 'an unknown ending'}; {_ENDINGS_SAID}")


_ENDINGS_SAID = f"documents end in {' '.join(dict.fromkeys(ENDINGS))}"


def _below(folder: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(folder):  # links to folders are not followed
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for one in sorted(names):
            file = Path(place) / one
            if file.suffix.lower() in ENDINGS and not one.startswith((".", "~$")) and file.is_file():
                found.append((file, file.relative_to(folder).as_posix()))
        if len(found) > _MOST_FILES:
            raise InputError(f"{folder}: more than {_MOST_FILES:,} documents; give a folder with fewer")
    if not found:
        raise InputError(f"{folder}: no document in this folder; {_ENDINGS_SAID}")
    return sorted(found, key=lambda one: one[1])


def _size(path: Path, most_mb: int) -> int:
    """The bytes of a file. Raises InputError if it is no file, or too large."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not path.is_file():
        raise InputError(f"{path}: no file; give one, or a folder")
    if size > most_mb * _MEGABYTE:
        raise InputError(f"{path}: {size / _MEGABYTE:,.0f} MB; at most {most_mb:,} are read (--max_document_mb)")
    return size


def _from_stdin(most_mb: int) -> bytes:
    content = sys.stdin.buffer.read(most_mb * _MEGABYTE + 1)
    if len(content) > most_mb * _MEGABYTE:
        raise InputError(f"stdin: more than {most_mb:,} MB (--max_document_mb)")
    return content


def _check_head(path: Path, kind: str, head: bytes) -> None:
    """Raise InputError if the first bytes of a file are not what its ending says."""
    if not head:
        raise InputError(f"{path}: is empty")
    magic = _MAGIC.get(kind)
    if magic is None:
        packed = next((other for other, first in _MAGIC.items() if head.startswith(first)), None)
        if packed is not None:
            what = {"pdf": "a PDF", "word": "a zip file (a Word document?)"}[packed]
            raise InputError(f"{path}: is {what}, and not what its ending says; rename it")
    elif magic not in head if kind == "pdf" else not head.startswith(magic):
        old = "; save an old .doc as .docx" if head.startswith(b"\xd0\xcf\x11\xe0") else ""
        raise InputError(f"{path}: is no {'PDF' if kind == 'pdf' else 'Word document'}, whatever its ending says{old}")


def _charset(content: bytes) -> str | None:
    """The encoding that a page names, if Python knows it for a text."""
    match = _CHARSET.search(content[:4096])
    if match is None:
        return None
    try:
        info = codecs.lookup(match[1].decode("ascii").replace("x-sjis", "cp932").replace("Shift_JIS", "cp932"))
    except LookupError:
        return None
    return info.name if info._is_text_encoding else None


def _decoded(content: bytes, name: str, charset: str | None = None) -> str:
    """The text of bytes: UTF-16 with its mark, what the page says, UTF-8, cp932 or EUC-JP. Raises InputError for none of them."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: Sequence[str] = ("utf-16",)
    else:
        if b"\0" in content:
            raise InputError(f"{name}: no text (a NUL byte), whatever its ending says")
        encodings = [*([charset] if charset else []), *_ENCODINGS]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except (UnicodeDecodeError, ValueError):
            continue
        if encoding != "cp932" or not _NO_CP932.search(text):
            return text
    try:
        content.decode("utf-8")
        line = 1
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
    raise InputError(f"{name}:{line}: neither UTF-8 nor cp932 nor EUC-JP; convert it to UTF-8")
