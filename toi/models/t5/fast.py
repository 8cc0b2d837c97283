"""The same T5, trained faster on CPUs.

`speed_up` swaps what transformers' T5 spends its time on outside the matrix products, in place and without touching
the parameters: the model is saved, wrapped and generated with as before. With dropout off, the results are
those of transformers but for rounding (tests/models/t5/test_t5_fast.py). What is different:

- dropout draws one byte per element, not a float from a serial Bernoulli sampler;
- attention is one function that keeps the probabilities in the precision of the products, adds position bias
  and padding mask in one go, and never makes what backward does not need;
- position biases are looked up per distance, not per pair of positions;
- normalization, dropout with its residual sum, and the feed-forward net make no casts back and forth;
- gradients of tied embeddings are added where they belong, not as three dense matrices;
- logits are computed where there is a target (`kept`), not for padding;
- where rows stand two and two with the same source (pairs of answers), the encoder reads it once;
- in single precision nothing is computed for padding, linear layers are oneDNN's, and attention goes through the rows by as many
  as caches hold.
"""

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel, T5ForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from toi.models.norm import Norm
from toi.models.products import Product
from toi.models.t5.functions import (
    UNSEEN,
    Attention,
    Distances,
    Dropout,
    DropoutAdd,
    DroppedRelu,
)
from toi.models.t5.places import Places
from toi.models.t5.steps import bias_of_distances
from toi.models.tied import Embedding, TiedGradient, TiedOutput


def can_speed_up(model: PreTrainedModel, device: torch.device) -> bool:
    """Whether `speed_up` knows this model, its weights are in single precision, and the device is one that it helps."""
    single = all(parameter.dtype == torch.float32 for parameter in model.parameters())
    return isinstance(model, T5ForConditionalGeneration) and device.type == "cpu" and single


def speed_up(model: T5ForConditionalGeneration) -> None:
    """Train this model faster from now on. Generation is left as it was."""
    if hasattr(model, "toi_forward"):
        return
    for stack in (model.encoder, model.decoder):
        for block in stack.block:
            _replace(block, _block)
        _replace(stack, _stack)
    _replace(model, _forward)


def _replace(module: Any, function: Any) -> None:
    """Let `module` run `function` in training and validation, and what it ran before when it generates."""
    module.toi_forward = module.forward
    module.forward = MethodType(function, module)


