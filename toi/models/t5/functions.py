# ruff: noqa: D102
"""What `fast.py` computes in place of transformers' T5: dropout, norms, attention and tied embeddings, each with its gradient.

`forward` and `backward` are torch's names.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from toi.models.drawn import Drawn, kept
from toi.models.t5.places import Places, groups

UNSEEN = -1e9  # the score of what attention must not look at: padding and, in the decoder, what comes later


def _kept_like(x: torch.Tensor, places: Places, p: float) -> torch.Tensor:
    """What dropout keeps of x (tokens, d): the same for any way in which the tokens stand, so it is drawn for padding, too."""
    drawn = Drawn((len(places.lengths), places.width, x.shape[-1]), p)
    return kept(places.pack(drawn.bytes), drawn.threshold, x.dtype)


class Dropout(torch.autograd.Function):
    """Srivastava et al. 2014, of (tokens, d); what remains is scaled up by 1 / (1 - p), unless that is done elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float, places: Places, scaled: bool = True) -> torch.Tensor:
        ctx.p, ctx.factor = p, 1 / (1 - p) if scaled else 1.0
        if not p:
            return x.view_as(x)
        mask = _kept_like(x, places, p)
        ctx.save_for_backward(mask)
        return _scaled(x.mul(mask), ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        if not ctx.p:
            return gradient, None, None, None
        (mask,) = ctx.saved_tensors
        return _scaled(gradient.mul(mask), ctx.factor), None, None, None


class DroppedRelu(torch.autograd.Function):
    """Dropout of relu(x), (tokens, d), not scaled. What it gives says what was kept: backward needs nothing else."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float, places: Places) -> torch.Tensor:
        y = x.relu()
        if p:
            y.mul_(_kept_like(x, places, p))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return torch.ops.aten.threshold_backward(gradient, ctx.saved_tensors[0], 0), None, None


def _scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    return x if factor == 1 else x.mul_(factor)


class DropoutAdd(torch.autograd.Function):
    """`hidden` + `factor` times dropout of `x`, in the precision of `hidden`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, hidden: torch.Tensor, p: float, places: Places, factor: float = 1.0) -> torch.Tensor:
        ctx.p, ctx.dtype, ctx.factor = p, x.dtype, factor / (1 - p)
        if p:
            mask = _kept_like(x, places, p)
            ctx.save_for_backward(mask)
            x = x * mask
        return hidden.add(x.to(hidden.dtype), alpha=ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        by_x = (gradient * ctx.factor).to(ctx.dtype)
        if ctx.p:
            by_x.mul_(ctx.saved_tensors[0])
        return by_x, gradient, None, None, None


class Distances(torch.autograd.Function):
    """(heads, 2 length - 1), a value per distance -> (heads, length, length), a value per pair of positions."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, length: int) -> torch.Tensor:
        heads, distances = values.shape
        return values.as_strided((heads, length, length), (distances, 1, 1)).flip(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        heads, length, _ = gradient.shape
        distances = 2 * length - 1
        skewed = gradient.new_zeros(heads, length, distances)  # each row one further to the right: distances in columns
        skewed.as_strided((heads, length, length), (length * distances, distances + 1, 1)).copy_(gradient.flip(1))
        return skewed.sum(1), None


class Attention(torch.autograd.Function):
    """Attention with position bias and dropout; T5 does not scale the scores.

    q (tokens, heads x d) of `queries`, k and v (tokens, heads x d) of `keys`, all in the precision of the products; `seen` (heads,
    queries, keys) is added to the scores, and the gradient of that goes to `position` (heads, queries, keys).
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        seen: torch.Tensor | None,
        position: torch.Tensor | None,
        heads: int,
        p: float,
        queries: Places,
        keys: Places,
    ) -> torch.Tensor:
        rows, saved = len(queries.lengths), []
        drawn = Drawn((rows * heads, queries.width, keys.width), p) if p else None
        result = q.new_empty(len(q), heads, q.shape[1] // heads)
        ctx.groups = list(groups(queries, keys, heads, cut=q.dtype == torch.float32))
        for first, last in ctx.groups:
            some = [_by_head(places.rows(x, first, last), heads) for places, x in ((queries, q), (keys, k), (keys, v))]
            scores = torch.bmm(some[0], some[1].transpose(1, 2)).float()  # (rows x heads, queries, keys)
            by_row = scores.view(-1, heads, *scores.shape[1:])
            if seen is not None:
                by_row.add_(seen[:, : scores.shape[1], : scores.shape[2]])
            for row, length in zip(by_row, keys.seen[first:last], strict=True):
                if length < scores.shape[2]:
                    row[:, :, length:] = UNSEEN
            share = scores.softmax(-1).to(q.dtype)
            saved += [*some, share]
            mask = None if drawn is None else _kept_of(drawn.bytes, drawn.threshold, share, first * heads)
            read = torch.bmm(share if mask is None else share * mask, some[2])  # (rows x heads, queries, d)
            queries.put(_from_heads(read, heads), result, first, last)
        ctx.save_for_backward(*saved, None if drawn is None else drawn.bytes)
        ctx.threshold, ctx.heads, ctx.p, ctx.queries, ctx.keys = drawn and drawn.threshold, heads, p, queries, keys
        return result.flatten(1).mul_(1 / (1 - p))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        *saved, drawn = ctx.saved_tensors
        heads, queries, keys, by_position = ctx.heads, ctx.queries, ctx.keys, None
        gradient = gradient * (1 / (1 - ctx.p))
        by_q, by_k, by_v = (
            gradient.new_empty(places.starts[-1], heads, gradient.shape[1] // heads) for places in (queries, keys, keys)
        )
        if ctx.needs_input_grad[4]:
            by_position = gradient.new_zeros(heads, queries.width, keys.width, dtype=torch.float32)
        for at, (first, last) in enumerate(ctx.groups):
            q, k, v, share = saved[4 * at : 4 * at + 4]
            mask = None if drawn is None else _kept_of(drawn, ctx.threshold, share, first * heads)
            of_rows = _by_head(queries.rows(gradient, first, last), heads)  # (rows x heads, queries, d)
            by_share = torch.bmm(of_rows, v.transpose(1, 2))
            if mask is not None:
                by_share.mul_(mask)
            keys.put(
                _from_heads(torch.bmm((share if mask is None else share * mask).transpose(1, 2), of_rows), heads), by_v, first, last
            )
            by_scores = torch._softmax_backward_data(by_share, share, -1, share.dtype)
            if by_position is not None:
                of_position = by_scores.view(-1, heads, *by_scores.shape[1:]).sum(0, dtype=torch.float32)
                by_position[:, : share.shape[1], : share.shape[2]] += of_position
            queries.put(_from_heads(torch.bmm(by_scores, k), heads), by_q, first, last)
            keys.put(_from_heads(torch.bmm(by_scores.transpose(1, 2), q), heads), by_k, first, last)
        return *(x.flatten(1) for x in (by_q, by_k, by_v)), None, by_position, None, None, None, None


def _kept_of(drawn: torch.Tensor, threshold: int, share: torch.Tensor, first: int) -> torch.Tensor:
    """What dropout keeps of the shares of attention of some rows, the first of which stands at `first`."""
    return kept(drawn[first : first + len(share), : share.shape[1], : share.shape[2]], threshold, share.dtype)


def _by_head(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows, length, heads x d) -> (rows x heads, length, d)."""
    rows, length, width = x.shape
    return x.view(rows, length, heads, width // heads).transpose(1, 2).reshape(rows * heads, length, width // heads)


def _from_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows x heads, length, d) -> (rows, length, heads, d)."""
    return x.view(-1, heads, *x.shape[1:]).transpose(1, 2)
