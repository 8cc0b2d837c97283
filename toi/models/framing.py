"""Texts -> rows of ids: what stands around each text, and what is cut off where it is too long."""

from collections.abc import Sequence

from toi.data.layout import Layout
from toi.models.batches import Encoded
from toi.models.family import Limits
from toi.models.texts import Texts

Frame = tuple[Sequence[int], Sequence[int]]  # the ids before a text, and those behind it: they are never cut off


def framed_rows(
    tokenizer: Texts,
    sources: Sequence[str],
    targets: Sequence[str] | None,
    limits: Limits,
    source_frame: Frame,
    target_frame: Frame,
    layout: Layout | None = None,
) -> list[Encoded]:
    """The ids of rows within the limits; without `targets`, these are empty.

    Texts are cut at their ends, but for sources of a `layout`, which lose of their context.
    """
    rows = []
    source_room, target_room = _room(limits.source, source_frame), _room(limits.target, target_frame)
    read = tokenizer.encode_batch(sources)
    written = [None] * len(read) if targets is None else tokenizer.encode_batch(targets)
    for text, source, target in zip(sources, read, written, strict=True):
        kept = source if layout is None else _with_less_context(tokenizer, text, source, source_room, layout)
        source_ids = [*source_frame[0], *kept[:source_room], *source_frame[1]]
        target_ids = [] if target is None else [*target_frame[0], *target[:target_room], *target_frame[1]]
        source_cut = len(source) - min(len(kept), source_room)
        target_cut = max(0, len(target or ()) - target_room)
        unknown = 0 if tokenizer.unk_id is None else [*source, *(target or ())].count(tokenizer.unk_id)
        rows.append(Encoded(source_ids, target_ids, source_cut, target_cut, unknown))
    return rows


def _room(limit: int, frame: Frame) -> int:
    """How many tokens a text may have in its frame."""
    return max(0, limit - len(frame[0]) - len(frame[1]))


def _with_less_context(tokenizer: Texts, text: str, ids: list[int], room: int, layout: Layout) -> list[int]:
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
        kept = tokenizer.encode(parts.within(length))
    return kept
