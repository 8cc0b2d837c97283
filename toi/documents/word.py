"""Word documents -> blocks, by python-docx. Headers and footers of pages are left out, and footnotes come last."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toi.documents.document import Block, Kind
from toi.documents.lines import cleaned, joined
from toi.documents.web import CELLS
from toi.system.errors import InputError, first_line
from toi.system.optional import DOCUMENTS, require

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SKIPPED = {_W + "rt", _W + "del", _W + "moveFrom", _W + "instrText", _W + "pict", _FALLBACK}  # readings, what was deleted, codes
_BREAKS = {_W + "br": "\n", _W + "cr": "\n", _W + "tab": " ", _W + "noBreakHyphen": "-"}
_NOTES = ("footnotes", "endnotes")


def word_blocks(path: Path, most_bytes: int) -> list[Block]:
    """The blocks of a .docx. Raises InputError for what is damaged, or would be larger than `most_bytes` when unpacked."""
    require("a Word document", "docx", DOCUMENTS)
    check_unpacked(path, most_bytes)
    import docx

    try:
        document = docx.Document(str(path))
        blocks = [block for item in document.iter_inner_content() for block in _blocks(item)]
        return blocks + [block for kind in _NOTES for block in _notes(document.part, kind)]
    except (Exception, RecursionError) as error:  # of zip, XML and what python-docx makes of them
        raise InputError(f"{path}: a Word document that cannot be read ({first_line(error)})") from error


def check_unpacked(path: Path, most_bytes: int) -> None:
    """Raise InputError for a file that is no zip file, is encrypted, or says that it holds more than `most_bytes`.

    What its directory says is the most that Python unpacks of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path}: a Word document that cannot be read ({first_line(error)})") from None
    if any(info.flag_bits & 1 for info in infos):
        raise InputError(f"{path}: is encrypted; save it without a password and give that file")
    size = sum(info.file_size for info in infos)
    if size > most_bytes:
        raise InputError(f"{path}: would be {size:,} bytes when unpacked, more than {most_bytes:,}; see --max_document_mb")


def _blocks(item: Any) -> Iterator[Block]:
    """The blocks of a paragraph or a table."""
    if hasattr(item, "rows"):
        rows = []
        for row in item.rows:
            cells = list(dict.fromkeys(row._tr.tc_lst))  # without those that a merged cell takes
            rows.append(CELLS.join(filter(None, (_text(cell) for cell in cells))))
        yield Block("\n".join(filter(None, rows)), "table")
        return
    style = (item.style.name or "").lower() if item.style is not None else ""
    kind: Kind = "text"
    if style.startswith(("heading", "title", "subtitle", "見出し", "表題")):
        kind = "heading"
    elif style.startswith("list") or item._p.find(f"{_W}pPr/{_W}numPr") is not None:
        kind = "list"
    yield Block(_text(item._p), kind)


def _text(element: Any) -> str:
    """The text of a paragraph or a cell."""
    return joined(cleaned("".join(_pieces(element))).split("\n"))


def _pieces(element: Any) -> Iterator[str]:
    """The texts in an element, without readings (w:rt) and what was deleted. Walks, and does not recurse."""
    waiting = [element]
    while waiting:
        one = waiting.pop()
        if one.tag in _SKIPPED:
            continue
        if one.tag == _W + "t":
            yield one.text or ""
        elif one.tag in _BREAKS:
            yield _BREAKS[one.tag]
        if one.tag == _W + "p" and one is not element:
            yield "\n"
        waiting += reversed(list(one))


def _notes(part: Any, kind: str) -> Iterator[Block]:
    """The footnotes or endnotes of a document, a block each."""
    from lxml import etree

    for relation in part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            for note in etree.fromstring(relation.target_part.blob, parser):
                if note.get(_W + "type") not in ("separator", "continuationSeparator", "continuationNotice"):
                    yield Block(_text(note), "footnote")
