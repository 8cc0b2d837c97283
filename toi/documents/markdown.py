"""Markdown -> blocks: markdown-it makes HTML of it, which is read as every page is, so that HTML within it counts too."""

import re

from toi.documents.document import Block
from toi.documents.lines import cleaned, without_ruby
from toi.documents.web import html_blocks
from toi.system.optional import DOCUMENTS, require

_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
_NOTE = re.compile(r"^\[\^[^\]\s]+\]:[ \t]*(.*(?:\n(?:[ \t]+\S.*|[ \t]*(?=\n[ \t]+\S)))*)\n?", re.MULTILINE)
_REFERENCE = re.compile(r"\[\^[^\]\s]+\]")


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of a text in Markdown (CommonMark with tables), footnotes last. Raises InputError without markdown-it."""
    require("Markdown", "markdown_it", DOCUMENTS)
    from markdown_it import MarkdownIt

    text = _FRONT_MATTER.sub("", without_ruby(cleaned(text)))
    notes = [re.sub(r"\s*\n\s*", "\n", match[1]) for match in _NOTE.finditer(text)]
    render = MarkdownIt("commonmark").enable("table").render
    blocks = html_blocks(render(_REFERENCE.sub("", _NOTE.sub("", text))))
    return blocks + [Block(block.text, "footnote") for note in notes for block in html_blocks(render(note))]
