# ruff: noqa: D102
"""What is computed in place of what transformers' causal models do, each with its gradient.

`forward` and `backward` are torch's names.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from toi.models.drawn import Drawn, kept
from toi.models.products import product


class Dropped(torch.autograd.Function):
    """Dropout (Srivastava et al. 2014)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        """Of any shape."""
        drawn = Drawn(tuple(x.shape), p)
        ctx.threshold, ctx.p = drawn.threshold, p
        ctx.save_for_backward(drawn.bytes)
        return kept(drawn.bytes, drawn.threshold, x.dtype).mul_(x).mul_(1 / (1 - p))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """The gradient of what was kept."""
        (drawn,) = ctx.saved_tensors
        return kept(drawn, ctx.threshold, gradient.dtype).mul_(gradient).mul_(1 / (1 - ctx.p)), None


class Products(torch.autograd.Function):
    """Products of one input with several weights in its own low precision: x (tokens, in), weights (out, in) -> (tokens, out) each.

    One product for all of them; gradients of weights come in single precision.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        low, at = x.new_empty(sum(map(len, weights)), x.shape[1]), 0
        for weight in weights:
            low[at : at + len(weight)] = weight
            at += len(weight)
        ctx.save_for_backward(x, low)
        ctx.sizes = [len(weight) for weight in weights]
        return (x @ low.T).split(ctx.sizes, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, low = ctx.saved_tensors
        gradient = gradients[0] if len(gradients) == 1 else torch.cat(gradients, 1)
        by_x = gradient @ low if ctx.needs_input_grad[0] else None
        if not any(ctx.needs_input_grad[1:]):
            return by_x, *(None for _ in gradients)
        return by_x, *(part.float() for part in (gradient.T @ x).split(ctx.sizes))


class LowRank(torch.autograd.Function):
    """A frozen layer beside an adapter (Hu et al. 2021): x W^T + factor x A^T B^T, all in the precision of x.

    x (tokens, in), weight (out, in), a (rank, in), b (out, rank) -> (tokens, out).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, factor: float) -> torch.Tensor:
        low_a, low_b = a.to(x.dtype), b.to(x.dtype)
        narrow = x @ low_a.T  # (tokens, rank)
        ctx.save_for_backward(x, weight, low_a, low_b, narrow)
        ctx.factor, ctx.dtypes = factor, (a.dtype, b.dtype)
        return product(x, weight).addmm_(narrow, low_b.T, alpha=factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, weight, a, b, narrow = ctx.saved_tensors
        by_narrow = (gradient @ b).mul_(ctx.factor)  # (tokens, rank)
        by_x = product(gradient, weight.T).addmm_(by_narrow, a) if ctx.needs_input_grad[0] else None
        by_a = (by_narrow.T @ x).to(ctx.dtypes[0])
        by_b = (gradient.T @ narrow).to(ctx.dtypes[1]).mul_(ctx.factor)
        return by_x, None, by_a, by_b, None


class Rotated(torch.autograd.Function):
    """Rotary positions (Su et al. 2021), halves against each other, computed in single precision, in the precision of x.

    x (rows, tokens, heads, d), cos and sin (rows, tokens, 1, d) -> (rows, tokens, heads, d).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        wide = x.float()
        y = wide * cos
        y[..., :half].addcmul_(wide[..., half:], sin[..., :half], value=-1)
        y[..., half:].addcmul_(wide[..., :half], sin[..., half:])
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        half = gradient.shape[-1] // 2
        wide = gradient.float()
        by_x = wide * cos
        by_x[..., :half].addcmul_(wide[..., half:], sin[..., half:])
        by_x[..., half:].addcmul_(wide[..., :half], sin[..., :half], value=-1)
        return by_x.to(gradient.dtype), None, None


class Gated(torch.autograd.Function):
    """silu(gate) x up (Shazeer 2020), both (tokens, width). What silu gives is computed twice, not kept."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradient * up, gate), functional.silu(gate).mul_(gradient)


class Part(NamedTuple):
    """Queries that are neighbours, and what they look at."""

    queries: tuple[int, int]  # from and up to, of all tokens
    keys: Sequence[tuple[int, int]]  # likewise, one stretch or more
    unseen: torch.Tensor  # (queries, keys): 0 where a key is seen, else minus infinity, or nearly


class Attention(torch.autograd.Function):
    """Attention of parts of a sequence, with dropout of its shares: q, k and v (heads, tokens, d) -> (tokens, heads, d)."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, parts: Sequence[Part], scale: float, p: float
    ) -> torch.Tensor:
        heads, tokens, d = q.shape
        result, saved = q.new_empty(tokens, heads, d), []
        ctx.thresholds = []
        for part in parts:
            first, last = part.queries
            query, key, value = q[:, first:last], _taken(k, part.keys), _taken(v, part.keys)
            shares = torch.baddbmm(part.unseen, query, key.transpose(1, 2), alpha=scale).softmax(-1)
            saved.append(shares)
            if p:
                drawn = Drawn(tuple(shares.shape), p)
                saved.append(drawn.bytes)
                ctx.thresholds.append(drawn.threshold)
                shares = kept(drawn.bytes, drawn.threshold, shares.dtype).mul_(shares).mul_(1 / (1 - p))
            result[first:last] = torch.bmm(shares, value).transpose(0, 1)
        ctx.save_for_backward(q, k, v, *saved)
        ctx.parts, ctx.scale, ctx.p = parts, scale, p
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        q, k, v, *saved = ctx.saved_tensors
        by_q, by_k, by_v = (x.new_zeros(x.shape[1], len(x), x.shape[2]).transpose(0, 1) for x in (q, k, v))
        gradient = gradient.transpose(0, 1)  # (heads, tokens, d)
        for at, part in enumerate(ctx.parts):
            first, last = part.queries
            of_part, key, value = gradient[:, first:last], _taken(k, part.keys), _taken(v, part.keys)
            shares, dropped = saved[at], None
            if ctx.p:
                shares, drawn = saved[2 * at : 2 * at + 2]
                dropped = kept(drawn, ctx.thresholds[at], shares.dtype).mul_(1 / (1 - ctx.p))
            by_shares = torch.bmm(of_part, value.transpose(1, 2))
            if dropped is not None:
                by_shares.mul_(dropped)
                dropped.mul_(shares)
            _give(by_v, part.keys, torch.bmm((shares if dropped is None else dropped).transpose(1, 2), of_part))
            by_scores = torch._softmax_backward_data(by_shares, shares, -1, shares.dtype)
            by_q[:, first:last] = torch.bmm(by_scores, key).mul_(ctx.scale)
            _give(by_k, part.keys, torch.bmm(by_scores.transpose(1, 2), q[:, first:last]).mul_(ctx.scale))
        return by_q, by_k, by_v, None, None, None


def for_all_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """Keys or values that several heads share, once for each: (rows, fewer, tokens, d) -> (rows, heads, tokens, d)."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], dim=1)


def _taken(x: torch.Tensor, stretches: Sequence[tuple[int, int]]) -> torch.Tensor:
    """(heads, tokens, d) -> (heads, those of the stretches, d)."""
    found = [x[:, first:last] for first, last in stretches]
    return found[0] if len(found) == 1 else torch.cat(found, 1)


def _give(to: torch.Tensor, stretches: Sequence[tuple[int, int]], gradient: torch.Tensor) -> None:
    """The way back: add to (heads, tokens, d)."""
    parts = gradient.split([last - first for first, last in stretches], 1)
    for (first, last), part in zip(stretches, parts, strict=True):
        to[:, first:last].add_(part)