def _forward(
    self: Any,
    input_ids: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    decoder_input_ids: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """Logits (batch, target, vocab), or with `kept` (batch, target; bool) those of the kept places: (1, places, vocab)."""
    to_generate = kwargs.get("use_cache") or kwargs.keys() - {"use_cache"}
    if to_generate or input_ids is None or attention_mask is None or decoder_input_ids is None or not _on_the_right(attention_mask):
        found = self.toi_forward(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, **kwargs)
        return found if kept is None else Seq2SeqLMOutput(logits=found.logits[kept][None])
    trained = type(self.shared) is nn.Embedding and self.shared.weight.requires_grad  # not so beside an adapter
    shared = TiedGradient() if trained and self.lm_head.weight is self.shared.weight else None
    every = 2 if _in_pairs(input_ids, attention_mask) else 1
    sources, targets = _places(attention_mask, decoder_input_ids.shape[1], kept)
    read = sources if every == 1 else _places(attention_mask[::every], 1, None)[0]
    of_source, of_target = read.pack(input_ids[::every]), targets.pack(decoder_input_ids)
    if trained:
        embedded, target = Embedding.apply(self.shared.weight, shared, None, of_source, of_target)
    else:
        embedded, target = self.shared(of_source), self.shared(of_target)
    source = self.encoder(embedded=embedded, sources=read)
    if read is not sources:
        source = source.index_select(0, read.again(every))
    target = self.decoder(embedded=target, targets=targets, source=source, sources=sources)  # (target tokens, d_model)
    if kept is not None:
        target = target[targets.pack(kept)]
    if self.config.scale_decoder_outputs:
        target = target * self.model_dim**-0.5
    tied = shared is not None
    logits = TiedOutput.apply(target.to(_low()), self.shared.weight, shared) if tied else _linear(self.lm_head, target)
    return Seq2SeqLMOutput(logits=logits[None] if kept is not None else logits.view(*decoder_input_ids.shape, -1))


def _places(attention_mask: torch.Tensor, width: int, kept: torch.Tensor | None) -> tuple[Places, Places]:
    """Those of sources and targets. Padding is left out in single precision; in others a product of a new shape costs more."""
    rows, packed = len(attention_mask), _low() == torch.float32
    sources = Places(attention_mask.sum(1).clamp(min=1).tolist(), attention_mask.shape[1], packed=packed)
    lengths = torch.full((rows,), width) if kept is None else (kept * torch.arange(1, width + 1)).amax(1).clamp(min=1)
    targets = Places(lengths.tolist(), width, packed=packed)
    return sources, targets


def _in_pairs(ids: torch.Tensor, mask: torch.Tensor) -> bool:
    """Whether rows stand two and two with the same source."""
    return len(ids) % 2 == 0 and torch.equal(mask[::2], mask[1::2]) and torch.equal(ids[::2], ids[1::2])


def _on_the_right(mask: torch.Tensor) -> bool:
    """Whether all padding is there."""
    return bool((mask[:, 1:] <= mask[:, :-1]).all())


def _stack(
    self: Any,
    *arguments: Any,
    embedded: torch.Tensor | None = None,
    sources: Places | None = None,
    source: torch.Tensor | None = None,
    targets: Places | None = None,
    **kwargs: Any,
) -> Any:
    """The encoder's hidden states (source tokens, d_model), or with `source`, what it gave, the decoder's (target tokens, d_model).

    `embedded` are the embeddings of what it reads.
    """
    if embedded is None:  # transformers calls it, to generate
        return self.toi_forward(*arguments, **kwargs)
    own: Any = targets if self.is_decoder else sources
    p = self.dropout.p if self.training else 0.0
    hidden = Dropout.apply(embedded, p, own)
    position = _position_bias(self.block[0].layer[0].SelfAttention, own.width)  # (heads, width, width)
    seen = position.detach()
    if self.is_decoder:
        seen = seen + torch.full((own.width, own.width), UNSEEN).triu_(1)
    for block in self.block:
        hidden = _run(block, hidden, own, seen, position, source, sources)
    return Dropout.apply(_norm(self.final_layer_norm, hidden), p, own)


def _run(block: Any, *arguments: Any) -> Any:
    """What a block gives. Gradient checkpointing is done here: transformers does it in the `forward` that ours replaces."""
    if block.gradient_checkpointing and block.training:
        return checkpoint(block, *arguments, use_reentrant=False)
    return block(*arguments)


def _block(self: Any, hidden: torch.Tensor, *arguments: Any, **kwargs: Any) -> Any:
    """One layer: self-attention, in the decoder attention to the source, and the feed-forward net; all add to `hidden`."""
    if kwargs:  # transformers calls it, to generate
        return self.toi_forward(hidden, *arguments, **kwargs)
    own, seen, position, source, sources = arguments
    p = self.layer[0].dropout.p if self.training else 0.0
    attention = self.layer[0].SelfAttention
    y = _norm(self.layer[0].layer_norm, hidden)
    hidden = DropoutAdd.apply(_attend(attention, y, own, y, own, seen, position, p), hidden, p, own)
    if source is not None:
        y = _norm(self.layer[1].layer_norm, hidden)
        read = _attend(self.layer[1].EncDecAttention, y, own, source, sources, None, None, p)
        hidden = DropoutAdd.apply(read, hidden, p, own)
    dense = self.layer[-1].DenseReluDense
    y = _norm(self.layer[-1].layer_norm, hidden)
    if hasattr(dense, "wi_0"):  # gated
        y = Dropout.apply(dense.act(_linear(dense.wi_0, y)) * _linear(dense.wi_1, y), p, own, False)
    elif isinstance(dense.act, nn.ReLU):
        y = DroppedRelu.apply(_linear(dense.wi, y), p, own)
    else:
        y = Dropout.apply(dense.act(_linear(dense.wi, y)), p, own, False)
    return DropoutAdd.apply(_linear(dense.wo, y), hidden, p, own, 1 / (1 - p))  # the scale of both dropouts


def _attend(
    attention: Any,
    y: torch.Tensor,
    queries: Places,
    source: torch.Tensor,
    keys: Places,
    seen: torch.Tensor | None,
    position: torch.Tensor | None,
    p: float,
) -> torch.Tensor:
    """(query tokens, d_model)."""
    q, k, v = _linear(attention.q, y), _linear(attention.k, source), _linear(attention.v, source)
    return _linear(attention.o, Attention.apply(q, k, v, seen, position, attention.n_heads, p, queries, keys))


def _linear(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """(tokens, in) -> (tokens, out)."""
    if type(module) is nn.Linear and module.bias is None and _low() == torch.float32:
        return Product.apply(x, module.weight)
    return module(x)


def _low() -> torch.dtype:
    """The precision of matrix products: autocast's, if it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


def _norm(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return Norm.apply(hidden, norm.weight, norm.variance_epsilon, _low())


def _position_bias(attention: Any, length: int) -> torch.Tensor:
    """(heads, length, length): what is added to the score of each pair of positions; it depends on their distance alone."""
    return Distances.apply(bias_of_distances(attention, torch.arange(1 - length, length)), length)
