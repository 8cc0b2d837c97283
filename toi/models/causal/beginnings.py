"""Sources that begin alike: in a file, by hashes of beginnings, and in a batch, by the ids themselves."""

from collections.abc import Iterable, Sequence

import numpy

from toi.models.alike import Alike, parted
from toi.models.batches import Encoded
from toi.models.contexts import Contexts

SHORTEST = 16  # tokens; below, a beginning is not worth a sequence of its own
_MOST = 64  # rows of a batch that are looked at together
_BASE = numpy.uint64(0x9E3779B97F4A7C15)  # of the polynomial; odd, so that no id is lost


def rows_that_begin_alike(sources: Iterable[tuple[numpy.ndarray, numpy.ndarray]], target_lengths: numpy.ndarray) -> Contexts:
    """The rows of a file, a part after the other: the ids of sources one behind the other (tokens,), their lengths (rows,).

    Rows are of one group where what they have in common is at least half of a source. Only hashes of beginnings of some lengths
    are looked at: the common beginning is up to a quarter longer.
    """
    all_lengths, all_hashes = [], []
    for ids, lengths in sources:
        all_lengths.append(lengths.astype(numpy.int64))
        all_hashes.append(_hashes(ids, all_lengths[-1]))
    lengths = numpy.concatenate(all_lengths)
    hashes = numpy.zeros((max(1, *map(len, all_hashes)), len(lengths)), numpy.uint64)  # (ladder, rows)
    stop = numpy.cumsum([part.shape[1] for part in all_hashes])
    for part, end in zip(all_hashes, stop, strict=True):
        hashes[: len(part), end - part.shape[1] : end] = part
    ladder = _ladder(len(hashes))
    order = numpy.lexsort(hashes[::-1])
    same = (hashes[:, order[1:]] == hashes[:, order[:-1]]) & (hashes[:, order[1:]] > 0)
    steps = numpy.logical_and.accumulate(same, axis=0).sum(0)
    common = numpy.concatenate([[0], ladder])[steps]  # (rows - 1,): tokens that neighbours have in common, at least
    shorter = numpy.minimum(lengths[order[1:]], lengths[order[:-1]])
    parted = common * 2 < numpy.maximum(shorter, 1)
    groups, shared = numpy.empty_like(lengths), numpy.zeros_like(lengths)
    numbers = numpy.concatenate([[0], numpy.cumsum(parted)])
    groups[order] = numbers
    least = numpy.full(int(numbers[-1]) + 1, numpy.iinfo(numpy.int64).max)
    numpy.minimum.at(least, numbers[1:][~parted], common[~parted])
    least[least == numpy.iinfo(numpy.int64).max] = 0
    shared[order] = least[numbers]
    return Contexts(groups, shared, lengths + target_lengths)


def _ladder(count: int) -> numpy.ndarray:
    """Lengths of beginnings, each a quarter more than the one before: (count,)."""
    return (SHORTEST * 1.25 ** numpy.arange(count)).astype(numpy.int64)


def _hashes(ids: numpy.ndarray, lengths: numpy.ndarray) -> numpy.ndarray:
    """Of the beginnings of sources: (ladder, rows), sum of (id + 1) x base^place modulo 2^64; 0 where a source is not longer."""
    longest = int(lengths.max(initial=0))
    count = 0
    while _ladder(count + 1)[-1] < longest:
        count += 1
    starts = numpy.concatenate([[0], numpy.cumsum(lengths)[:-1]])
    places = numpy.arange(len(ids)) - numpy.repeat(starts, lengths)
    powers = numpy.full(longest, _BASE).cumprod(dtype=numpy.uint64)
    mixed = (ids.astype(numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> numpy.uint64(29)
    sums = numpy.concatenate([numpy.zeros(1, numpy.uint64), (mixed * powers[places]).cumsum(dtype=numpy.uint64)])
    found = numpy.zeros((count, len(lengths)), numpy.uint64)
    for row, length in zip(found, _ladder(count), strict=True):
        longer = lengths > length
        row[longer] = numpy.maximum(sums[starts[longer] + length] - sums[starts[longer]], numpy.uint64(1))
    return found


def alike(rows: Sequence[Encoded]) -> list[Alike]:
    """The rows of a batch in groups: so many first tokens of the sources of a group are one sequence."""
    return sorted(parted([row.source for row in rows], SHORTEST, _MOST))
