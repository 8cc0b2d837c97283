"""Edits of a raw text, and where its characters went: what is done to a text before it is normalized."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OPEN = "（("
_PAIR = re.compile("[（()）]")


@dataclass(frozen=True)
class Edit:
    """A raw span and what is to stand in its place."""

    start: int
    end: int
    text: str = ""


def bracketed(text: str, keep: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """Spans of `（...）` and `(...)`, outermost ones, in order; nested and mixed widths included.

    A group that overlaps the span `keep` stays, but groups nested in it that do not overlap are
    given. An unclosed bracket is text.
    """
    groups: list[tuple[int, int]] = []
    opened: list[int] = []
    for match in _PAIR.finditer(text):
        if match.group() in _OPEN:
            opened.append(match.start())
        elif opened:
            groups.append((opened.pop(), match.end()))
    if keep is not None:
        groups = [(start, end) for start, end in groups if end <= keep[0] or keep[1] <= start]
    return [(edit.start, edit.end) for edit in outermost([Edit(start, end) for start, end in groups])]


def outermost(edits: list[Edit]) -> list[Edit]:
    """The edits in order, without those inside or across the end of an earlier one."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return kept


def substitute(text: str, edits: Sequence[Edit]) -> str:
    """The text with the (ordered, disjoint) edits made."""
    pieces, done = [], 0
    for edit in edits:
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


def substituted_offsets(length: int, edits: Sequence[Edit]) -> list[int]:
    """For each boundary of a text of `length` characters, its boundary after `substitute`.

    Boundaries inside an edited span go to the beginning of what replaced it.
    """
    offsets: list[int] = []
    shift = done = 0
    for edit in edits:
        offsets.extend(range(done + shift, edit.start + shift))
        offsets.extend([edit.start + shift] * (edit.end - edit.start))
        shift += len(edit.text) - (edit.end - edit.start)
        done = edit.end
    offsets.extend(range(done + shift, length + shift + 1))
    return offsets
