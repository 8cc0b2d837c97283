"""Attention in a batch that is one sequence: rows one behind the other, without padding, what several begin with only once.

    context  rest of row 1  rest of row 2 | row 3, which stands alone | ...

A rest sees its context and itself only. Models of transformers call `layout.attend` in place of their own attention where they are
called with a `toi_layout`; else they do what they did before.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

from toi.models.causal.functions import Attention, Part, for_all_heads

_MOST_SCORES = 1 << 22  # of a context, that are kept for the way back


class Group(NamedTuple):
    """A context, and the rests of the rows that begin with it, in tokens; a row that stands alone is a context without rests."""

    context: int
    rests: tuple[int, ...]

    @property
    def parts(self) -> list[tuple[int, ...]]:
        """Rests whose attention is computed together: not more tokens than in the context, as they do not see each other."""
        parts: list[tuple[int, ...]] = []
        for rest in self.rests:
            if parts and sum(parts[-1]) + rest <= self.context:
                parts[-1] = (*parts[-1], rest)
            else:
                parts.append((rest,))
        return parts


class How(NamedTuple):
    """What a model's attention is besides a softmax of products."""

    scale: float | None
    dropout: float
    softcap: float | None
    window: int | None  # how many tokens a token sees, itself among them


@dataclass
class Layout:
    """What stands in the sequence."""

    groups: list[Group]
    _masks: dict[Any, Any] = field(default_factory=dict)  # what was made for one layer serves the others

    @property
    def tokens(self) -> int:
        """The length of the sequence."""
        return sum(group.context + sum(group.rests) for group in self.groups)

    def padded(self, tokens: int) -> "Layout":
        """With so many more tokens at the end, which see only themselves."""
        return Layout([*self.groups, Group(tokens, ())]) if tokens else self

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, how: How) -> torch.Tensor:
        """q (1, heads, tokens, d), k and v (1, heads or fewer, tokens, d) -> (1, tokens, heads, d)."""
        if self._is_ours(q, how):
            keys, values = (for_all_heads(x, q.shape[1])[0] for x in (k, v))
            scale = q.shape[-1] ** -0.5 if how.scale is None else how.scale
            return Attention.apply(q[0], keys, values, self._parts(how.window, q.dtype), scale, how.dropout)[None]
        results, sizes = [], [group.context + sum(group.rests) for group in self.groups]
        for group, *qkv in zip(self.groups, q.split(sizes, 2), k.split(sizes, 2), v.split(sizes, 2), strict=True):
            keys, values = (for_all_heads(x, q.shape[1]) for x in qkv[1:])
            parts = group.parts
            lengths = [group.context, *map(sum, parts)]
            (query, key_of_context, value_of_context), *of_parts = zip(
                *(x.split(lengths, 2) for x in (qkv[0], keys, values)), strict=True
            )
            seen = self._mask(group.context, (), how.window, q.device)
            results.append(_attend(query, key_of_context, value_of_context, seen, how))
            for part, (query, key, value) in zip(parts, of_parts, strict=True):
                if len(parts) == 1:  # they stand side by side already
                    key, value = keys, values
                else:
                    key, value = torch.cat([key_of_context, key], 2), torch.cat([value_of_context, value], 2)
                results.append(_attend(query, key, value, self._mask(group.context, part, how.window, q.device), how))
        return torch.cat([result.transpose(1, 2) for result in results], 1)

    def _is_ours(self, q: torch.Tensor, how: How) -> bool:
        """Whether our own function computes this: torch's keeps no scores, but is slow with dropout and in low precision."""
        if q.device.type != "cpu" or how.softcap is not None:
            return False
        longest = max(group.context + max(map(sum, group.parts), default=0) for group in self.groups)
        return bool(how.dropout) or (q.dtype != torch.float32 and q.shape[1] * longest**2 <= _MOST_SCORES)

    def _parts(self, window: int | None, dtype: torch.dtype) -> list[Part]:
        """The sequence for our own function: contexts, and rests whose attention is computed together."""
        key = "parts", window, dtype
        if key not in self._masks:
            parts, at = [], 0
            for group in self.groups:
                context, start = (at, at + group.context), at
                at += group.context
                parts.append(Part(context, [context], self._unseen(group.context, (), window, dtype)))
                for rests in group.parts:
                    queries, at = (at, at + sum(rests)), at + sum(rests)
                    keys = [(start, at)] if queries[0] == context[1] else [context, queries]
                    parts.append(Part(queries, keys, self._unseen(group.context, rests, window, dtype)))
            self._masks[key] = parts
        return self._masks[key]

    def _unseen(self, context: int, rests: tuple[int, ...], window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """What is added to scores: see `Part`."""
        key = "unseen", context, rests, window, dtype
        if key not in self._masks:
            seen = self._mask(context, rests, window, torch.device("cpu"))
            seen = torch.ones(context, context, dtype=torch.bool).tril() if seen is None else seen
            self._masks[key] = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, -torch.inf)
        return self._masks[key]

    def _mask(self, context: int, rests: tuple[int, ...], window: int | None, device: torch.device) -> torch.Tensor | None:
        """What rests see, (tokens of rests, tokens of context and rests), or the context without rests; None: all before it."""
        if window is not None and window >= context + max(rests, default=0):
            window = None
        if not rests and window is None:
            return None
        key = context, rests, window, device
        if key not in self._masks:
            positions, rows = [torch.arange(context)], [torch.full((context,), -1)]
            for row, rest in enumerate(rests):
                positions.append(torch.arange(context, context + rest))
                rows.append(torch.full((rest,), row))
            position, row_of = torch.cat(positions).to(device), torch.cat(rows).to(device)
            first = context if rests else 0
            distances = position[first:, None] - position
            seen = (distances >= 0) & ((row_of == -1) | (row_of == row_of[first:, None]))
            self._masks[key] = seen if window is None else seen & (distances < window)
        return self._masks[key]


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor | None, how: How) -> torch.Tensor:
    """(1, heads, queries, d). Without `seen`, a token sees what stands before it, and itself."""
    if how.softcap is None:
        return functional.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, is_causal=seen is None, dropout_p=how.dropout, scale=how.scale
        )
    scores = (q @ k.transpose(2, 3)).float() * (q.shape[-1] ** -0.5 if how.scale is None else how.scale)
    scores = (scores / how.softcap).tanh() * how.softcap
    if seen is None:
        seen = torch.ones(scores.shape[2:], dtype=torch.bool, device=q.device).tril()
    shares = scores.masked_fill(~seen, -torch.inf).softmax(-1).to(v.dtype)
    return functional.dropout(shares, how.dropout) @ v


