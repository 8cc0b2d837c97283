"""Keys and values of a causal model under way: those of prompts, which outputs share, and those of what each output has written."""

from collections.abc import Sequence
from typing import Protocol

import numpy
import torch

from toi.models.causal.merged import UNSEEN, Mixed, attend

_GROWTH = 32  # steps that buffers have room for at first
_NEVER = torch.iinfo(torch.long).max // 2  # the position of padding: behind every token
KeysAndValues = tuple[torch.Tensor, torch.Tensor]


class Prompts:
    """A stretch of prompts: (rows, heads of keys, length, d) in each layer. Each output reads one row; several may read the same.

    `sizes` are the tokens of each row, the first of them at its position in `starts`: both (rows,). What is behind them is padding.
    """

    def __init__(self, layers: list[KeysAndValues], starts: torch.Tensor, sizes: torch.Tensor, row_of: numpy.ndarray):
        self.layers, self._sizes = layers, sizes.tolist()
        places = torch.arange(layers[0][0].shape[2], device=starts.device)[None]
        self._positions = torch.where(places < sizes[:, None], starts[:, None] + places, _NEVER)  # (rows, length)
        self._read_by(row_of)

    @property
    def length(self) -> int:
        """Tokens of the longest row."""
        return self._positions.shape[1]

    def _read_by(self, row_of: numpy.ndarray) -> None:
        """Note which row each output reads: (outputs,). Queries are computed row by row, `width` for each, some of them empty."""
        rows = len(self._positions)
        counts = numpy.bincount(row_of, minlength=rows)
        self._row_of, self._width = row_of, int(counts.max())
        order = numpy.argsort(row_of, kind="stable")
        rank = numpy.empty_like(row_of)
        rank[order] = numpy.arange(len(row_of)) - numpy.repeat(counts.cumsum() - counts, counts)
        self._read_rows = counts.nonzero()[0].tolist()
        self._counts = counts[self._read_rows].tolist()
        ordered = bool((order == numpy.arange(len(order))).all())
        self._order: torch.Tensor | None = None if ordered else torch.from_numpy(order)
        self._back: torch.Tensor | None = None if ordered else torch.from_numpy(numpy.argsort(order))
        slots = row_of * self._width + rank
        device = self._positions.device
        in_order = len(slots) == rows * self._width and bool((slots == numpy.arange(len(slots))).all())
        self._slots = None if in_order else torch.from_numpy(slots).to(device)
        self._rows = torch.from_numpy(row_of).to(device)

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs. Rows that none of them reads are dropped when they are half of all."""
        row_of = self._row_of[outputs]
        used, renamed = numpy.unique(row_of, return_inverse=True)
        if 2 * len(used) <= len(self._positions):
            kept = torch.from_numpy(used).to(self._positions.device)
            self.layers = [(keys[kept], values[kept]) for keys, values in self.layers]
            self._positions, row_of = self._positions[kept], renamed
            self._sizes = [self._sizes[row] for row in used]
        self._read_by(row_of)

    def distances(self, positions: torch.Tensor) -> torch.Tensor:
        """How far the keys lie before queries at these positions: (outputs, queries) -> (outputs, queries, length)."""
        return positions[:, :, None] - self._positions[self._rows][:, None]

    def scores(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        """(outputs, heads, queries, d) -> (outputs, heads, queries, length)."""
        keys = self.layers[layer][0]
        return self._by_output(self._by_row(query, keys.shape[1]) @ keys.transpose(-1, -2), query)

    def mixed(self, layer: int, shares: torch.Tensor) -> torch.Tensor:
        """The values, mixed by shares: (outputs, heads, queries, length) -> (outputs, heads, queries, d)."""
        values = self.layers[layer][1]
        return self._by_output(self._by_row(shares, values.shape[1]) @ values, shares)

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> Mixed:
        """Attention of outputs that see all of their rows: (outputs, heads, queries, d). Row by row: nothing of padding is read."""
        keys, values = self.layers[layer]
        ordered = query if self._order is None else query[self._order]
        by_row = query.shape[1], -1, query.shape[3]  # heads, all that read a row
        mixed, sums = [], []
        for row, part in zip(self._read_rows, ordered.split(self._counts), strict=True):
            size = self._sizes[row]
            of_row = part.transpose(0, 1).reshape(1, keys.shape[1], -1, query.shape[3])
            found = attend(of_row, keys[row : row + 1, :, :size], values[row : row + 1, :, :size], scale)
            mixed.append(found[0].reshape(by_row))
            sums.append(found[1].reshape(by_row[:2]))
        outputs = len(query), query.shape[2]
        all_mixed, all_sums = (torch.cat(x, dim=1).unflatten(1, outputs).transpose(0, 1) for x in (mixed, sums))
        return (all_mixed, all_sums) if self._back is None else (all_mixed[self._back], all_sums[self._back])

    def _by_row(self, x: torch.Tensor, heads: int) -> torch.Tensor:
        """(outputs, heads of queries, queries, n) -> (rows, heads of keys, all that read them, n)."""
        rows, (_, all_heads, queries, n) = len(self._positions), x.shape
        if self._slots is not None:
            x = x.new_zeros(rows * self._width, all_heads, queries, n).index_copy_(0, self._slots, x)
        return x.reshape(rows, self._width, heads, -1, n).transpose(1, 2).reshape(rows, heads, -1, n)

    def _by_output(self, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The way back: (rows, heads of keys, all that read them, n) -> (outputs, heads of queries, queries, n)."""
        rows, heads, _, n = x.shape
        x = x.view(rows, heads, self._width, -1, n).transpose(1, 2).reshape(rows * self._width, *like.shape[1:3], n)
        return x if self._slots is None else x[self._slots]


