"""PDF -> blocks, by pypdf: lines of its pages without what every page repeats, joined to paragraphs."""

import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any

from toi.documents.document import Block
from toi.documents.lines import cleaned, joined, paragraphs
from toi.system.errors import InputError, first_line
from toi.system.optional import DOCUMENTS, require

_MOST_PAGES = 10_000
_EDGE = 2  # lines at the top and at the bottom of a page that may be its header and footer
_PAGE_NUMBER = re.compile(
    r"[\s\-–—‐・|]*(?:p(?:age|\.)?\s*)?[0-9０-９ivxlc]{1,5}"
    r"(?:\s*[/／]\s*[0-9０-９]{1,5})?(?:\s*(?:ページ|頁))?[\s\-–—‐・|]*",
    re.IGNORECASE,
)
_NOTE = re.compile(r"(?:[*＊※†‡]\s*[0-9０-９]{0,3}|(?:注|註)\s*[0-9０-９]{0,3}\s*[)）:：.]?|\[[0-9]{1,3}\])\s*(?=\S)")
_DIGITS = re.compile("[0-9０-９]+")
_SENTENCE_END = re.compile('[。．！？!?][」』）)”"]*$')


def pdf_blocks(path: Path) -> list[Block]:
    """The blocks of a PDF with their pages. Raises InputError for what is encrypted, damaged, or has no text."""
    require("a PDF", "pypdf", DOCUMENTS)
    pages = _pages(path)
    repeated = _repeated(pages)
    blocks: list[Block] = []
    for number, lines in enumerate(pages, start=1):
        for block in _page_blocks(lines, repeated, number):
            goes_on = blocks and blocks[-1].kind == block.kind == "text" and not _SENTENCE_END.search(blocks[-1].text)
            if goes_on and blocks[-1].page != number:  # a sentence across the end of a page
                blocks[-1] = blocks[-1]._replace(text=joined([blocks[-1].text, block.text]))
            else:
                blocks.append(block)
    if not any(block.text.strip() for block in blocks):
        raise InputError(f"{path}: a PDF without text (of pictures of pages?); let a program for OCR write the text into it")
    return blocks


def _pages(path: Path) -> list[list[str]]:
    """The lines of each page."""
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it repairs
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not _opened(reader):
            raise InputError(f"{path}: is encrypted; save it without a password and give that file")
        if len(reader.pages) > _MOST_PAGES:
            raise InputError(f"{path}: {len(reader.pages):,} pages; at most {_MOST_PAGES:,} are read, so cut it into parts")
        return [cleaned(page.extract_text()).split("\n") for page in reader.pages]
    except InputError:
        raise
    except (Exception, RecursionError) as error:  # pypdf lets through what its many parts raise
        raise InputError(f"{path}: a PDF that cannot be read ({first_line(error)})") from error


def _opened(reader: Any) -> bool:
    """Whether an encrypted PDF opens without a password, as those do that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # an encryption that needs a library that is not here
        return False


def _masked(line: str) -> str:
    return _DIGITS.sub("0", "".join(line.split()))


def _edges(lines: list[str]) -> list[int]:
    """The places of the first and the last lines of a page that hold something."""
    shown = [i for i, line in enumerate(lines) if line.strip()]
    return list(dict.fromkeys([*shown[:_EDGE], *shown[-_EDGE:]]))


def _repeated(pages: list[list[str]]) -> set[str]:
    """What stands at the edge of half of the pages, and of three at least, numbers apart: headers and footers."""
    counts = Counter(line for lines in pages for line in {_masked(lines[i]) for i in _edges(lines)})
    return {line for line, count in counts.items() if count >= max(3, len(pages) / 2)}


def _page_blocks(lines: list[str], repeated: set[str], number: int) -> list[Block]:
    edges = [i for i in _edges(lines) if _masked(lines[i]) in repeated or _PAGE_NUMBER.fullmatch(lines[i])]
    lines = [line for i, line in enumerate(lines) if i not in edges]
    notes = next((i for i in range(len(lines)) if _NOTE.match(lines[i].strip()) and _only_notes(lines[i:])), len(lines))
    found = list(paragraphs(lines[:notes], number))
    note: list[str] = []
    for line in [*lines[notes:], None]:
        if line is None or _NOTE.match(line.strip()):
            found += [Block(joined(note), "footnote", number)] if note else []
            note = []
        if line is not None:
            note.append(_NOTE.sub("", line.strip(), count=1) if not note else line.strip())
    return found


def _only_notes(lines: list[str]) -> bool:
    """Whether what ends a page are notes: few lines, the first of them with a mark."""
    return len([line for line in lines if line.strip()]) <= 12
