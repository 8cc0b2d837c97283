"""Rows of ids -> padded batches of like length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import torch

from toi.examples import Row
from toi.losses import IGNORED
from toi.tokenization import Tokenizer

# Batches of like length are formed within this many batches, so that they still differ from epoch to epoch.
_POOL = 50


@dataclass(frozen=True)
class Encoded:
    """The ids of a row, each list ending in the end-of-sequence id."""

    source: list[int]
    target: list[int]


@dataclass(frozen=True)
class Truncation:
    """How many sources and targets were longer than the limits."""

    sources: int
    targets: int


def encode_rows(
    rows: Sequence[Row], tokenizer: Tokenizer, max_input_length: int, max_target_length: int
) -> tuple[list[Encoded], Truncation]:
    """The ids of every row, cut to the limits (in tokens, the end-of-sequence id included and kept)."""
    sources = tokenizer.encode_batch([row.source for row in rows])
    targets = tokenizer.encode_batch([row.target for row in rows])
    truncation = Truncation(sum(len(s) > max_input_length for s in sources), sum(len(t) > max_target_length for t in targets))
    encoded = [
        Encoded(truncate(source, max_input_length), truncate(target, max_target_length))
        for source, target in zip(sources, targets, strict=True)
    ]
    return encoded, truncation


def truncate(ids: list[int], limit: int) -> list[int]:
    """At most `limit` ids, the last of them kept."""
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def shuffled_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices in batches of like length, in an order that depends on seed and epoch alone."""
    generator = numpy.random.default_rng((seed, epoch))
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * _POOL):
        pool = sorted(order[start : start + batch_size * _POOL].tolist(), key=lambda i: lengths[i])
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Indices in batches of like length, the longest first (what does not fit in memory fails at once)."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """(batch, longest), filled with `value` on the right."""
    longest = max(map(len, sequences))
    return torch.tensor([[*ids, *[value] * (longest - len(ids))] for ids in sequences])


@dataclass(frozen=True)
class Batch:
    """Padded rows. All tensors are of whole numbers."""

    input_ids: torch.Tensor  # (batch, source)
    attention_mask: torch.Tensor  # (batch, source): 1 where there is a token
    decoder_input_ids: torch.Tensor  # (batch, target): the labels, one step later, behind the decoder's start
    labels: torch.Tensor  # (batch, target): -100 where there is no token

    def inputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        """What the model takes. Without the labels: given them, it would compute a loss that nobody asked for."""
        names = ("input_ids", "attention_mask", "decoder_input_ids")
        return {name: getattr(self, name).to(device) for name in names}


def collate(rows: Sequence[Encoded], pad_id: int, start_id: int) -> Batch:
    """A batch of rows. `start_id` is what the decoder starts with."""
    return Batch(
        input_ids=pad([row.source for row in rows], pad_id),
        # From the lengths, not from the ids: a source may hold the padding id itself.
        attention_mask=pad([[1] * len(row.source) for row in rows], 0),
        decoder_input_ids=pad([[start_id, *row.target[:-1]] for row in rows], pad_id),
        labels=pad([row.target for row in rows], IGNORED),
    )
