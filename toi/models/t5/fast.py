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

import math
from types import MethodType
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import PreTrainedModel, T5ForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from toi.models.t5.decoder import bias_of_distances

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
    shared = _TiedGradient() if self.lm_head.weight is self.shared.weight else None
    embedded, target = _Embedding.apply(self.shared.weight, input_ids, decoder_input_ids, shared)
    source = self.encoder(attention_mask=attention_mask, embedded=embedded)
    target = self.decoder(attention_mask=attention_mask, embedded=target, source=source)  # (batch, target, d_model)
    if kept is not None:
        target = target[kept][None]
    if self.config.scale_decoder_outputs:
        target = target * self.model_dim**-0.5
    if shared is None:
        return Seq2SeqLMOutput(logits=self.lm_head(target))
    return Seq2SeqLMOutput(logits=_TiedOutput.apply(target.to(_low()), self.shared.weight, shared))


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
    hidden = _Dropout.apply(embedded, p)
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
        hidden = block(hidden, seen, position, source, source_seen)
    return _Dropout.apply(_norm(self.final_layer_norm, hidden), p)


def _block(self: Any, hidden: torch.Tensor, *arguments: Any, **kwargs: Any) -> Any:
    """One layer: self-attention, in the decoder attention to the source, and the feed-forward net; all add to `hidden`."""
    if kwargs:  # transformers calls it, to generate
        return self.toi_forward(hidden, *arguments, **kwargs)
    seen, position, source, source_seen = arguments
    p = self.layer[0].dropout.p if self.training else 0.0
    attention = self.layer[0].SelfAttention
    y = _norm(self.layer[0].layer_norm, hidden)
    hidden = _DropoutAdd.apply(_attend(attention, y, y, seen, position, p), hidden, p)
    if source is not None:
        y = _norm(self.layer[1].layer_norm, hidden)
        hidden = _DropoutAdd.apply(_attend(self.layer[1].EncDecAttention, y, source, source_seen, None, p), hidden, p)
    dense = self.layer[-1].DenseReluDense
    y = _norm(self.layer[-1].layer_norm, hidden)
    gated = hasattr(dense, "wi_0")
    y = dense.act(dense.wi_0(y)) * dense.wi_1(y) if gated else dense.act(dense.wi(y))
    y = _Dropout.apply(y, p, False)
    return _DropoutAdd.apply(dense.wo(y), hidden, p, 1 / (1 - p))  # the scale of both dropouts


def _attend(
    attention: Any, y: torch.Tensor, source: torch.Tensor, seen: torch.Tensor | None, position: torch.Tensor | None, p: float
) -> torch.Tensor:
    """(batch, queries, d_model)."""
    heads = attention.n_heads
    read = _Attention.apply(attention.q(y), attention.k(source), attention.v(source), seen, position, heads, p)
    return attention.o(read)


def _low() -> torch.dtype:
    """The precision of matrix products: autocast's, if it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


def _norm(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return _Norm.apply(hidden, norm.weight, norm.variance_epsilon, _low())


def _position_bias(attention: Any, length: int) -> torch.Tensor:
    """(heads, length, length): what is added to the score of each pair of positions; it depends on their distance alone."""
    return _Distances.apply(bias_of_distances(attention, torch.arange(1 - length, length)), length)


def _drawn(like: torch.Tensor, p: float) -> torch.Tensor:
    """What dropout keeps: 1 with probability 1 - p, else 0, in the form and precision of `like`.

    One random byte per element, from torch's own generator. A byte can only be compared with whole numbers: of the two
    next to 256 p one is drawn, so that each element is removed with probability p exactly.
    """
    words = torch.empty(like.numel() // 8 + 2, dtype=torch.int64).random_(-(2**63), None)
    threshold = math.floor(256 * p) + (int(words[-1]) & 0xFFFF < 65536 * (256 * p % 1))
    drawn = words.view(torch.uint8)[: like.numel()].view(like.shape)
    return torch.ge(drawn, threshold, out=torch.empty_like(like))  # not by a bool: products with those are slow


class _Dropout(torch.autograd.Function):
    """Srivastava et al. 2014; what remains is scaled up by 1 / (1 - p), unless that is done elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float, scaled: bool = True) -> torch.Tensor:
        ctx.p, ctx.factor = p, 1 / (1 - p) if scaled else 1.0
        if not p:
            return x.view_as(x)
        kept = _drawn(x, p)
        ctx.save_for_backward(kept)
        return x.mul(kept).mul_(ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        if not ctx.p:
            return gradient, None, None
        (kept,) = ctx.saved_tensors
        return gradient.mul(kept).mul_(ctx.factor), None, None


class _DropoutAdd(torch.autograd.Function):
    """`hidden` + `factor` times dropout of `x`, in the precision of `hidden`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, hidden: torch.Tensor, p: float, factor: float = 1.0) -> torch.Tensor:
        ctx.p, ctx.dtype, ctx.factor = p, x.dtype, factor / (1 - p)
        if p:
            kept = _drawn(x, p)
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


class _TiedGradient:
    """Where the output layer leaves its share of the gradient of tied embeddings."""

    of_output: torch.Tensor | None = None  # (vocab, d_model)


class _TiedOutput(torch.autograd.Function):
    """Logits by tied embeddings.

    The gradient of the weights is left in `shared`, for `_Embedding` to return: else autograd would add three dense
    matrices of the size of the vocabulary.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, shared: _TiedGradient) -> torch.Tensor:
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


class _Embedding(torch.autograd.Function):
    """The embeddings of source and target. Its backward comes last, when the one of the output layer is over."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, source: torch.Tensor, target: torch.Tensor, shared: _TiedGradient | None) -> Any:
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


class _Norm(torch.autograd.Function):
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


class _Distances(torch.autograd.Function):
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


class _Attention(torch.autograd.Function):
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
        kept = _drawn(share, p) if p else None
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
