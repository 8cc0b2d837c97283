"""T5's decoder, a token at a time for many outputs: what transformers computes, with less around it.

- Outputs of the same source share its keys and values: with beams, attention to the source reads a part of the memory.
- Keys and values of what is written stand in buffers by time, so that a step writes one token and a choice of beams
  copies once.
- The position bias of a step is looked up in a table.

Linear layers are those of the model, packed or not (toi/models/packed.py).
"""

from typing import Any

import numpy
import torch
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

_GROWTH = 32  # steps that buffers have room for at first


def knows(model: PreTrainedModel) -> bool:
    """Whether this is a T5 or mT5."""
    return model.config.model_type in ("t5", "mt5")


def scales_outputs(model: PreTrainedModel) -> bool:
    """Whether the last hidden states are multiplied by d_model ** -0.5: in T5 1.0, not in 1.1, and never in mT5."""
    return bool(getattr(model.config, "scale_decoder_outputs", False))


def bias_of_distances(attention: Any, distances: torch.Tensor) -> torch.Tensor:
    """What a T5's self-attention adds to a score: key position - query position, (distances,) -> (heads, distances)."""
    buckets = attention._relative_position_bucket(
        distances,
        bidirectional=not attention.is_decoder,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=attention.relative_attention_max_distance,
    )
    return attention.relative_attention_bias(buckets).T.contiguous()


class T5Steps:
    """See `toi.models.family.Steps`.

    `hidden` is what the encoder gave, (sources, length, d_model), and `mask` is 1 where it stands for a token, else 0:
    (sources, length). At first there is one output for each source.
    """

    def __init__(self, model: Any, hidden: torch.Tensor, mask: torch.Tensor, start_id: int):
        self._model, self._stack, self._start_id = model, model.decoder, start_id
        self._blocks = [(block.layer[0], block.layer[1], block.layer[2]) for block in self._stack.block]
        attention = self._blocks[0][0].SelfAttention
        self._heads, self._d = attention.n_heads, attention.key_value_proj_dim
        self._groups = torch.arange(len(hidden))  # the source of each row of the keys and values below
        self._width = 1  # outputs of each of these rows
        self._sources = self._groups  # the source of each output
        self._unseen = None if bool(mask.all()) else torch.where(mask[:, None, None] == 0, -torch.inf, 0.0).to(hidden)
        self._of_source = [
            (self._by_head(cross.EncDecAttention.k(hidden)), self._by_head(cross.EncDecAttention.v(hidden)))
            for _, cross, _ in self._blocks
        ]  # (rows, heads, length, d)
        self._written = 0
        self._room = 0
        self._buffers: list[list[torch.Tensor]] = []  # for each layer keys and values: (room, outputs, heads x d)
        self._spare: list[torch.Tensor] = []  # where a choice is copied to

    def start(self) -> torch.Tensor:
        """The logits behind the start of the decoder: (sources, vocabulary)."""
        return self.step(numpy.full(len(self._sources), self._start_id))

    def step(self, tokens: numpy.ndarray) -> torch.Tensor:
        """The logits behind the tokens, one of each output: (outputs,) -> (outputs, vocabulary)."""
        hidden = self._stack.embed_tokens(torch.as_tensor(tokens, device=self._model.device))  # (outputs, d_model)
        self._make_room(len(tokens), hidden)
        now, self._written = self._written, self._written + 1
        bias = self._bias[:, : self._written].flip(1)[None, :, None]  # (1, heads, 1, written)
        for (own, cross, dense), buffers, (keys, values) in zip(self._blocks, self._buffers, self._of_source, strict=True):
            attention = own.SelfAttention
            x = norm_of(own.layer_norm, hidden)
            buffers[0][now], buffers[1][now] = attention.k(x), attention.v(x)
            query = attention.q(x).view(-1, self._heads, 1, self._d)
            written, values_written = map(self._by_time, buffers)
            read = functional.scaled_dot_product_attention(query, written, values_written, attn_mask=bias, scale=1.0)
            hidden = hidden + attention.o(read.flatten(1))
            attention = cross.EncDecAttention
            query = attention.q(norm_of(cross.layer_norm, hidden)).view(-1, self._width, self._heads, self._d).transpose(1, 2)
            read = functional.scaled_dot_product_attention(query, keys, values, attn_mask=self._unseen, scale=1.0)
            hidden = hidden + attention.o(read.transpose(1, 2).reshape(len(tokens), -1))
            hidden = hidden + dense.DenseReluDense(norm_of(dense.layer_norm, hidden))
        hidden = norm_of(self._stack.final_layer_norm, hidden)
        if scales_outputs(self._model):
            hidden = hidden * self._model.config.d_model**-0.5
        return self._model.lm_head(hidden)

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs (indices)."""
        self._share(self._sources[outputs])
        chosen = torch.as_tensor(outputs, device=self._model.device)
        if len(outputs) != self._buffers[0][0].shape[1]:
            self._spare = [self._buffer(len(outputs), buffer) for buffer in self._buffers[0]]
        for buffers in self._buffers:
            for i, buffer in enumerate(buffers):
                torch.index_select(buffer[: self._written], 1, chosen, out=self._spare[i][: self._written])
                buffers[i] = self._spare[i]
                self._spare[i] = buffer if buffer.shape == buffers[i].shape else self._buffer(len(outputs), buffer)

    def _share(self, sources: torch.Tensor) -> None:
        """Let outputs side by side that have the same source share it, where each source has as many."""
        groups, counts = sources.unique_consecutive(return_counts=True)
        width = int(counts[0])
        if not bool((counts == width).all()):
            groups, width = sources, 1
        if not torch.equal(groups, self._groups):
            row_of = {source: row for row, source in enumerate(self._groups.tolist())}
            device = self._of_source[0][0].device
            rows = torch.tensor([row_of[source] for source in groups.tolist()], device=device)
            self._of_source = [(keys[rows], values[rows]) for keys, values in self._of_source]
            self._unseen = None if self._unseen is None else self._unseen[rows]
        self._groups, self._width, self._sources = groups, width, sources

    def _make_room(self, outputs: int, like: torch.Tensor) -> None:
        """Buffers for one more token."""
        if self._written < self._room:
            return
        self._room = max(_GROWTH, 2 * self._room)
        old, self._buffers = self._buffers, []
        for layer in range(len(self._blocks)):
            buffers = [self._buffer(outputs, like) for _ in range(2)]
            if old:
                for buffer, before in zip(buffers, old[layer], strict=True):
                    buffer[: self._written] = before
            self._buffers.append(buffers)
        self._spare = [self._buffer(outputs, like) for _ in range(2)]
        distances = -torch.arange(self._room, device=like.device)
        self._bias = bias_of_distances(self._blocks[0][0].SelfAttention, distances)  # (heads, distance)

    def _buffer(self, outputs: int, like: torch.Tensor) -> torch.Tensor:
        return like.new_empty(self._room, outputs, self._heads * self._d)

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, length, heads x d) -> (rows, heads, length, d)."""
        return x.view(*x.shape[:2], self._heads, self._d).transpose(1, 2).contiguous()

    def _by_time(self, buffer: torch.Tensor) -> torch.Tensor:
        """What is written: (room, outputs, heads x d) -> (outputs, heads, written, d)."""
        return buffer[: self._written].view(self._written, -1, self._heads, self._d).permute(1, 2, 0, 3)


