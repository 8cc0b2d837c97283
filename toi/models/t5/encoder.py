"""T5's encoder, to write with on CPUs: what transformers computes, but nothing for padding.

The tokens of all sources stand one behind the other; each source attends to itself, in one pass over its scores. The position bias
is looked up per distance, not per pair of positions. Linear layers are those of the model, packed or not (toi/models/packed.py).
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch.nn import functional

from toi.models.t5.steps import bias_of_distances, norm_of


def can_encode(model: Any) -> bool:
    """Whether a T5 or mT5 is on a CPU, in single precision."""
    return all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())


def encoded(model: Any, sources: Sequence[Sequence[int]]) -> torch.Tensor:
    """The last hidden states of sources, zeros behind each: (sources, longest, d_model)."""
    stack, lengths = model.encoder, [len(ids) for ids in sources]
    attention = stack.block[0].layer[0].SelfAttention
    bias = _position_bias(attention, max(lengths))
    hidden = stack.embed_tokens(torch.tensor(list(chain.from_iterable(sources))))  # (tokens, d_model)
    for block in stack.block:
        own, dense = block.layer[0], block.layer[1]
        hidden = hidden + _attended(own.SelfAttention, norm_of(own.layer_norm, hidden), lengths, bias)
        hidden = hidden + dense.DenseReluDense(norm_of(dense.layer_norm, hidden))
    parts = norm_of(stack.final_layer_norm, hidden).split(lengths)
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)


def _position_bias(attention: Any, length: int) -> torch.Tensor:
    """(heads, length, length): what is added to the score of each pair of positions."""
    of_distances = bias_of_distances(attention, torch.arange(1 - length, length))  # (heads, 2 length - 1)
    return of_distances.as_strided((len(of_distances), length, length), (2 * length - 1, 1, 1)).flip(1)


def _attended(attention: Any, x: torch.Tensor, lengths: Sequence[int], bias: torch.Tensor) -> torch.Tensor:
    """(tokens, d_model) -> (tokens, d_model)."""
    by_head = [y.view(1, len(y), attention.n_heads, -1).transpose(1, 2) for y in (attention.q(x), attention.k(x), attention.v(x))]
    read = torch.empty_like(by_head[0])  # (1, heads, tokens, d)
    first = 0
    for length in lengths:
        q, k, v = (y[:, :, first : first + length] for y in by_head)
        seen = bias[None, :, :length, :length]
        read[:, :, first : first + length] = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=1.0)
        first += length
    return attention.o(read.transpose(1, 2).flatten(2)[0])
