"""Lines as they stand on a page or in a file -> paragraphs: line breaks within a sentence are no part of it.

霧沢一は白浜市の      霧沢一は白浜市の医師です。
医師です。       ->
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from toi.documents.document import Block

_KANJI = "々〆〇㐀-\u4dbf一-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# 青空文庫's ruby: ｜ before what it belongs to, where that does not begin at a change of the script.
_AOZORA = re.compile(f"｜([^｜《》\n]+)《[^《》\n]+》|([{_KANJI}]+)《[ぁ-ゖァ-ヺー・　]+》")
_SENTENCE_END = re.compile('[。．！？!?][」』）)”"]*$')
_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_ITEM = re.compile(r"(?:[・•◦▪■□●○◆◇]|[-*+]\s|[(（]?[0-9０-９]{1,3}(?:[)）]|[.．](?![0-9０-９]))|[①-⑳])\s*(?=\S)")
# Forms of brackets, commas and dashes for vertical text, which say the same as the usual ones (U+FE10-FE19, FE30-FE48).
_VERTICAL = {
    c: unicodedata.normalize("NFKC", chr(c))
    for c in [*range(0xFE10, 0xFE1A), *range(0xFE30, 0xFE49)]
    if unicodedata.normalize("NFKC", chr(c)) != chr(c)
} | {0xFE11: "、", 0xFE12: "。", 0xFE31: "ー"}
_DROPPED = dict.fromkeys([*range(0x09), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x2060, 0xFEFF])
_HEADING_WIDTH = 40  # columns: two a Japanese character
_COLUMN = 4  # lines of a character each that are a column of vertical text


def cleaned(text: str) -> str:
    """A text without control characters and soft hyphens, forms for vertical text made usual; spaces and line breaks stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return text.translate(_DROPPED).translate(_VERTICAL).encode("utf-8", "replace").decode("utf-8")


def without_ruby(text: str) -> str:
    """A text without readings in 青空文庫's notation.

    >>> without_ruby("霧沢《きりさわ》は｜白浜の海《しらはまのうみ》へ")
    '霧沢は白浜の海へ'
    """
    return _AOZORA.sub(lambda match: match[1] or match[2], text)


def joined(lines: Iterable[str]) -> str:
    """Lines of one paragraph as one: a space only between letters that are written with spaces, a hyphen at an end taken off.

    >>> joined(["霧沢一は", "白浜市の", "Toi", "user"])
    '霧沢一は白浜市のToi user'
    """
    text = ""
    for line in (line.strip() for line in lines):
        if not line:
            continue
        if re.search(r"[A-Za-z]-$", text) and line[0].islower():
            text = text[:-1] + line
        elif text and not (_WIDE.match(text[-1]) or _WIDE.match(line[0])):
            text += " " + line
        else:
            text += line
    return text


def width(text: str) -> int:
    """The columns that a line takes: two for a character of full width."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def columns_joined(lines: Sequence[str]) -> list[str]:
    """The lines, with those of vertical text, a character each, as one line."""
    found: list[str] = []
    run: list[str] = []
    for line in [*lines, "\n"]:
        if len(line.strip()) == 1 and line != "\n":
            run.append(line.strip())
            continue
        found += ["".join(run)] if len(run) >= _COLUMN else run
        run = []
        found += [line] if line != "\n" else []
    return found


def paragraphs(lines: Sequence[str], page: int | None = None) -> Iterator[Block]:
    """The blocks of lines that may be broken anywhere.

    An empty line ends a block. So do the beginning of a list's item, a line that is set in behind the end of a sentence, and a line
    without an end of a sentence that is much shorter than the others: a heading, where it is short enough and text follows.
    """
    lines = columns_joined(lines)
    widths = [width(line.strip()) for line in lines if line.strip()]
    usual = median(sorted(widths)[len(widths) // 2 :]) if widths else 0  # of lines that are full
    block: list[str] = []
    for line in [*lines, ""]:
        text = line.strip()
        begins = bool(_ITEM.match(text)) or (line[:1] in ("　", " ", "\t") and _is_ended(block))
        if block and (not text or begins):
            yield _block(block, page)
            block = []
        if not text:
            continue
        block.append(text)
        if len(block) == 1 and not _ITEM.match(text) and not _is_ended(block) and width(text) < min(0.7 * usual, _HEADING_WIDTH):
            yield Block(text, "heading", page)
            block = []


def _is_ended(block: Sequence[str]) -> bool:
    return bool(block) and bool(_SENTENCE_END.search(block[-1]))


def _block(lines: list[str], page: int | None) -> Block:
    text = joined(lines)
    item = _ITEM.match(text)
    if item:
        return Block(text[item.end() :], "list", page)
    is_heading = len(lines) == 1 and not _SENTENCE_END.search(text) and width(text) <= _HEADING_WIDTH
    return Block(text, "heading" if is_heading else "text", page)
