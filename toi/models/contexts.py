"""Rows whose sources begin alike: they stay together in steps and batches, so that what they begin with is computed once.

Which ones they are says the family (`toi.models.family.Family.share_contexts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from toi.models.batches import POOL

_AHEAD = 64  # pieces among which one is sought that fits

Piece = list[int]  # rows that begin alike, or one that stands alone


@dataclass(frozen=True)
class Contexts:
    """Which rows begin alike."""

    groups: numpy.ndarray  # (rows,): rows of one number begin alike
    shared: numpy.ndarray  # (rows,): so many first tokens, at least, a row has in common with all of its group; 0 if it is alone
    widths: numpy.ndarray  # (rows,): the tokens of each row

    @property
    def saved(self) -> int:
        """The tokens that fall away where all of a group are computed together."""
        _, first = numpy.unique(self.groups, return_index=True)
        return int(self.shared.sum() - self.shared[first].sum())

    def __str__(self) -> str:
        together = self.shared > 0
        rows, contexts = int(together.sum()), len(numpy.unique(self.groups[together]))
        return (
            f"{rows:,} of {len(together):,} rows share their beginning with others ({rows / max(1, contexts):.1f} rows each): "
            f"computed once, {self.saved / max(1, self.widths.sum()):.0%} of the tokens fall away"
        )

    def steps(self, rows: int, seed: int, epoch: int) -> list[list[Piece]]:
        """All rows in steps of so many, in an order that depends on seed and epoch alone; in each, rows of like length."""
        generator = numpy.random.default_rng((seed, epoch))
        steps: list[list[Piece]] = []
        pool: list[Piece] = []
        waiting = 0
        for piece in self._shuffled(rows, generator):
            pool.append(piece)
            waiting += len(piece)
            if waiting >= rows * POOL:
                full, pool = fill(self._sorted(pool), [rows] * (waiting // rows))
                steps, waiting = steps + full, waiting % rows
        last, _ = fill(self._sorted(pool), [min(rows, waiting - i) for i in range(0, waiting, rows)])
        steps += last
        return [steps[i] for i in generator.permutation(len(steps))]

    def steps_of_tokens(self, tokens: int, seed: int, epoch: int) -> list[list[Piece]]:
        """The same in steps of so many tokens (one row at least), each beginning counted once."""
        generator = numpy.random.default_rng((seed, epoch))
        mean = (self.widths.sum() - self.saved) / len(self.widths)
        rows = max(1, int(tokens // mean))
        pieces, steps = self._shuffled(rows, generator), list[list[Piece]]()
        for start in range(0, len(pieces), rows * POOL):
            steps += self.cut(self._sorted(pieces[start : start + rows * POOL]), tokens)
        return [steps[i] for i in generator.permutation(len(steps))]

    def cut(self, pieces: Sequence[Piece], tokens: int) -> list[list[Piece]]:
        """Pieces in lists of so many tokens; where one has more, it is cut, down to one row."""
        lists: list[list[Piece]] = []
        todo, room = list(pieces[::-1]), 0
        while todo:
            piece = todo.pop()
            cost = int(self.widths[piece].sum() - self.shared[piece[1:]].sum())
            if cost > tokens and len(piece) > 1:
                half = len(piece) // 2
                todo += [piece[half:], piece[:half]]
                continue
            if cost > room:
                lists.append([])
                room = tokens
            lists[-1].append(piece)
            room -= cost
        return lists

    def sorted_batches(self, rows: int) -> list[list[int]]:
        """All rows in batches of so many, of like length, the longest first."""
        order = numpy.argsort(self.groups, kind="stable")
        pieces = self._sorted(self._pieces(order, rows))[::-1]
        batches, _ = fill(pieces, [min(rows, len(order) - i) for i in range(0, len(order), rows)])
        return [rows_of(batch) for batch in batches]

    def _shuffled(self, most: int, generator: numpy.random.Generator) -> list[Piece]:
        order = generator.permutation(len(self.groups))
        pieces = self._pieces(order[numpy.argsort(self.groups[order], kind="stable")], most)
        return [pieces[i] for i in generator.permutation(len(pieces))]

    def _pieces(self, order: numpy.ndarray, most: int) -> list[Piece]:
        """The groups of rows, in an order in which each stands together, cut to so many rows."""
        groups = numpy.split(order, numpy.flatnonzero(numpy.diff(self.groups[order])) + 1)
        return [group[i : i + most].tolist() for group in groups for i in range(0, len(group), most)]

    def _sorted(self, pieces: list[Piece]) -> list[Piece]:
        return sorted(pieces, key=lambda piece: int(self.widths[piece].max()))


def fill(pieces: Sequence[Piece], sizes: Sequence[int]) -> tuple[list[list[Piece]], list[Piece]]:
    """Lists of pieces with so many rows each, and what is left over. A piece is cut only where no other one near it fits."""
    rest, lists = list(pieces), []
    for size in sizes:
        taken: list[Piece] = []
        while size:
            at = next((i for i, piece in enumerate(rest[:_AHEAD]) if len(piece) <= size), None)
            if at is None:
                taken.append(rest[0][:size])
                rest[0] = rest[0][size:]
            else:
                taken.append(rest.pop(at))
            size -= len(taken[-1])
        lists.append(taken)
    return lists, rest


def shared_out(pieces: Sequence[Piece], processes: int) -> list[int]:
    """The rows of a batch in an order in which each process, that takes every `processes`-th of them, gets whole pieces."""
    rows: list[int] = [0] * sum(map(len, pieces))
    shares, _ = fill(pieces, [len(rows[rank::processes]) for rank in range(processes)])
    for rank, share in enumerate(shares):
        rows[rank::processes] = rows_of(share)
    return rows


def rows_of(pieces: Sequence[Piece]) -> list[int]:
    """Their rows."""
    return [row for piece in pieces for row in piece]
