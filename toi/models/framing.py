"""Texts -> rows of ids: what stands around each text, and what is cut off where it is too long."""

from collections.abc import Sequence

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
) -> list[Encoded]:
    """The ids of rows within the limits, texts cut at their ends; without `targets`, these are empty."""
    rows = []
    read = tokenizer.encode_batch(sources)
    written = [None] * len(read) if targets is None else tokenizer.encode_batch(targets)
    for source, target in zip(read, written, strict=True):
        source_ids, source_cut = _framed(source, source_frame, limits.source)
        target_ids, target_cut = ([], 0) if target is None else _framed(target, target_frame, limits.target)
        unknown = 0 if tokenizer.unk_id is None else [*source, *(target or ())].count(tokenizer.unk_id)
        rows.append(Encoded(source_ids, target_ids, source_cut, target_cut, unknown))
    return rows


def _framed(ids: list[int], frame: Frame, limit: int) -> tuple[list[int], int]:
    """The ids of a text in its frame, within a limit, and how many were cut off."""
    before, behind = frame
    room = max(0, limit - len(before) - len(behind))
    return [*before, *ids[:room], *behind], max(0, len(ids) - room)