_UNDERSTOOD = {"position_ids", "cache_position"}  # tensors that change nothing


def _attention(plain: Callable[..., Any]) -> Callable[..., Any]:
    def attention(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        scaling: float | None = None,
        dropout: float = 0.0,
        toi_layout: Layout | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if toi_layout is None:
            return plain(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
        others = [name for name, given in kwargs.items() if isinstance(given, torch.Tensor) and name not in _UNDERSTOOD]
        if others or kwargs.get("is_causal") is False:
            raise NotImplementedError(f"attention with {', '.join(others) or 'tokens that see what follows'}")
        how = How(scaling, dropout if module.training else 0.0, kwargs.get("softcap"), kwargs.get("sliding_window"))
        return toi_layout.attend(query, key, value, how), None

    return attention


def _own_eager(module: torch.nn.Module, *arguments: Any, **kwargs: Any) -> Any:
    """The plain attention of the file that a model's attention stands in."""
    return sys.modules[type(module).__module__].eager_attention_forward(module, *arguments, **kwargs)


# What a model's configuration calls its attention -> what it is called where it knows layouts.
_NAMES = {"sdpa": "toi_sdpa", "eager": "toi_eager"}
AttentionInterface.register(_NAMES["sdpa"], _attention(sdpa_attention_forward))
AttentionMaskInterface.register(_NAMES["sdpa"], sdpa_mask)
AttentionInterface.register(_NAMES["eager"], _attention(_own_eager))
AttentionMaskInterface.register(_NAMES["eager"], eager_mask)


def replace_attention(model: PreTrainedModel) -> Callable[[], None]:
    """Let a model's attention know layouts; returns what takes that back."""
    configs = {id(m.config): m.config for m in model.modules() if hasattr(getattr(m, "config", None), "_attn_implementation")}
    before = [(config, config._attn_implementation) for config in configs.values()]
    for config, name in before:
        config._attn_implementation = _NAMES.get(name, name)

    def take_back() -> None:
        for config, name in before:
            config._attn_implementation = name

    return take_back
