"""Texts -> rows of ids: what stands around each text, and what is cut off where it is too long."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from toi.data.layout import Layout
from toi.data.turn_layout import TurnLayout
from toi.models.batches import Encoded
from toi.models.family import Limits

Encode = Callable[[Sequence[str]], list[list[int]]]  # texts -> the ids of each


class Side(NamedTuple):
    """Sources, or targets: how their texts become ids, and the ids before and behind each, which are never cut off."""

    encode: Encode
    before: Sequence[int]
    behind: Sequence[int]

    def room(self, limit: int) -> int:
        """How many tokens a text may have."""
        return max(0, limit - len(self.before) - len(self.behind))

    def framed(self, ids: Sequence[int], limit: int) -> list[int]:
        """As many of the ids as there is room for, with what stands around them."""
        return [*self.before, *ids[: self.room(limit)], *self.behind]


def framed_rows(
    sources: Sequence[str],
    targets: Sequence[str] | None,
    limits: Limits,
    reads: Side,
    writes: Side,
    unk_id: int | None,
    layout: Layout | TurnLayout | None = None,
) -> list[Encoded]:
    """The ids of rows within the limits; without `targets`, these are empty.

    Texts are cut at their ends, but for sources of a `layout`, which lose their earliest turns, and of their context.
    """
    rows = []
    source_room, target_room = reads.room(limits.source), writes.room(limits.target)
    read = reads.encode(sources)
    written = [None] * len(read) if targets is None else writes.encode(targets)
    for text, source, target in zip(sources, read, written, strict=True):
        kept = source if layout is None else _shortened(reads.encode, text, source, source_room, layout)
        target_ids = [] if target is None else writes.framed(target, limits.target)
        source_cut = len(source) - min(len(kept), source_room)
        target_cut = max(0, len(target or ()) - target_room)
        unknown = 0 if unk_id is None else [*source, *(target or ())].count(unk_id)
        rows.append(Encoded(reads.framed(kept, limits.source), target_ids, source_cut, target_cut, unknown))
    return rows


def _shortened(encode: Encode, text: str, ids: list[int], room: int, layout: Layout | TurnLayout) -> list[int]:
    """The ids of a source without as many of its earliest turns as bring it within `room` tokens, then with less context."""
    later = layout.later(text) if len(ids) > room and isinstance(layout, TurnLayout) else ()
    if later:
        at = bisect_left(later, True, hi=len(later) - 1, key=lambda shorter: len(encode([shorter])[0]) <= room)
        text = later[at]
        (ids,) = encode([text])
    return _with_less_context(encode, text, ids, room, layout)


def _with_less_context(encode: Encode, text: str, ids: list[int], room: int, layout: Layout | TurnLayout) -> list[int]:
    """The ids of a source with as little of its context left out as brings it within `room` tokens, or with none if none does.

    A source of another template stays as it is, and one whose end may as well be cut off: its context stands there, and nobody
    knows of an answer in it.
    """
    parts = layout.parts(text) if len(ids) > room else None
    if parts is None or (parts.answer is None and not parts.behind):
        return ids
    length, kept = len(parts.context), ids
    while len(kept) > room and length > 0:
        too_many = (len(kept) - room) * len(text) // len(ids)  # in characters, as many as there are to a token
        length = max(0, length - max(1, too_many))
        (kept,) = encode([parts.within(length)])
    return kept