class Own(Protocol):
    """Keys and values of what no other row or output reads."""

    def add(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> KeysAndValues:
        """Those of the tokens that are read now -> those of all so far: both (outputs, heads of keys, length, d)."""
        ...

    @property
    def unseen(self) -> torch.Tensor | None:
        """Of a pass of one token, what scores are raised by where a key is padding: (outputs, 1, 1, length)."""
        ...


class Read:
    """Prompts that are read in one pass."""

    unseen: torch.Tensor | None = None

    def __init__(self) -> None:
        self.layers: list[KeysAndValues] = []

    def add(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> KeysAndValues:
        """See `Own`."""
        assert layer == len(self.layers)
        self.layers.append((key.contiguous(), value.contiguous()))  # of what a model computes with them in one, nothing is kept
        return self.layers[-1]


class Written:
    """What outputs have written, a token of each at a time. `count` is how many, the token that is read now included.

    Keys and values stand in buffers by time, so that a step writes one token and a choice of outputs copies once. They begin with
    what is `read`, of so many tokens (`sizes`) of each output: short ends of sources, which so cost no attention of their own.
    """

    def __init__(self, read: Sequence[KeysAndValues] = (), sizes: torch.Tensor | None = None) -> None:
        self.count = 0
        self._layers: list[list[torch.Tensor]] = []  # keys and values: (room, outputs, heads, d)
        self._padding: torch.Tensor | None = None  # (outputs, 1, 1, room): UNSEEN or 0
        if sizes is None:
            return
        self.count = length = int(sizes.max())
        for pair in read:
            self._layers.append([x.new_empty(length + _GROWTH, len(x), *x.shape[1::2]) for x in pair])
            for buffer, x in zip(self._layers[-1], pair, strict=True):
                buffer[:length] = x.permute(2, 0, 1, 3)
        if int(sizes.min()) < length:
            places = torch.arange(length + _GROWTH, device=sizes.device)
            padding = (places < length) & (places >= sizes[:, None])
            self._padding = torch.where(padding, UNSEEN, 0.0)[:, None, None].to(read[0][0].dtype)

    @property
    def unseen(self) -> torch.Tensor | None:
        """See `Own`."""
        return None if self._padding is None else self._padding[..., : self.count]

    def add(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> KeysAndValues:
        """See `Own`: one token of each output."""
        if layer == len(self._layers):
            self._layers.append([x.new_empty(_GROWTH, *x.shape[:2], x.shape[3]) for x in (key, value)])
        buffers = self._layers[layer]
        if self.count > len(buffers[0]):
            self._layers[layer] = buffers = [torch.cat([buffer, torch.empty_like(buffer)]) for buffer in buffers]
        if self._padding is not None and self.count > self._padding.shape[3]:
            self._padding = torch.cat([self._padding, torch.zeros_like(self._padding)], dim=3)
        for buffer, x in zip(buffers, (key, value), strict=True):
            buffer[self.count - 1] = x[:, :, 0]
        keys, values = (buffer[: self.count].permute(1, 2, 0, 3) for buffer in buffers)
        return keys, values

    def layers(self, count: int) -> list[KeysAndValues]:
        """Those of the first `count` tokens: (outputs, heads of keys, count, d) in each layer; none if nothing was written."""
        return [tuple(buffer[:count].permute(1, 2, 0, 3) for buffer in pair) for pair in self._layers] if count else []  # type: ignore[misc]

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs."""
        if not self._layers or numpy.array_equal(outputs, numpy.arange(self._layers[0][0].shape[1])):
            return
        chosen = torch.as_tensor(outputs, device=self._layers[0][0].device)
        if self._padding is not None:
            self._padding = self._padding[chosen]
        for buffers in self._layers:
            for i, buffer in enumerate(buffers):
                buffers[i] = buffer.new_empty(len(buffer), len(chosen), *buffer.shape[2:])
                torch.index_select(buffer[: self.count], 1, chosen, out=buffers[i][: self.count])
