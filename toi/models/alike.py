"""Rows of ids that begin alike: what a model reads once for several of them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy

Rows = Sequence[Sequence[int]]
_WORTH_IT = 8  # a shared beginning is read apart where that saves one token in so many: it takes one more pass over the weights


class Alike(NamedTuple):
    """Rows that begin with the same tokens."""

    rows: list[int]  # indices
    shared: int  # tokens at the beginning of each that are the same; each row has at least one more


def shared_beginnings(rows: Rows) -> list[Alike]:
    """The rows in groups that save the most tokens, if each beginning is read once; none where that is not worth while.

    A row that is alike to no other is a group of its own, all but its last token.
    """
    order = sorted(range(len(rows)), key=lambda i: list(rows[i]))
    common = [_common(rows[a], rows[b]) for a, b in pairwise(order)]
    best, start = [0], [0]  # of the first rows in that order: tokens that are saved at most, and where the last group starts
    for end in range(1, len(order) + 1):
        best.append(best[-1])
        start.append(end - 1)
        count = len(rows[order[end - 1]])
        for first in range(end - 2, -1, -1):
            count = min(count, common[first])
            if not count:
                break
            if best[first] + (end - first - 1) * count > best[end]:
                best[end], start[end] = best[first] + (end - first - 1) * count, first
    if best[-1] * _WORTH_IT < sum(map(len, rows)) or not best[-1]:
        return []
    groups, end = [], len(order)
    while end:
        first = start[end]
        shared = min(common[first : end - 1], default=len(rows[order[first]]) - 1)
        groups.append(Alike(sorted(order[first:end]), shared))
        end = first
    return groups[::-1]


def side_by_side(rows: Rows) -> tuple[list[int], list[int]]:
    """An order in which rows that begin alike (for more than half of them) stand side by side, and for each the longest of these.

    Both are of the rows in that order.
    """
    order = sorted(range(len(rows)), key=lambda i: list(rows[i]))
    lengths: list[int] = []
    group: list[int] = []
    for i in order:
        if group and 2 * _common(rows[group[-1]], rows[i]) <= max(len(rows[group[-1]]), len(rows[i])):
            lengths += [max(len(rows[row]) for row in group)] * len(group)
            group = []
        group.append(i)
    return order, lengths + [max(len(rows[row]) for row in group)] * len(group) if group else lengths


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens at the beginning are the same, of all but the last of both."""
    count = max(0, min(len(a), len(b)) - 1)
    differ = numpy.asarray(a[:count]) != numpy.asarray(b[:count])
    return int(differ.argmax()) if differ.any() else count
