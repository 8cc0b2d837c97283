"""The same causal model, trained faster on CPUs in single precision: what transformers spends its time on, in place.

- linear layers are oneDNN's (toi/models/products.py);
- dropout of hidden states and of the shares of attention draws a byte for each element (toi/models/drawn.py).

Parameters, saving and generation stay those of transformers; with dropout off results are the same but for rounding
(tests/models/causal/test_causal_fast.py).
"""

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from toi.models.drawn import Drawn, kept
from toi.models.products import Product


def speed_up(model: PreTrainedModel) -> None:
    """Train this model faster from now on."""
    for module in model.modules():
        for kind, forward in ((nn.Linear, _linear), (Conv1D, _transposed), (nn.Dropout, _dropout)):
            if type(module) is kind:
                module.forward = MethodType(forward, module)  # type: ignore[method-assign]


def is_plain(x: torch.Tensor) -> bool:
    """Whether this is computed by a CPU, in single precision."""
    return x.dtype == torch.float32 and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _linear(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """(..., in) -> (..., out)."""
    if not is_plain(x) or self.weight.dtype != torch.float32:
        return nn.Linear.forward(self, x)
    return _product(x, self.weight, self.bias)


def _transposed(self: Conv1D, x: torch.Tensor) -> torch.Tensor:
    """(..., in) -> (..., out), by a weight (in, out)."""
    if not is_plain(x) or self.weight.dtype != torch.float32:
        return Conv1D.forward(self, x)
    return _product(x, self.weight.T, self.bias)


def _product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    y = Product.apply(x.reshape(-1, x.shape[-1]), weight).view(*x.shape[:-1], -1)
    return y if bias is None else y + bias


def _dropout(self: nn.Dropout, x: torch.Tensor) -> torch.Tensor:
    if not is_plain(x) or not self.training or not 0 < self.p < 1 or self.inplace:
        return nn.Dropout.forward(self, x)
    return Dropped.apply(x, self.p)


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


class DroppedAttention(torch.autograd.Function):
    """Attention with dropout of its shares: q (heads, queries, d), k and v (heads, keys, d), `seen` (queries, keys)."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor, scale: float, p: float
    ) -> torch.Tensor:
        """(heads, queries, d)."""
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(scale)
        shares = scores.masked_fill_(~seen, -torch.inf).softmax(-1)
        drawn = Drawn(tuple(shares.shape), p)
        ctx.save_for_backward(q, k, v, shares, drawn.bytes)
        ctx.threshold, ctx.scale, ctx.p = drawn.threshold, scale, p
        return torch.bmm(kept(drawn.bytes, drawn.threshold, shares.dtype).mul_(shares), v).mul_(1 / (1 - p))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """Of q, k and v."""
        q, k, v, shares, drawn = ctx.saved_tensors
        gradient = gradient * (1 / (1 - ctx.p))
        mask = kept(drawn, ctx.threshold, shares.dtype)
        by_shares = torch.bmm(gradient, v.transpose(1, 2)).mul_(mask)
        by_v = torch.bmm(mask.mul_(shares).transpose(1, 2), gradient)
        by_scores = torch._softmax_backward_data(by_shares, shares, -1, shares.dtype).mul_(ctx.scale)
        return torch.bmm(by_scores, k), torch.bmm(by_scores.transpose(1, 2), q), by_v, None, None, None
