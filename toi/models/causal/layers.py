"""Layers of Llama, Mistral and Qwen2, computed with less around their products: for training, and for writing (steps.py).

transformers' layers go over the memory many times for a norm, for rotary positions and for the gate, and in low precision cast
between these. Here each of them is one function (toi/models/causal/functions.py), and what goes into products is in their
precision from the start. What is attended to says the caller, as for transformers' layers.
"""

from types import MethodType
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import SiLUActivation
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from toi.models.causal.functions import Gated, Products, Rotated
from toi.models.norm import Norm
from toi.models.packed import precision

_KINDS = {"LlamaDecoderLayer", "MistralDecoderLayer", "Qwen2DecoderLayer"}
_IN_CACHE = 512  # tokens: what an MLP makes of so many stays in the cache until it is read
_OURS = ("toi_layout", "reading")  # what layers are called with by our own code only


def known_layers(model: PreTrainedModel) -> list[Any]:
    """The layers of a model that are computed here: on a CPU, with all weights in single precision."""
    if any(p.dtype != torch.float32 or p.device.type != "cpu" for p in model.parameters()):
        return []
    return [
        module
        for module in model.modules()
        if type(module).__name__ in _KINDS and type(module.mlp.act_fn) in (nn.SiLU, SiLUActivation)
    ]


def speed_up_layers(model: PreTrainedModel) -> None:
    """Let the layers of a model that are known here be computed here, from now on."""
    for layer in known_layers(model):
        layer.forward = MethodType(forward, layer)


def forward(self: Any, hidden: torch.Tensor, *arguments: Any, **kwargs: Any) -> torch.Tensor:
    """(rows, tokens, d_model) -> the same."""
    if arguments or not any(kwargs.get(name) is not None for name in _OURS):
        return type(self).forward(self, hidden, *arguments, **kwargs)
    attention, mlp = self.self_attn, self.mlp
    low = precision(attention.o_proj)
    y = _norm(self.input_layernorm, hidden, low)
    q, k, v = _products(y, attention.q_proj, attention.k_proj, attention.v_proj)
    hidden = hidden + _products(_attend(attention, q, k, v, **kwargs), attention.o_proj)[0]
    y = _norm(self.post_attention_layernorm, hidden, low)
    if torch.is_grad_enabled() or y.shape[1] <= _IN_CACHE:
        return hidden + _mlp(mlp, y)
    for part, of_part in zip(hidden.split(_IN_CACHE, 1), y.split(_IN_CACHE, 1), strict=True):
        part += _mlp(mlp, of_part)
    return hidden


def _mlp(mlp: Any, x: torch.Tensor) -> torch.Tensor:
    return _products(Gated.apply(*_products(x, mlp.gate_proj, mlp.up_proj)), mlp.down_proj)[0]


def _attend(
    attention: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, position_embeddings: Any, attention_mask: Any = None,
    past_key_values: Any = None, use_cache: Any = None, **kwargs: Any,
) -> torch.Tensor:  # fmt: skip
    """(rows, tokens, heads x d), heads of queries and of keys -> (rows, tokens, heads x d). Nothing is kept by transformers."""
    cos, sin = (x[:, :, None] for x in position_embeddings)  # (rows, tokens, 1, d)
    q, k, v = (x.view(*x.shape[:2], -1, attention.head_dim) for x in (q, k, v))
    q, k = Rotated.apply(q, cos, sin), Rotated.apply(k, cos, sin)
    if (window := getattr(attention, "sliding_window", getattr(attention.config, "sliding_window", None))) is not None:
        kwargs["sliding_window"] = window
    attend = ALL_ATTENTION_FUNCTIONS[attention.config._attn_implementation]
    dropout = attention.attention_dropout if attention.training else 0.0
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return attend(attention, q, k, v, attention_mask, dropout=dropout, scaling=attention.scaling, **kwargs)[0].flatten(2)


def _products(x: torch.Tensor, *modules: nn.Module) -> tuple[torch.Tensor, ...]:
    """What linear layers make of one input: (rows, tokens, in) -> (rows, tokens, out) each."""
    plain = all(type(module) is nn.Linear and module.bias is None for module in modules)
    if not (plain and torch.is_autocast_enabled("cpu") and x.dtype == torch.get_autocast_dtype("cpu")):
        return tuple(module(x) for module in modules)
    found = Products.apply(x.flatten(0, 1), *(module.weight for module in modules))
    return tuple(y.unflatten(0, x.shape[:2]) for y in found)


def _norm(norm: Any, hidden: torch.Tensor, low: torch.dtype) -> torch.Tensor:
    return Norm.apply(hidden, norm.weight, norm.variance_epsilon, low)
