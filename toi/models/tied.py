# ruff: noqa: D102
"""Embeddings that are the output matrix too: both gradients are added where they belong, not as dense matrices of their own.

`forward` and `backward` are torch's names.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from toi.models.products import product


class TiedGradient:
    """Where the output layer leaves its share of the gradient of tied embeddings."""

    of_output: torch.Tensor | None = None  # (vocab, d_model)


class TiedOutput(torch.autograd.Function):
    """Logits by tied embeddings: x (tokens, d_model) -> (tokens, vocab).

    The gradient of the weights is left in `shared`, for `Embedding` to return: else autograd would add dense matrices of the size
    of the vocabulary.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, shared: TiedGradient) -> torch.Tensor:
        low = weight.to(x.dtype)
        ctx.save_for_backward(x, low)
        ctx.shared, ctx.dtype = shared, weight.dtype
        return product(x, low)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, low = ctx.saved_tensors
        ctx.shared.of_output = product(gradient.T, x.T).to(ctx.dtype)
        return product(gradient, low.T), None, None


class Embedding(torch.autograd.Function):
    """The embeddings of ids, once or several times. Its backward comes last, when the one of the output layer is over.

    `left_out`: an id that learns nothing by being read.
    """

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, shared: TiedGradient | None, left_out: int | None, *ids: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(*ids)
        ctx.shared, ctx.left_out, ctx.like = shared, left_out, (weight.shape, weight.dtype)
        return tuple(functional.embedding(some, weight) for some in ids)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        shape, dtype = ctx.like
        if ctx.shared is None or ctx.shared.of_output is None:
            total = torch.zeros(shape, dtype=dtype)
        else:  # nobody else may hold it, or autograd makes a copy
            total, ctx.shared.of_output = ctx.shared.of_output, None
        for ids, gradient in zip(ctx.saved_tensors, gradients, strict=True):
            if ctx.left_out is not None:
                gradient = gradient.masked_fill((ids == ctx.left_out)[..., None], 0)
            total.index_add_(0, ids.flatten(), gradient.flatten(0, -2))
        return total, None, None, *(None for _ in gradients)
