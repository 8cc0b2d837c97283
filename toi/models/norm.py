# ruff: noqa: D102
"""Root mean square normalization with its gradient, without casts back and forth. `forward` and `backward` are torch's names."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class Norm(torch.autograd.Function):
    """Only a scale, as T5 and Llama have it (Zhang and Sennrich 2019): computed in single precision, given in `low`."""

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
        by_weight = product.flatten(0, -2).sum(0) if ctx.needs_input_grad[1] else None
        share = (product @ weight).div_(x.shape[-1]).unsqueeze(-1)  # mean over d_model
        return (gradient * weight).sub_(scaled.mul_(share)).mul_(inverse), by_weight, None, None
