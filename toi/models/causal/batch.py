"""Rows of ids -> what a causal model is called with: padded, or as one sequence without padding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch

from toi.models.batches import IGNORED, Encoded
from toi.models.causal.beginnings import alike
from toi.models.causal.layout import Group, Layout
from toi.models.padded import Batch, mask_of, pad


@dataclass(frozen=True)
class SourcePlaces:
    """The places that predict tokens of sources: of one sequence, or of all rows with their padding, one behind the other."""

    places: torch.Tensor  # (places,)
    labels: torch.Tensor  # (places,): the token that follows
    rows: torch.Tensor  # (places,): how many rows have it there

    def to(self, device: torch.device) -> "SourcePlaces":
        """The same on a device."""
        return SourcePlaces(self.places.to(device), self.labels.to(device), self.rows.to(device))


@dataclass(frozen=True)
class CausalBatch(Batch):
    """Sources and targets in one sequence for each row, padded on the right; with a layout, all rows in one sequence."""

    places: torch.Tensor  # (batch, target): the place in the sequence whose logits predict each label; 0 where there is none
    sources: SourcePlaces
    layout: Layout | None = None

    def to(self, device: torch.device) -> "CausalBatch":
        """The same on a device."""
        names = ("input_ids", "attention_mask", "labels", "places", "sources")
        moved = {name: getattr(self, name).to(device) for name in names}
        reference = None if self.reference is None else self.reference.to(device)
        return replace(self, **moved, reference=reference, inputs={name: tensor.to(device) for name, tensor in self.inputs.items()})


def padded_batch(rows: Sequence[Encoded], pad_id: int) -> CausalBatch:
    """Rows padded on the right. The last token of a target is read by nobody."""
    whole = [[*row.source, *row.target[:-1]] for row in rows]
    width = max(map(len, whole))
    starts = [(0, i * width) for i in range(len(rows))]
    return CausalBatch(
        **_common(rows, pad_id), inputs={"input_ids": pad(whole, pad_id), "attention_mask": mask_of(whole)},
        places=pad([range(len(row.source) - 1, len(row.source) - 1 + len(row.target)) for row in rows], 0),
        sources=_source_places(rows, starts, [start for _, start in starts]),
    )  # fmt: skip


def flat_batch(rows: Sequence[Encoded], pad_id: int, *, shared: bool) -> CausalBatch:
    """Rows one behind the other; with `shared`, what several begin with stands there once, and positions go on from it."""
    ids: list[int] = []
    positions: list[int] = []
    layout: list[Group] = []
    # Of each row: where its rest begins in it and in `ids`, and its context in `ids`.
    starts, contexts = [(0, 0)] * len(rows), [0] * len(rows)
    for group, common in alike(rows) if shared else [([i], 0) for i in range(len(rows))]:
        begin, rests = len(ids), []
        if common:
            ids += rows[group[0]].source[:common]
            positions += range(common)
        for i in group:
            starts[i], contexts[i] = (common, len(ids)), begin
            rest = [*rows[i].source[common:], *rows[i].target[:-1]]
            ids += rest
            positions += range(common, common + len(rest))
            rests.append(len(rest))
        layout.append(Group(common, tuple(rests)) if common else Group(rests[0], ()))
    firsts = [at + len(row.source) - 1 - begin for row, (begin, at) in zip(rows, starts, strict=True)]
    return CausalBatch(
        **_common(rows, pad_id), inputs={"input_ids": torch.tensor([ids]), "position_ids": torch.tensor([positions])},
        places=pad([range(first, first + len(row.target)) for first, row in zip(firsts, rows, strict=True)], 0),
        sources=_source_places(rows, starts, contexts), layout=Layout(layout),
    )  # fmt: skip


def _common(rows: Sequence[Encoded], pad_id: int) -> dict[str, Any]:
    """What every batch has."""
    sources = [row.source for row in rows]
    return {
        "input_ids": pad(sources, pad_id),
        "attention_mask": mask_of(sources),
        "labels": pad([row.target for row in rows], IGNORED),
    }


def _source_places(rows: Sequence[Encoded], starts: Sequence[tuple[int, int]], contexts: Sequence[int]) -> SourcePlaces:
    """From where the rest of each row begins in the row and among all tokens, and where its context begins among all tokens."""
    pairs = []  # a place and a label as one number
    for row, (begin, at), context in zip(rows, starts, contexts, strict=True):
        token = numpy.arange(len(row.source) - 1)
        places = numpy.where(token < begin, context + token, at + token - begin)
        pairs.append(places << 32 | numpy.array(row.source[1:], dtype=numpy.int64))
    found, counts = numpy.unique(numpy.concatenate(pairs), return_counts=True)
    return SourcePlaces(*map(torch.from_numpy, (found >> 32, found & 0xFFFFFFFF, counts)))
