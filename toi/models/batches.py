"""Rows of ids -> batches of like length. What stands in a row is its family's (`toi/models/family.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

IGNORED = -100  # the label of a place without a target
# Batches of like length are formed within this many batches, so that they still differ from epoch to epoch.
POOL = 50

Lengths = Sequence[int] | numpy.ndarray


@dataclass(frozen=True)
class Encoded:
    """The ids of a row, as a model reads them: what stands around the texts (an end-of-sequence id, say) included."""

    source: list[int]
    target: list[int]
    source_cut: int = 0  # tokens that the source lost to its limit
    target_cut: int = 0
    unknown: int = 0  # tokens of both that are `<unk>`, before they were cut


def shuffled_batches(lengths: Lengths, batch_size: int, seed: int, epoch: int, max_tokens: int | None = None) -> list[list[int]]:
    """Indices in batches of like length, in an order that depends on seed and epoch alone.

    With `max_tokens`, a batch has as many rows as keep its padded tokens within it (one row at least), not `batch_size`.
    """
    tokens = numpy.asarray(lengths)
    generator = numpy.random.default_rng((seed, epoch))
    order = generator.permutation(len(tokens))
    size = batch_size if max_tokens is None else max(1, int(max_tokens // tokens.mean()))
    batches: list[list[int]] = []
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        pool = pool[numpy.argsort(tokens[pool], kind="stable")]
        batches += _cut(pool.tolist(), tokens, batch_size if max_tokens is None else None, max_tokens)
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(lengths: Lengths, batch_size: int, max_tokens: int | None = None) -> list[list[int]]:
    """Indices in batches of like length, the longest first (what does not fit in memory fails at once).

    A batch has at most `batch_size` rows, and `max_tokens` tokens with its padding (one row at least).
    """
    tokens = numpy.asarray(lengths)
    order = numpy.argsort(-tokens, kind="stable")
    return _cut(order.tolist(), tokens, batch_size, max_tokens)


def _cut(order: list[int], lengths: numpy.ndarray, batch_size: int | None, max_tokens: int | None) -> list[list[int]]:
    """Indices in an order of their lengths, up or down, cut into batches within both limits."""
    if batch_size is not None and max_tokens is None:
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    batches: list[list[int]] = []
    for i in order:
        # The longest row of a batch is its first or its last.
        fits = bool(batches) and len(batches[-1]) != batch_size
        if fits and max_tokens is not None:
            fits = int(max(lengths[batches[-1][0]], lengths[i])) * (len(batches[-1]) + 1) <= max_tokens
        if not fits:
            batches.append([])
        batches[-1].append(i)
    return batches
