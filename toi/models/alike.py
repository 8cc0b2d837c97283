"""Rows of ids that begin alike: what a model reads once for several of them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Rows = Sequence[Sequence[int]]
_WORTH_IT = 8  # a shared beginning is read apart where that saves one token in so many: it takes one more pass over the weights


class Alike(NamedTuple):
    """Rows that begin with the same tokens."""

    rows: list[int]  # indices
    shared: int  # tokens at the beginning of each that are the same, its last one never among them; 0 for a row alone


def parted(rows: Rows, shortest: int = 1, most: int | None = None) -> list[Alike]:
    """The rows in groups that save the most tokens, if each beginning is read once.

    Of all ways to part the rows, in the order of their ids; a beginning has `shortest` tokens at least, a group `most` rows.
    """
    order = sorted(range(len(rows)), key=lambda i: list(rows[i]))
    alike = [common(rows[a], rows[b]) for a, b in pairwise(order)]
    saved, first = [0], [0]  # of the first rows in that order: tokens that are saved at best, and where the last group begins
    for end in range(1, len(order) + 1):
        best, at = saved[end - 1], end - 1
        shared = len(rows[order[end - 1]])
        for start in range(end - 2, -1 if most is None else max(-1, end - 1 - most), -1):
            shared = min(shared, alike[start])
            if shared < shortest:
                break
            if saved[start] + shared * (end - 1 - start) > best:
                best, at = saved[start] + shared * (end - 1 - start), start
        saved.append(best)
        first.append(at)
    groups, end = [], len(order)
    while end:
        start = first[end]
        groups.append(Alike(sorted(order[start:end]), min(alike[start : end - 1], default=0)))
        end = start
    return groups[::-1]


def shared_beginnings(rows: Rows) -> list[Alike]:
    """The rows in groups whose beginnings are worth reading once; none where they are not.

    A row that is alike to no other is a group of its own, all but its last token.
    """
    groups = parted(rows)
    saved = sum(group.shared * (len(group.rows) - 1) for group in groups)
    if saved * _WORTH_IT < sum(map(len, rows)) or not saved:
        return []
    return [group if len(group.rows) > 1 else Alike(group.rows, len(rows[group.rows[0]]) - 1) for group in groups]


def side_by_side(rows: Rows) -> tuple[list[int], list[int]]:
    """An order in which rows that begin alike (for more than half of them) stand side by side, and for each the longest of these.

    Both are of the rows in that order.
    """
    order = sorted(range(len(rows)), key=lambda i: list(rows[i]))
    lengths: list[int] = []
    group: list[int] = []
    for i in order:
        if group and 2 * common(rows[group[-1]], rows[i]) <= max(len(rows[group[-1]]), len(rows[i])):
            lengths += [max(len(rows[row]) for row in group)] * len(group)
            group = []
        group.append(i)
    return order, lengths + [max(len(rows[row]) for row in group)] * len(group) if group else lengths


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens at the beginning are the same, of all but the last of both."""
    low, high = 0, max(0, min(len(a), len(b)) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
