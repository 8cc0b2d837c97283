"""Products with weights on CPUs by oneDNN, the weights in the order that it works best with: about twice as fast as torch's.

The packed weights stand beside those of the model, and are used inside a `with` block only: what is trained, saved or compared
is never a packed copy. Results are those of torch but for rounding: to eight bits where the weights are packed in bfloat16.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D


def can_pack(model: nn.Module) -> bool:
    """Whether oneDNN is there, and the model is on a CPU in single precision."""
    kinds = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
    return torch.backends.mkldnn.is_available() and kinds == {("cpu", torch.float32)}


def packs_bfloat16() -> bool:
    """Whether oneDNN multiplies in bfloat16 here."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def precision(linear: nn.Module) -> torch.dtype:
    """In which precision a linear layer on a CPU multiplies now: what it reads need not be in a higher one."""
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return getattr(linear.forward, "dtype", torch.float32)


class PackedLinears:
    """The linear layers of a model as they are now, and GPT-2's, packed. They take the memory of their weights once more.

    With `dtype` bfloat16, half of it: inputs are rounded too, sums are not. The layer that makes logits keeps its weights in
    float32, and gives such, but may round what it multiplies.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype = torch.float32):
        last = model.get_output_embeddings() if isinstance(model, PreTrainedModel) else None
        linears = [module for module in model.modules() if type(module) in (nn.Linear, Conv1D)]
        with torch.no_grad():
            self._products = {module: _product(module, torch.float32 if module is last else dtype) for module in linears}
            if last in self._products and dtype == torch.bfloat16:
                self._products[last] = _rounding(self._products[last])

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside this block the model computes with the packed weights, without gradients."""
        before = {module: module.__dict__.get("forward") for module in self._products}  # of a model in training, say
        for module, product in self._products.items():
            module.forward = product
        try:
            yield
        finally:
            for module, forward in before.items():
                del module.forward
                if forward is not None:
                    module.forward = forward


def _product(module: Any, dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    # What torch's own compiler makes of a linear layer when weights are frozen (torch/_inductor/fx_passes/mkldnn_fusion.py).
    weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach().to(dtype)
    if isinstance(module, Conv1D):  # (inputs, outputs), the other way round
        weight = weight.T.contiguous()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), None)

    def product(x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x.to(dtype), packed, bias, "none", [], "").to(x.dtype)

    product.dtype = dtype  # type: ignore[attr-defined]
    return product


def _rounding(product: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same product in single precision, of numbers that oneDNN may round to bfloat16, where that is faster."""
    settings: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]

    def rounding(x: torch.Tensor) -> torch.Tensor:
        before = settings.fp32_precision
        settings.fp32_precision = "bf16"
        try:
            return product(x)
        finally:
            settings.fp32_precision = before

    return rounding
