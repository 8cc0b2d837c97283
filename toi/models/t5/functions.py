# ruff: noqa: D102
"""What `fast.py` computes in place of transformers' T5: dropout, norms, attention and tied embeddings, each with its gradient.

`forward` and `backward` are torch's names.
"""

import math
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional


def drawn(like: torch.Tensor, p: float) -> torch.Tensor:
    """What dropout keeps: 1 with probability 1 - p, else 0, in the form and precision of `like`.

    One random byte per element, from torch's own generator. A byte can only be compared with whole numbers: of the two
    next to 256 p one is drawn, so that each element is removed with probability p exactly.
    """
    words = torch.empty(like.numel() // 8 + 2, dtype=torch.int64).random_(-(2**63), None)
    threshold = math.floor(256 * p) + (int(words[-1]) & 0xFFFF < 65536 * (256 * p % 1))
    drawn = words.view(torch.uint8)[: like.numel()].view(like.shape)
    return torch.ge(drawn, threshold, out=torch.empty_like(like))  # not by a bool: products with those are slow


class Dropout(torch.autograd.Function):
    """Srivastava et al. 2014; what remains is scaled up by 1 / (1 - p), unless that is done elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float, scaled: bool = True) -> torch.Tensor:
        ctx.p, ctx.factor = p, 1 / (1 - p) if scaled else 1.0
        if not p:
            return x.view_as(x)
        kept = drawn(x, p)
        ctx.save_for_backward(kept)
        return x.mul(kept).mul_(ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        if not ctx.p:
            return gradient, None, None
        (kept,) = ctx.saved_tensors
        return gradient.mul(kept).mul_(ctx.factor), None, None


class DropoutAdd(torch.autograd.Function):
    """`hidden` + `factor` times dropout of `x`, in the precision of `hidden`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, hidden: torch.Tensor, p: float, factor: float = 1.0) -> torch.Tensor:
        ctx.p, ctx.dtype, ctx.factor = p, x.dtype, factor / (1 - p)
        if p:
            kept = drawn(x, p)
            ctx.save_for_backward(kept)
            x = x * kept
        return hidden.add(x.to(hidden.dtype), alpha=ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        by_x = (gradient * ctx.factor).to(ctx.dtype)
        if ctx.p:
            by_x.mul_(ctx.saved_tensors[0])
        return by_x, gradient, None, None


class TiedGradient:
    """Where the output layer leaves its share of the gradient of tied embeddings."""

    of_output: torch.Tensor | None = None  # (vocab, d_model)


class TiedOutput(torch.autograd.Function):
    """Logits by tied embeddings.

    The gradient of the weights is left in `shared`, for `Embedding` to return: else autograd would add three dense
    matrices of the size of the vocabulary.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, shared: TiedGradient) -> torch.Tensor:
        low = weight.to(x.dtype)
        ctx.save_for_backward(x, low)
        ctx.shared, ctx.dtype = shared, weight.dtype
        return x @ low.T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, low = ctx.saved_tensors
        ctx.shared.of_output = (gradient.flatten(0, -2).T @ x.flatten(0, -2)).to(ctx.dtype)
        return gradient @ low, None, None


class Embedding(torch.autograd.Function):
    """The embeddings of source and target. Its backward comes last, when the one of the output layer is over."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, source: torch.Tensor, target: torch.Tensor, shared: TiedGradient | None) -> Any:
        ctx.save_for_backward(source, target)
        ctx.shared, ctx.like = shared, (weight.shape, weight.dtype)
        return functional.embedding(source, weight), functional.embedding(target, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_source: torch.Tensor, by_target: torch.Tensor) -> Any:
        shape, dtype = ctx.like
        if ctx.shared is None:
            total = torch.zeros(shape, dtype=dtype)
        else:  # nobody else may hold it, or autograd makes a copy
            total, ctx.shared.of_output = ctx.shared.of_output, None
        for ids, gradient in zip(ctx.saved_tensors, (by_source, by_target), strict=True):
            total.index_add_(0, ids.flatten(), gradient.flatten(0, -2))
        return total, None, None, None


class Norm(torch.autograd.Function):
    """T5's layer norm: only a scale (Zhang and Sennrich 2019), computed in single precision, given in `low`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float, low: torch.dtype) -> torch.Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = (norm.square_().div_(x.shape[-1])).add_(epsilon).rsqrt_()  # (batch, length, 1)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight).to(low)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, weight, inverse = ctx.saved_tensors
        scaled = x * inverse
        product = gradient.float() * scaled
        by_weight = product.flatten(0, -2).sum(0)
        share = (product @ weight).div_(x.shape[-1]).unsqueeze(-1)  # mean over d_model
        return (gradient * weight).sub_(scaled.mul_(share)).mul_(inverse), by_weight, None, None


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

    q (batch, queries, heads x d), k and v (batch, keys, heads x d), all in the precision of the products; `seen` is added to the
    scores (batch or 1, heads or 1, queries or 1, keys), and the gradient of that goes to `position` (heads, queries, keys).
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
    ) -> torch.Tensor:
        batch = q.shape[0]
        q, k, v = (_by_head(x, heads) for x in (q, k, v))  # (batch x heads, length, d)
        scores = torch.bmm(q, k.transpose(1, 2)).float()  # (batch x heads, queries, keys)
        if seen is not None:
            scores.view(batch, heads, *scores.shape[1:]).add_(seen)
        share = scores.softmax(-1).to(q.dtype)
        kept = drawn(share, p) if p else None
        ctx.save_for_backward(q, k, v, share, kept)
        ctx.heads, ctx.p = heads, p
        return _from_heads(torch.bmm(share if kept is None else share * kept, v), heads).mul_(1 / (1 - p))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        q, k, v, share, kept = ctx.saved_tensors
        heads = ctx.heads
        gradient = _by_head(gradient * (1 / (1 - ctx.p)), heads)  # (batch x heads, queries, d)
        by_share = torch.bmm(gradient, v.transpose(1, 2))
        if kept is not None:
            by_share.mul_(kept)
        by_v = torch.bmm((share if kept is None else share * kept).transpose(1, 2), gradient)
        by_scores = torch._softmax_backward_data(by_share, share, -1, share.dtype)
        by_position = None
        if ctx.needs_input_grad[4]:
            by_position = by_scores.view(-1, heads, *by_scores.shape[1:]).sum(0, dtype=torch.float32)
        by_q, by_k = torch.bmm(by_scores, k), torch.bmm(by_scores.transpose(1, 2), q)
        return *(_from_heads(x, heads) for x in (by_q, by_k, by_v)), None, by_position, None, None


def _by_head(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, length, heads x d) -> (batch x heads, length, d)."""
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2).reshape(batch * heads, length, width // heads)


def _from_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch x heads, length, d) -> (batch, length, heads x d)."""
    _, length, d = x.shape
    return x.view(-1, heads, length, d).transpose(1, 2).reshape(-1, length, heads * d)
