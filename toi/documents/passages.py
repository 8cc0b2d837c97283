"""Documents -> passages: whole sentences, one behind the other, that a model can read at once."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from toi.documents.document import Document, Kind
from toi.text.occurrences import sentences

_SAYS_SOMETHING = re.compile(r"[ぁ-ヿ一-\u9fff]")
_LEAST = 8  # characters of a passage: less says nothing that could be asked for


@dataclass(frozen=True)
class Passage:
    """A stretch of a document: `context` is `document.text[start:end]`.

    `title` is the heading that it stands under, `paragraph` the block that it begins in, from 1 on, `page` that block's page.
    """

    document: str
    number: int  # in its document, from 1 on
    context: str
    start: int
    end: int
    title: str = ""
    page: int | None = None
    paragraph: int = 1

    @property
    def place(self) -> str:
        """Where it stands, for a reader."""
        page = f"p. {self.page}, " if self.page is not None else ""
        return f"{self.document}, {page}paragraph {self.paragraph}"


@dataclass
class Left:
    """What of the documents is no passage: blocks of kinds that are not asked about, and sentences that are too long."""

    blocks: int = 0
    sentences: int = 0


def passages_of(
    document: Document, longest: int, kinds: Collection[Kind], fits: Callable[[str], bool], left: Left
) -> Iterator[Passage]:
    """The passages of a document, of at most `longest` characters, in their order.

    Blocks that stand side by side go together as long as the passage is not too long and `fits` says that the model can read it. A
    heading, and a block of no asked kind, ends a passage. A longer sentence is a passage of its own, if it fits; else it is `left`.
    """
    number = 0
    for stretch in _stretches(document, kinds, left):
        for first, last in _grown(document.text, [(start, end) for start, end, _, _ in stretch], longest, fits, left):
            start, (end, title, block) = stretch[first][0], stretch[last][1:2] + stretch[first][2:]
            context = document.text[start:end]
            shown = len(context) - len(context.lstrip())
            context, start = context.strip(), start + shown
            if len(context) < _LEAST or not _SAYS_SOMETHING.search(context):
                continue
            number += 1
            page = document.blocks[block].page
            yield Passage(document.name, number, context, start, start + len(context), title, page, block + 1)


_Sentence = tuple[int, int, str, int]  # its span in the document, the heading above it, its block


def _stretches(document: Document, kinds: Collection[Kind], left: Left) -> Iterator[list[_Sentence]]:
    """The sentences of blocks that stand side by side."""
    title = ""
    stretch: list[_Sentence] = []
    for i, (block, start) in enumerate(zip(document.blocks, document.starts, strict=True)):
        if block.kind in kinds and block.kind != "heading":
            stretch += [(start + low, start + high, title, i) for low, high in sentences(block.text)]
            continue
        if block.kind == "heading":
            title = block.text
        else:
            left.blocks += 1
        if stretch:
            yield stretch
        stretch = []
    if stretch:
        yield stretch


def _grown(
    text: str, spans: list[tuple[int, int]], longest: int, fits: Callable[[str], bool], left: Left
) -> Iterator[tuple[int, int]]:
    """The first and the last sentence of each passage of a stretch."""
    first: int | None = None
    for i, (start, end) in enumerate(spans):
        if first is not None:
            whole = text[spans[first][0] : end]
            if len(whole) <= longest and fits(whole):
                continue
            yield first, i - 1
            first = None
        if fits(text[start:end]):
            first = i
        else:
            left.sentences += 1
    if first is not None:
        yield first, len(spans) - 1


def all_passages(
    documents: Iterable[Document], longest: int, kinds: Collection[Kind], fits: Callable[[str], bool]
) -> tuple[list[Passage], Left]:
    """The passages of all documents, and what is none."""
    left = Left()
    return [passage for document in documents for passage in passages_of(document, longest, kinds, fits, left)], left
