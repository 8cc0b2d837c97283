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
- logits are computed where there is a target (`kept`), not for padding.
"""

from types import MethodType
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel, T5ForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from toi.models.t5.functions import Attention, Distances, Dropout, DropoutAdd, Embedding, Norm, TiedGradient, TiedOutput
from toi.models.t5.steps import bias_of_distances

_UNSEEN = -1e9  # added to the scores of padding and, in the decoder, of what comes later


def can_speed_up(model: PreTrainedModel, device: torch.device) -> bool:
    """Whether `speed_up` knows this model, and the device is one that it helps."""
    return isinstance(model, T5ForConditionalGeneration) and device.type == "cpu"


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
    usual = input_ids is not None and decoder_input_ids is not None and attention_mask is not None
    if not usual or kwargs.get("use_cache") or kwargs.keys() - {"use_cache"}:  # to generate
        return self.toi_forward(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, **kwargs)
    shared = TiedGradient() if self.lm_head.weight is self.shared.weight else None
    embedded, target = Embedding.apply(self.shared.weight, input_ids, decoder_input_ids, shared)
    source = self.encoder(attention_mask=attention_mask, embedded=embedded)
    target = self.decoder(attention_mask=attention_mask, embedded=target, source=source)  # (batch, target, d_model)
    if kept is not None:
        target = target[kept][None]
    if self.config.scale_decoder_outputs:
        target = target * self.model_dim**-0.5
    if shared is None:
        return Seq2SeqLMOutput(logits=self.lm_head(target))
    return Seq2SeqLMOutput(logits=TiedOutput.apply(target.to(_low()), self.shared.weight, shared))


def _stack(
    self: Any,
    *arguments: Any,
    embedded: torch.Tensor | None = None,
    source: torch.Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """The encoder's hidden states (batch, source, d_model), or with `source`, what it gave, the decoder's (batch, target, d_model).

    `embedded` are the embeddings of what it reads, `attention_mask` is that of the source in both.
    """
    if embedded is None:  # transformers calls it, to generate
        return self.toi_forward(*arguments, **kwargs)
    attention_mask: torch.Tensor = kwargs["attention_mask"]
    length, p = embedded.shape[1], self.dropout.p if self.training else 0.0
    hidden = Dropout.apply(embedded, p)
    position = _position_bias(self.block[0].layer[0].SelfAttention, length)  # (heads, length, length)
    padding = None
    if not bool(attention_mask.all()):
        padding = torch.zeros(attention_mask.shape).masked_fill_(attention_mask == 0, _UNSEEN)[:, None, None, :]
    if self.is_decoder:
        later = torch.full((length, length), _UNSEEN).triu_(1)
        seen, source_seen = (position.detach() + later)[None], padding
    else:
        seen, source_seen = position.detach()[None], None
        if padding is not None:
            seen = seen + padding
    for block in self.block:
        hidden = _run(block, hidden, seen, position, source, source_seen)
    return Dropout.apply(_norm(self.final_layer_norm, hidden), p)


def _run(block: Any, *arguments: Any) -> Any:
    """What a block gives. Gradient checkpointing is done here: transformers does it in the `forward` that ours replaces."""
    if block.gradient_checkpointing and block.training:
        return checkpoint(block, *arguments, use_reentrant=False)
    return block(*arguments)


def _block(self: Any, hidden: torch.Tensor, *arguments: Any, **kwargs: Any) -> Any:
    """One layer: self-attention, in the decoder attention to the source, and the feed-forward net; all add to `hidden`."""
    if kwargs:  # transformers calls it, to generate
        return self.toi_forward(hidden, *arguments, **kwargs)
    seen, position, source, source_seen = arguments
    p = self.layer[0].dropout.p if self.training else 0.0
    attention = self.layer[0].SelfAttention
    y = _norm(self.layer[0].layer_norm, hidden)
    hidden = DropoutAdd.apply(_attend(attention, y, y, seen, position, p), hidden, p)
    if source is not None:
        y = _norm(self.layer[1].layer_norm, hidden)
        hidden = DropoutAdd.apply(_attend(self.layer[1].EncDecAttention, y, source, source_seen, None, p), hidden, p)
    dense = self.layer[-1].DenseReluDense
    y = _norm(self.layer[-1].layer_norm, hidden)
    gated = hasattr(dense, "wi_0")
    y = dense.act(dense.wi_0(y)) * dense.wi_1(y) if gated else dense.act(dense.wi(y))
    y = Dropout.apply(y, p, False)
    return DropoutAdd.apply(dense.wo(y), hidden, p, 1 / (1 - p))  # the scale of both dropouts


def _attend(
    attention: Any, y: torch.Tensor, source: torch.Tensor, seen: torch.Tensor | None, position: torch.Tensor | None, p: float
) -> torch.Tensor:
    """(batch, queries, d_model)."""
    heads = attention.n_heads
    read = Attention.apply(attention.q(y), attention.k(source), attention.v(source), seen, position, heads, p)
    return attention.o(read)


def _low() -> torch.dtype:
    """The precision of matrix products: autocast's, if it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


def _norm(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return Norm.apply(hidden, norm.weight, norm.variance_epsilon, _low())


def _position_bias(attention: Any, length: int) -> torch.Tensor:
    """(heads, length, length): what is added to the score of each pair of positions; it depends on their distance alone."""
    return Distances.apply(bias_of_distances(attention, torch.arange(1 - length, length)), length)
