"""Noise on embeddings (NEFTune, Jain et al. 2023), while a model is trained: never in a validation, and not a part of the weights.

    uniform within alpha / sqrt(L d) on each number of an embedding of a row, L its tokens, d its width

A row's own length counts, not that of a padded batch. The noise is a function of seed, step and row (toi/models/seeded.py).
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from toi.models.batches import Encoded
from toi.models.seeded import counted, key_of, keys_of_beginnings, mixed, shares


@dataclass
class Noise:
    """The noise of a run. Families ask for that of the batch that is being computed, where their models embed (`make_noisy`)."""

    alpha: float
    seed: int
    rows: Sequence[Encoded] = ()  # of the batch; none outside of training
    step: int = 0

    @contextmanager
    def on(self, rows: Sequence[Encoded], step: int) -> Iterator[None]:
        """Within the block the model computes these rows, with noise."""
        self.rows, self.step = rows, step
        try:
            yield
        finally:
            self.rows = ()

    def padded(self, lengths: Sequence[int], like: torch.Tensor, part: int = 0) -> torch.Tensor:
        """(rows, longest, d), zeros behind each row's length: noise for embeddings of the width and the kind of `like`, (..., d).

        `part` is for models that read a row in two parts.
        """
        found = like.new_zeros(len(lengths), max(lengths), like.shape[-1])
        seen = torch.arange(max(lengths), device=like.device) < torch.tensor(lengths, device=like.device)[:, None]
        found[seen] = self.flat(lengths, like, part)
        return found

    def flat(self, lengths: Sequence[int], like: torch.Tensor, part: int = 0) -> torch.Tensor:
        """The same of rows one behind the other, (tokens, d)."""
        device, width = like.device, like.shape[-1]
        begun = key_of(self.seed, self.step, part)
        rows = [mixed(begun + keys_of_beginnings([*row.source, *row.target])[-1]) for row in self.rows]
        tokens = torch.cat([mixed(row + counted(length)) for row, length in zip(rows, lengths, strict=True)])
        drawn = shares(tokens.to(device)[:, None] + counted(width, device))  # (tokens, d)
        most = torch.tensor([self.alpha / math.sqrt(length * width) for length in lengths])
        each = most.repeat_interleave(torch.tensor(lengths)).to(device)
        return ((2 * drawn - 1) * each[:, None]).to(like.dtype)
