"""A document as it is read: blocks of text in their order, each with what it is and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

Kind = Literal["text", "list", "heading", "table", "footnote"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_BETWEEN = "\n\n"  # of blocks in the extracted text


class Block(NamedTuple):
    """A paragraph, an item of a list, a heading, a table (a row a line) or a footnote: text without markup, and its page."""

    text: str
    kind: Kind = "text"
    page: int | None = None  # from 1 on, of formats that have pages


@dataclass(frozen=True)
class Document:
    """What a file says. `name` is its path as it was given, or below the folder that was given."""

    name: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, name: str, blocks: Iterable[Block]) -> "Document":
        """A document of the blocks that hold something."""
        return cls(name, tuple(block for block in blocks if block.text.strip()))

    @cached_property
    def text(self) -> str:
        """The extracted text: all blocks, with an empty line between two of them."""
        return _BETWEEN.join(block.text for block in self.blocks)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The character of the extracted text at which each block begins."""
        starts, at = [], 0
        for block in self.blocks:
            starts.append(at)
            at += len(block.text) + len(_BETWEEN)
        return tuple(starts)
