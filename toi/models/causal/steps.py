"""A causal model, a token at a time for many outputs, with the caches of transformers."""

from collections.abc import Sequence

import numpy
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from toi.models.padded import mask_of, pad


class CausalSteps:
    """See `toi.models.family.Steps`. Sources are padded on the left; masks and positions keep results apart from it."""

    def __init__(self, model: PreTrainedModel, sources: Sequence[Sequence[int]], pad_id: int):
        self._model, self._cache = model, DynamicCache()
        backwards = [ids[::-1] for ids in sources]
        self._ids = pad(backwards, pad_id).flip(1).to(model.device)  # (sources, length)
        self._mask = mask_of(sources).flip(1).to(model.device)  # (outputs, what was read)
        self._lengths = self._mask.sum(1)  # (outputs,)

    def start(self) -> torch.Tensor:
        """The logits behind the sources: (sources, vocabulary)."""
        positions = (self._mask.cumsum(1) - 1).clamp_min(0)
        return self._read(self._ids, positions)

    def step(self, tokens: numpy.ndarray) -> torch.Tensor:
        """The logits behind the tokens: (outputs,) -> (outputs, vocabulary)."""
        ids = torch.as_tensor(tokens, device=self._mask.device)[:, None]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(ids), 1)], dim=1)
        positions = self._lengths[:, None]
        self._lengths = self._lengths + 1
        return self._read(ids, positions)

    def _read(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return self._model(
            input_ids=ids, attention_mask=self._mask, position_ids=positions, past_key_values=self._cache, use_cache=True
        ).logits[:, -1]

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs (indices)."""
        chosen = torch.as_tensor(outputs, device=self._mask.device)
        self._cache.reorder_cache(chosen)
        self._mask, self._lengths = self._mask[chosen], self._lengths[chosen]
