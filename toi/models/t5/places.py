"""Where the tokens of a batch stand: in rows padded to a common width, or one row behind the other, without the padding."""

from collections.abc import Iterator
from itertools import pairwise

import torch

_AT_ONCE = 1 << 19  # scores that are computed together: what caches hold


class Places:
    """Rows of tokens, side by side as (tokens, ...).

    `lengths` are those of the rows without padding, `width` is what they are padded to: on the right. The padding is among the
    tokens unless they are `packed`.
    """

    def __init__(self, lengths: list[int], width: int, *, packed: bool):
        self.seen = lengths  # what attention may look at
        self.lengths = lengths if packed else [width] * len(lengths)  # what stands there
        self.width = width
        self.starts = [0]
        for length in self.lengths:
            self.starts.append(self.starts[-1] + length)
        self._indices: dict[tuple[int, int, int], torch.Tensor] = {}

    def pack(self, padded: torch.Tensor) -> torch.Tensor:
        """(rows, width, ...) -> (tokens, ...)."""
        flat = padded.flatten(0, 1)
        return flat if self.starts[-1] == len(flat) else flat.index_select(0, self._index(0, len(self.lengths), self.width))

    def rows(self, tokens: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """The rows from `first` up to `last`, with zeros up to the longest of them: (tokens, d) -> (rows, longest, d)."""
        lengths, part = self.lengths[first:last], tokens[self.starts[first] : self.starts[last]]
        longest = max(lengths)
        if min(lengths) == longest:
            return part.view(len(lengths), longest, -1)
        found = part.new_zeros(len(lengths) * longest, part.shape[1])
        return found.index_copy_(0, self._index(first, last, longest), part).view(len(lengths), longest, -1)

    def put(self, rows: torch.Tensor, tokens: torch.Tensor, first: int, last: int) -> None:
        """Write rows (rows, longest, heads, d) where they belong in (tokens, heads, d)."""
        lengths, part = self.lengths[first:last], tokens[self.starts[first] : self.starts[last]]
        longest = max(lengths)
        if min(lengths) == longest:
            part.view(rows.shape).copy_(rows)
        else:
            torch.index_select(rows.flatten(0, 1), 0, self._index(first, last, longest), out=part)

    def again(self, times: int) -> torch.Tensor:
        """The places of the tokens of each row, so many times each: (times x tokens,)."""
        rows = [torch.arange(start, end) for start, end in pairwise(self.starts)]
        return torch.cat([row for row in rows for _ in range(times)])

    def _index(self, first: int, last: int, width: int) -> torch.Tensor:
        """The places of these rows' tokens, where the rows are padded to `width`: (tokens,)."""
        key = first, last, width
        if key not in self._indices:
            lengths = self.lengths[first:last]
            self._indices[key] = torch.cat([torch.arange(length) + i * width for i, length in enumerate(lengths)])
        return self._indices[key]


def groups(queries: Places, keys: Places, heads: int, *, cut: bool) -> Iterator[tuple[int, int]]:
    """Neighbouring rows whose attention is computed together, from and up to: all of them, or with `cut` what caches hold."""
    first, rows = 0, len(queries.lengths)
    while first < rows:
        last = first + 1 if cut else rows
        while last < rows:
            scores = max(queries.lengths[first : last + 1]) * max(keys.lengths[first : last + 1])
            if (last + 1 - first) * heads * scores > _AT_ONCE:
                break
            last += 1
        yield first, last
        first = last