def norm_of(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """What a norm of T5 makes of hidden states: (..., d_model)."""
    return functional.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)


class CachedSteps:
    """The decoder of any encoder-decoder model, with the caches of transformers. As `T5Steps`."""

    def __init__(self, model: PreTrainedModel, hidden: torch.Tensor, mask: torch.Tensor, start_id: int):
        self._model, self._hidden, self._start_id = model, hidden, start_id
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self._mask = mask  # of each output: (outputs, source)

    def start(self) -> torch.Tensor:
        """The logits behind the start of the decoder: (sources, vocabulary)."""
        starts = torch.full((len(self._hidden),), self._start_id, device=self._hidden.device)
        return self._read(starts, self._hidden)

    def step(self, tokens: numpy.ndarray) -> torch.Tensor:
        """The logits behind the tokens: (outputs,) -> (outputs, vocabulary)."""
        # Behind the first step the decoder has keys and values of the source in its cache: only the shape counts.
        return self._read(torch.as_tensor(tokens, device=self._hidden.device), self._hidden[:1].expand(len(tokens), -1, -1))

    def _read(self, tokens: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        return self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden), attention_mask=self._mask,
            decoder_input_ids=tokens[:, None], past_key_values=self._cache, use_cache=True,
        ).logits[:, -1]  # fmt: skip

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs (indices)."""
        chosen = torch.as_tensor(outputs, device=self._mask.device)
        self._cache.self_attention_cache.reorder_cache(chosen)
        self._cache.cross_attention_cache.reorder_cache(chosen)
        self._mask = self._mask[chosen]
