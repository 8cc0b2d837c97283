"""Pairs as token ids: of each source two rows, which stay together in steps and batches.

All that says how many there are, how long or which, counts pairs; in a batch stand their rows, the chosen answer before the
rejected one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy
import torch

from toi.models.batches import Encoded
from toi.models.contexts import Contexts
from toi.models.family import Family
from toi.models.padded import Batch
from toi.training.encoded import TokenRows


class PairRows(TokenRows):
    """Encoded pairs, made of rows that stand two and two (`toi.data.pairs.iterate_answers`)."""

    noun = "pair"
    reference: numpy.ndarray  # (pairs, 2): the log-probabilities of both answers before training (toi/training/reference.py)

    def __init__(self, rows: TokenRows):
        self.rows = rows
        self.source_lengths, self.target_lengths = (
            lengths.reshape(-1, 2).sum(1) for lengths in (rows.source_lengths, rows.target_lengths)
        )  # of both rows, (pairs,)

    def __len__(self) -> int:
        return len(self.source_lengths)

    def counted(self, indices: Sequence[int]) -> int:
        """The pairs themselves."""
        return len(indices)

    def widths(self, family: Family) -> numpy.ndarray:
        """Those of both rows; what they share is counted once."""
        if self.contexts is not None:
            return self.contexts.widths
        return family.widths(self.rows.source_lengths, self.rows.target_lengths).reshape(-1, 2).sum(1)

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        """Both rows of each pair."""
        return [self.rows[row] for i in indices for row in (2 * i, 2 * i + 1)]

    def collate(self, family: Family, encoded: Sequence[Encoded], indices: Sequence[int]) -> Batch:
        """A batch of the rows of these pairs, with what the reference says of them."""
        return replace(family.collate(encoded), reference=torch.from_numpy(self.reference[indices]))

    def share_contexts(self, family: Family) -> str | None:
        """Both answers behind one reading of their source, and of what sources of several pairs begin with."""
        found = family.share_contexts(self.rows.sources(), self.rows.target_lengths)
        if found is None:
            return None
        groups, together = found.groups[::2], found.shared[::2] > 0
        _, inverse, counts = numpy.unique(groups, return_inverse=True, return_counts=True)
        widths = found.widths.reshape(-1, 2).sum(1) - numpy.where(together, self.rows.source_lengths[::2], 0)
        self.contexts = Contexts(groups, numpy.where(counts[inverse] > 1, found.shared[::2], 0), widths)
        return str(found)

    def select(self, indices: Sequence[int]) -> "PairRows":
        """These pairs only, in this order."""
        return PairRows(self.rows.select([row for i in indices for row in (2 * i, 2 * i + 1)]))

    def fingerprint(self) -> str:
        """That of their rows."""
        return self.rows.fingerprint()

    def account(self, limit: int) -> str:
        """How many there are, and how many of them teach nothing: their answers are the same within the limit of so many tokens."""
        lengths = self.rows.target_lengths
        cut = numpy.flatnonzero((lengths[::2] >= limit) & (lengths[1::2] >= limit))
        same = sum(self.rows[2 * i].target == self.rows[2 * i + 1].target for i in cut)
        said = f", of which {same:,} have two answers that are the same where they are cut" if same else ""
        return f"{len(self):,} pairs{said}"
