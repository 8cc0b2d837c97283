"""The same causal model, trained faster on CPUs: what transformers spends its time on, in place.

- linear layers in single precision are oneDNN's (toi/models/products.py);
- a layer beside an adapter and the adapter are one function;
- dropout draws a byte for each element (toi/models/drawn.py), and GPT-2's activation goes over the memory once;
- layers of Llama and its like are computed with less around their products (toi/models/causal/layers.py).

Parameters, saving and generation stay those of transformers; with dropout off results are the same but for rounding
(tests/models/causal/test_causal_fast.py).
"""

from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from toi.models.causal.functions import Dropped, LowRank
from toi.models.causal.layers import speed_up_layers
from toi.models.products import Product
from toi.models.tied import Embedding, TiedGradient, TiedOutput


def speed_up(model: PreTrainedModel) -> None:
    """Train this model faster from now on."""
    modules: list[Any] = list(model.modules())
    for module in modules:
        for kind, forward in ((nn.Linear, _linear), (Conv1D, _transposed), (nn.Dropout, _dropout)):
            if type(module) is kind:
                module.forward = MethodType(forward, module)  # type: ignore[method-assign]
        if type(module) is NewGELUActivation:
            module.forward = partial(functional.gelu, approximate="tanh")
        if hasattr(module, "lora_A") and type(getattr(module, "base_layer", None)) in (nn.Linear, Conv1D):
            module.toi_forward = module.forward
            module.forward = MethodType(_adapted, module)
    speed_up_layers(model)
    embeddings: Any = model.get_input_embeddings()
    output: Any = model.get_output_embeddings()
    plain = type(embeddings) is nn.Embedding and type(output) is nn.Linear and output.bias is None
    if plain and embeddings.weight is output.weight and embeddings.weight.dtype == torch.float32 and not embeddings.max_norm:
        embeddings.forward = MethodType(_embedded, embeddings)
        output.forward = MethodType(partial(_logits, embeddings=embeddings), output)


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


def _embedded(self: Any, ids: torch.Tensor) -> torch.Tensor:
    """Of ids that the output matrix, which is the same one, is used behind."""
    self.toi_tied = None
    if not (torch.is_grad_enabled() and self.weight.requires_grad and self.weight.device.type == "cpu"):
        return nn.Embedding.forward(self, ids)
    self.toi_tied = TiedGradient()
    return Embedding.apply(self.weight, self.toi_tied, self.padding_idx, ids)[0]


def _logits(self: Any, x: torch.Tensor, *, embeddings: Any) -> torch.Tensor:
    """(..., d_model) -> (..., vocabulary)."""
    tied, embeddings.toi_tied = getattr(embeddings, "toi_tied", None), None
    if tied is None:
        return _linear(self, x)
    low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    return TiedOutput.apply(x.flatten(0, -2).to(low), self.weight, tied).unflatten(0, x.shape[:-1])


def _dropout(self: nn.Dropout, x: torch.Tensor) -> torch.Tensor:
    if x.device.type != "cpu" or not self.training or not 0 < self.p < 1 or self.inplace:
        return nn.Dropout.forward(self, x)
    return Dropped.apply(x, self.p)


def _adapted(self: Any, x: torch.Tensor, *arguments: Any, **kwargs: Any) -> torch.Tensor:
    """A layer and its adapter, (..., in) -> (..., out), where there is one adapter that is nothing out of the ordinary."""
    names, base = list(self.active_adapters), self.base_layer
    plain = len(names) == 1 and names[0] in self.lora_A and not (arguments or kwargs or self.disable_adapters or self.merged)
    if not plain or names[0] in self.lora_variant or base.weight.requires_grad or base.weight.dtype != torch.float32:
        return self.toi_forward(x, *arguments, **kwargs)
    a, b, dropout = self.lora_A[names[0]], self.lora_B[names[0]], self.lora_dropout[names[0]]
    dropped = self.training and getattr(dropout, "p", 0.0) > 0
    if dropped or a.bias is not None or b.bias is not None or x.device.type != "cpu":
        return self.toi_forward(x, *arguments, **kwargs)
    low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
    weight = base.weight.T if type(base) is Conv1D else base.weight
    if low != torch.float32:
        weight = _lowered(base, low, weight)
    y = LowRank.apply(x.reshape(-1, x.shape[-1]).to(low), weight, a.weight, b.weight, self.scaling[names[0]])
    y = y if base.bias is None else y + base.bias.to(low)
    return y.view(*x.shape[:-1], -1)


def _lowered(base: Any, low: torch.dtype, weight: torch.Tensor) -> torch.Tensor:
    """A frozen weight in low precision, kept for as long as it stays what it is."""
    state = low, base.weight.data_ptr(), base.weight._version
    if getattr(base, "toi_lowered", (None, None))[0] != state:
        base.toi_lowered = state, weight.detach().to(low)
    return base.toi_lowered[1]
