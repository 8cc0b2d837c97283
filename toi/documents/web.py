"""HTML -> blocks, by the standard library's parser, which nothing in a page can make run, load or nest too deeply.

What a page has around its text is left out: scripts, navigation, footers, forms, code. Of ruby the base stays, of marks of
footnotes nothing, and footnotes are blocks of their own kind.
"""

import re
from collections import Counter
from html.parser import HTMLParser

from toi.documents.document import Block, Kind
from toi.documents.lines import cleaned, joined

_VOID = set("area base br col embed hr img input link meta param source track wbr".split())
_SKIPPED = set(
    "script style noscript template nav footer aside form button select textarea svg math object iframe canvas audio video "
    "pre head rt rp rtc".split()
)
_INLINE = set(
    "a abbr b bdi bdo big rt rp rtc cite code data del dfn em font i ins kbd label mark q rb ruby s samp small span strike "
    "strong sub sup time tt u var wbr img script style template noscript svg math".split()
)
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_CELLS = {"td", "th"}
_FOOTNOTES = re.compile(r"(?:^|[\s-])(?:foot|end)notes?(?:$|[\s-])|\breferences?\b", re.IGNORECASE)
_MARK = re.compile(r"\s*[\[［(（]?\s*(?:注|註|\*|＊|※|†)?\s*[0-9０-９a-z]{0,3}\s*[\]］)）]?\s*")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
CELLS = " | "  # between the cells of a row


class _Element:
    """An open element."""

    __slots__ = ("begin", "kind", "linked", "name", "skipped")

    def __init__(self, name: str, skipped: bool, kind: Kind | None, begin: int):
        self.name, self.skipped, self.kind, self.begin, self.linked = name, skipped, kind, begin, False


class _Page(HTMLParser):
    """Collects the blocks of a page. `pieces` are the texts of the block that is open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._open: list[_Element] = []
        self._names: Counter[str] = Counter()  # of the open elements
        self._skipping = 0
        self._kinds: list[Kind] = []  # of the open elements that have one
        self._notes = self._tables = 0  # open ones
        self._pieces: list[str] = []
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, or note what is not to be read."""
        if tag == "br":
            self._pieces.append("\n" * (not self._skipping))
        elif tag not in _INLINE:
            self._flush()
        if tag in _VOID:
            return
        if tag in ("li", "p", "td", "th", "tr", "dd", "dt", "option"):  # which may be left open
            self._close_implied(tag)
        values = {name: value or "" for name, value in attrs}
        hidden = "hidden" in values or values.get("aria-hidden") == "true" or bool(_HIDDEN.search(values.get("style", "")))
        kind = self._kind_of(tag, values)
        is_note = kind == "footnote"
        skipped = (
            hidden or (tag in _SKIPPED and not is_note) or (tag == "header" and not self._names["article"] + self._names["main"])
        )
        element = _Element(tag, skipped, kind, len(self._pieces))
        self._open.append(element)
        self._names[tag] += 1
        self._skipping += skipped
        if kind is not None:
            self._kinds.append(kind)
            self._notes += is_note
        if tag == "a" and self._names["sup"]:
            next(e for e in reversed(self._open) if e.name == "sup").linked = True
        self._tables += tag == "table"
        self._rows += [[]] * (tag == "tr" and self._tables == 1)

    def handle_endtag(self, tag: str) -> None:
        """End the element, and those in it that were left open; a tag that nothing opened says nothing."""
        if not self._names[tag]:
            return
        while self._close(self._open[-1]) != tag:
            pass

    def handle_data(self, data: str) -> None:
        """A text of the block that is open."""
        if not self._skipping:
            self._pieces.append(re.sub(r"\s*\n\s*", "\n", data))

    def finish(self) -> list[Block]:
        """All blocks, at the end of the page."""
        self.close()
        while self._open:
            self._close(self._open[-1])
        self._flush()
        return self.blocks

    def _kind_of(self, tag: str, values: dict[str, str]) -> Kind | None:
        about = " ".join(values.get(name, "") for name in ("role", "epub:type", "class"))
        if tag not in _INLINE and _FOOTNOTES.search(about.replace("doc-", "")):
            return "footnote"
        if tag in _HEADINGS:
            return "heading"
        return "table" if tag == "table" else "list" if tag == "li" else None

    def _close_implied(self, tag: str) -> None:
        """Close what the beginning of a like element ends."""
        ends = {"td": _CELLS, "th": _CELLS, "tr": {"tr", *_CELLS}, "dd": {"dd", "dt"}, "dt": {"dd", "dt"}}.get(tag, {tag})
        if self._open and self._open[-1].name in ends:
            while self._open and self._open[-1].name in ends:
                self._close(self._open[-1])

    def _close(self, element: _Element) -> str:
        """Close the innermost element; returns its name."""
        tag = element.name
        if tag == "sup" and (element.linked or _is_mark("".join(self._pieces[element.begin :]))):
            del self._pieces[element.begin :]
        if tag not in _INLINE:
            self._flush()
        self._open.pop()
        self._names[tag] -= 1
        self._skipping -= element.skipped
        if element.kind is not None:
            self._notes -= self._kinds.pop() == "footnote"
        if tag == "table":
            self._tables -= 1
            if not self._tables:
                self._add_table()
        return tag

    def _flush(self) -> None:
        """The block that was open ends here."""
        text = joined("".join(self._pieces).split("\n"))
        self._pieces.clear()
        if not text:
            return
        if self._tables and not self._notes:
            if self._names["caption"]:
                self.blocks.append(Block(text, "heading"))
            else:
                self._add_to_cell(text)
            return
        self.blocks.append(Block(text, "footnote" if self._notes else self._kinds[-1] if self._kinds else "text"))

    def _add_to_cell(self, text: str) -> None:
        if not self._rows:
            self._rows.append([])
        self._rows[-1].append(text)

    def _add_table(self) -> None:
        rows = [CELLS.join(row) for row in self._rows if row]
        self._rows = []
        if rows:
            self.blocks.append(Block("\n".join(rows), "table"))


def _is_mark(text: str) -> bool:
    """Whether what is set high is the mark of a footnote: [1], *, 注3, but not the 2 of m2."""
    return bool(_MARK.fullmatch(text)) and not text.strip().isdigit()


def html_blocks(text: str) -> list[Block]:
    """The blocks of a page.

    >>> html_blocks("<h1>霧沢</h1><p>白浜<ruby>市<rt>し</rt></ruby>に\\n住む。<script>x</script>")
    [Block(text='霧沢', kind='heading', page=None), Block(text='白浜市に住む。', kind='text', page=None)]
    """
    page = _Page()
    page.feed(cleaned(text))
    return page.finish()
