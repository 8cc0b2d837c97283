"""Attention to shared prompts, for any causal model of transformers that lets its attention be chosen.

transformers asks `ALL_ATTENTION_FUNCTIONS` for the function that `config._attn_implementation` names, and gives it whatever the
model was called with. So a model computes everything else itself, and here only: what a query sees, and where keys are kept.
A key is seen by the queries behind it, and by those at most a window behind it where a layer has one. No mask is handed in.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from types import MethodType
from typing import Any

import torch
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel
from transformers.activations import NewGELUActivation
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from toi.models.causal.functions import for_all_heads
from toi.models.causal.keys import Own, Prompts
from toi.models.causal.layers import forward, known_layers
from toi.models.causal.merged import attend, merged
from toi.models.packed import precision

_NAME = "toi_shared_prompts"
_UNKNOWN = ("s_aux", "position_bias")  # what some models add to attention, and this one does not


class NotCovered(Exception):
    """The model attends in a way that is not known here."""


def covers(model: PreTrainedModel) -> bool:
    """Whether the attention of a model can be chosen, and is to all tokens or to a window of them."""
    config = model.config.get_text_config(decoder=True)
    if not getattr(model, "_supports_attention_backend", False) or not getattr(config, "is_causal", True):
        return False
    if getattr(config, "add_cross_attention", False) or getattr(config, "attention_chunk_size", None):
        return False
    if model.get_output_embeddings() is None:
        return False
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in DynamicCache(config=config).layers)


class Reading:
    """What the queries of one pass of a model attend to: prompts that were read before, and what is their own.

    `positions` of the queries: (outputs, queries). With `flat`, whole stretches of so many tokens stand one behind the other in one
    row, without padding, and attend to themselves only.
    """

    def __init__(self, prompts: Sequence[Prompts], own: Own, positions: torch.Tensor, flat: Sequence[int] = ()):
        self.prompts, self.own, self._positions, self.flat = prompts, own, positions, flat
        self._unseen = cache(self._find_unseen)
        self._longest = cache(lambda: int(positions.max()) + 1)
        self.sees_all_always = True  # whether so far no layer had a window, nor a cap of scores

    def unseen(self, window: int | None, length: int) -> torch.Tensor | None:
        """Which keys a query does not see: (outputs, 1, queries, keys), the last `length` its own; None where it sees all."""
        return self._unseen(window, length)

    def sees_all(self, window: int | None) -> bool:
        """Whether every query sees all that is before it."""
        return window is None or self._longest() <= window

    def _find_unseen(self, window: int | None, length: int) -> torch.Tensor | None:
        outputs, queries = self._positions.shape
        places = torch.arange(length, device=self._positions.device)
        own = places[length - queries :, None] - places  # by place, not by position: nothing but padding sees padding
        before = [prompts.distances(self._positions) for prompts in self.prompts]
        distances = torch.cat([*before, own.expand(outputs, -1, -1)], dim=-1)
        unseen = distances < 0 if window is None else (distances < 0) | (distances >= window)
        return unseen[:, None] if bool(unseen.any()) else None


class _NoCache(Cache):
    """Nothing is kept by transformers."""

    def __init__(self) -> None:
        super().__init__(layers=[])

    def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        return key_states, value_states


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None = None, *,
    reading: Reading | None = None, scaling: float | None = None, sliding_window: int | None = None, softcap: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """(outputs, heads, queries, d) -> (outputs, queries, heads, d)."""
    if reading is None or any(others.get(name) is not None for name in _UNKNOWN):
        raise NotCovered
    reading.sees_all_always &= sliding_window is None and softcap is None
    layer, scale = int(module.layer_idx), query.shape[-1] ** -0.5 if scaling is None else scaling  # type: ignore[arg-type]
    if reading.flat:
        if softcap is not None or not reading.sees_all(sliding_window):
            raise NotCovered
        return _attend_in_turn(reading, layer, query, key, value, scale), None
    keys, values = reading.own.add(layer, key, value)
    heads, length = query.shape[1], keys.shape[2]
    if not reading.prompts and length == query.shape[2] <= (sliding_window or length) and softcap is None:
        keys, values = for_all_heads(keys, heads), for_all_heads(values, heads)
        return functional.scaled_dot_product_attention(query, keys, values, is_causal=True, scale=scale).transpose(1, 2), None
    if query.device.type == "cpu" and softcap is None and reading.sees_all(sliding_window):
        return _attend_in_parts(reading, layer, query, keys, values, scale).transpose(1, 2), None
    by_key = query.shape[0], keys.shape[1], -1, query.shape[3]  # queries by the head of keys that they read
    own = (query.reshape(by_key) @ keys.transpose(-1, -2)).view(*query.shape[:3], length)
    scores = torch.cat([*(prompts.scores(layer, query) for prompts in reading.prompts), own], dim=-1) * scale
    if softcap is not None:
        scores = (scores / softcap).tanh() * softcap
    unseen = reading.unseen(sliding_window, length)
    if unseen is not None:
        scores = scores.masked_fill(unseen, -torch.inf)
    shares = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    *before, last = shares.split([*(prompts.length for prompts in reading.prompts), length], dim=-1)
    mixed = (last.reshape(*by_key[:3], length) @ values).view(*query.shape[:3], values.shape[3])
    for prompts, share in zip(reading.prompts, before, strict=True):
        mixed = mixed + prompts.mixed(layer, share)
    return mixed.transpose(1, 2), None


def _attend_in_turn(
    reading: Reading, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> torch.Tensor:
    """Stretch by stretch: (1, heads, tokens, d), twice (1, heads of keys, tokens, d) -> (1, tokens, heads, d)."""
    sizes, heads = list(reading.flat), query.shape[1]
    kept = [x.new_zeros(len(sizes), x.shape[1], max(sizes), x.shape[3]) for x in (key, value)]
    for to, x in zip(kept, (key, value), strict=True):
        for row, part in zip(to, x[0].split(sizes, dim=1), strict=True):
            row[:, : part.shape[1]] = part
    reading.own.add(layer, *kept)
    of_heads = query, for_all_heads(key, heads), for_all_heads(value, heads)
    parts = zip(*(x.split(sizes, dim=2) for x in of_heads), strict=True)
    # The kernel gives (1, heads, queries, d) as a view of this.
    return torch.cat([attend(q, k, v, scale, causal=True)[0].transpose(1, 2) for q, k, v in parts], dim=1)


def _attend_in_parts(
    reading: Reading, layer: int, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
) -> torch.Tensor:
    """(outputs, heads, queries, d), own keys and values (outputs, heads of keys, length, d) -> (outputs, heads, queries, d)."""
    outputs, heads, queries, d = query.shape
    if queries == 1:
        by_key = query.reshape(outputs, keys.shape[1], -1, d)  # queries by the head of keys that they read
        mixed, sums = attend(by_key, keys, values, scale, reading.own.unseen)
        found = mixed.reshape(query.shape), sums.reshape(query.shape[:3])
    else:
        found = attend(query, for_all_heads(keys, heads), for_all_heads(values, heads), scale, causal=True)
    for prompts in reading.prompts:
        found = merged(found, prompts.attend(layer, query, scale))
    return found[0]


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)


def _low_norm(norm: torch.nn.LayerNorm, read_by: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.LayerNorm.forward(norm, x).to(precision(read_by))


class Reader:
    """Passes of a model with the attention of this module."""

    def __init__(self, model: PreTrainedModel):
        self._model, self._cache = model, _NoCache()
        found = (getattr(module, "config", None) for module in model.modules())
        self._configs = list({id(c): c for c in found if isinstance(c, PretrainedConfig)}.values())
        self._forwards: dict[torch.nn.Module, Any] = {layer: MethodType(forward, layer) for layer in known_layers(model)}
        # GPT-2's activation in one pass over memory, and not in eight; and its norms in the precision of what reads them.
        activations = [module for module in model.modules() if type(module) is NewGELUActivation]
        self._forwards |= dict.fromkeys(activations, partial(functional.gelu, approximate="tanh"))
        blocks = [module for module in model.modules() if type(module).__name__ == "GPT2Block"]
        for norm, read_by in [pair for block in blocks for pair in ((block.ln_1, block.attn.c_attn), (block.ln_2, block.mlp.c_fc))]:
            self._forwards[norm] = partial(_low_norm, norm, read_by)

    def read(self, ids: torch.Tensor, positions: torch.Tensor, reading: Reading, places: torch.Tensor) -> torch.Tensor:
        """The logits behind one of the tokens of each output, at its place: (outputs, tokens), (outputs,) -> (outputs, vocabulary).

        Of flat stretches, the places are those in their one row.
        Raises NotCovered if the model attends in a way that is not known here.
        """
        with self._choosing(), self._only(places):
            return self._model(
                input_ids=ids, position_ids=positions, past_key_values=self._cache, use_cache=True, reading=reading
            ).logits[:, 0]

    @contextmanager
    def _choosing(self) -> Iterator[None]:
        before = [config._attn_implementation for config in self._configs]
        forwards = {module: vars(module).get("forward") for module in self._forwards}
        try:
            for config in self._configs:
                config._attn_implementation = _NAME
            for module, ours in self._forwards.items():
                module.forward = ours
            yield
        finally:
            for module, theirs in forwards.items():
                vars(module).pop("forward", None)
                if theirs is not None:  # of a model in training
                    module.forward = theirs
            for config, name in zip(self._configs, before, strict=True):
                config._attn_implementation = name

    @contextmanager
    def _only(self, places: torch.Tensor) -> Iterator[None]:
        """Let the output matrix see one place of each output: the vocabulary is wide."""

        def chosen(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            (hidden,) = inputs  # (outputs, tokens, d)
            rows = torch.arange(len(places)) if len(hidden) == len(places) else torch.zeros_like(places)
            return (hidden[rows.to(hidden.device), places.to(hidden.device)][:, None],)

        hook = self._model.get_output_embeddings().register_forward_pre_hook(chosen)
        try:
            yield
        finally:
            hook.remove()
