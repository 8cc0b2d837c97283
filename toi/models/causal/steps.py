"""A causal model, a token at a time for many outputs: what transformers computes, with less around it.

- A prompt is read once for each source, and what several sources begin with once for all of them.
- Outputs of the same source share its keys and values: nothing of a prompt is copied for a beam or a step, but for short ends
  behind a shared beginning, which cost less when they stand before what is written.
- Keys and values of what is written stand in buffers by time (toi/models/causal/keys.py).
- On CPUs prompts are read without padding, and stretches of keys are attended to one by one (toi/models/causal/merged.py).

Everything but attention is computed by the model itself, with linear layers that are packed or not (toi/models/packed.py).
"""

from collections.abc import Sequence

import numpy
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from toi.models.alike import common, shared_beginnings
from toi.models.causal.attention import NotCovered, Reader, Reading, covers
from toi.models.causal.keys import Prompts, Read, Written
from toi.models.family import Past, Steps
from toi.models.padded import mask_of, pad

_SHORT = 64  # tokens of ends of sources that are copied for each output


@torch.inference_mode()
def begin(model: PreTrainedModel, sources: Sequence[Sequence[int]], pad_id: int, past: Past | None = None) -> Steps:
    """Outputs of encoded sources, about to be written."""
    if covers(model):
        try:
            return SharedSteps(model, sources, pad_id, past)
        except NotCovered:
            pass
    return CachedSteps(model, sources, pad_id)


class SharedSteps:
    """See `toi.models.family.Steps`. The prompts are read here. Raises NotCovered for a model that attends in another way.

    Of a single source, what `past` has read at its beginning is not read again: a conversation goes on so.
    """

    def __init__(self, model: PreTrainedModel, sources: Sequence[Sequence[int]], pad_id: int, past: Past | None = None):
        self._reader, self._device, self._pad_id = Reader(model), model.device, pad_id
        self._prompts: list[Prompts] = []
        begun = numpy.zeros(len(sources), dtype=numpy.int64)  # tokens of each source that are read
        if past is not None and len(sources) == 1 and isinstance(past.steps, SharedSteps):
            begun[0] = known = common(past.ids, sources[0])
            self._prompts += [past.steps.beginning(known)] * bool(known)
        groups = shared_beginnings(sources)
        if groups:
            row_of = numpy.empty(len(sources), dtype=numpy.int64)
            for number, group in enumerate(groups):
                row_of[group.rows], begun[group.rows] = number, group.shared
            beginnings = [sources[group.rows[0]][: group.shared] for group in groups]
            self._read(beginnings, numpy.zeros(len(groups), numpy.int64), row_of, ends=False)
        rests = [source[count:] for source, count in zip(sources, begun.tolist(), strict=True)]
        self._written = Written()
        self._logits = self._read(rests, begun, numpy.arange(len(sources)))
        # The position of each output's next token: (outputs,).
        self._next = torch.tensor([len(source) for source in sources], device=self._device)

    def _read(
        self, stretches: list[Sequence[int]], starts: numpy.ndarray, row_of: numpy.ndarray, *, ends: bool = True
    ) -> torch.Tensor:
        """Read stretches of sources from these positions on, `row_of` of which each source has; the logits behind them, if `ends`.

        What nothing was read before stands in one row on a CPU. Else stretches are padded on the right, where nothing but padding
        sees padding.
        """
        if not self._prompts and self._device.type == "cpu":
            try:
                return self._read_flat(stretches, row_of, ends=ends)
            except NotCovered:  # a window that is narrower, say
                pass
        sizes = torch.tensor([len(ids) for ids in stretches], device=self._device)
        first = torch.from_numpy(starts).to(self._device)
        places = torch.arange(int(sizes.max()), device=self._device)
        last = (sizes - 1).clamp_min(0)  # of a source of one token that is alike to no other, nothing is read before it
        positions = first[:, None] + places.minimum(last[:, None])  # no model has to have positions for padding
        read = Read()
        ids = pad(stretches, self._pad_id).to(self._device)
        reading = Reading(self._prompts, read, positions)
        logits = self._reader.read(ids, positions, reading, last)
        if self._prompts and self._device.type == "cpu" and len(places) <= _SHORT and reading.sees_all_always:
            self._written = Written(read.layers, sizes)
        else:
            self._prompts.append(Prompts(read.layers, first, sizes, row_of))
        return logits

    def _read_flat(self, stretches: list[Sequence[int]], row_of: numpy.ndarray, *, ends: bool) -> torch.Tensor:
        """As `_read`, from the beginnings of sources on and without padding."""
        sizes = [len(ids) for ids in stretches]
        ids = torch.tensor([[token for stretch in stretches for token in stretch]])
        positions = torch.cat([torch.arange(size) for size in sizes])[None]
        last = (torch.tensor(sizes).cumsum(0) - 1).clamp_min(0) if ends else torch.zeros(1, dtype=torch.long)
        read = Read()
        logits = self._reader.read(ids, positions, Reading((), read, positions, flat=sizes), last)
        self._prompts.append(Prompts(read.layers, torch.zeros(len(sizes), dtype=torch.long), torch.tensor(sizes), row_of))
        return logits

    def beginning(self, count: int) -> Prompts:
        """The first `count` tokens that the only output has read, as a prompt."""
        read = [prompts.layers for prompts in self._prompts]
        written = self._written.layers(max(0, count - sum(prompts.length for prompts in self._prompts)))
        layers = [
            tuple(torch.cat(stretches, dim=2)[:, :, :count] for stretches in zip(*layer, strict=True))
            for layer in zip(*read, *[written] * bool(written), strict=True)
        ]
        begun, size = torch.zeros(1, dtype=torch.long, device=self._device), torch.tensor([count], device=self._device)
        return Prompts(layers, begun, size, numpy.zeros(1, dtype=numpy.int64))  # type: ignore[arg-type]

    def start(self) -> torch.Tensor:
        """The logits behind the sources: (sources, vocabulary)."""
        return self._logits

    def step(self, tokens: numpy.ndarray) -> torch.Tensor:
        """The logits behind the tokens, one of each output: (outputs,) -> (outputs, vocabulary)."""
        self._written.count += 1
        positions, self._next = self._next[:, None], self._next + 1
        ids = torch.as_tensor(tokens, device=self._device)[:, None]
        return self._reader.read(ids, positions, Reading(self._prompts, self._written, positions), torch.zeros_like(self._next))

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs (indices)."""
        for prompts in self._prompts:
            prompts.select(outputs)
        self._written.select(outputs)
        self._next = self._next[torch.as_tensor(outputs, device=self._device)]


class CachedSteps:
    """Any causal model, with the caches of transformers. As `SharedSteps`, but every output has a prompt of its own.

    Sources are padded on the left; masks and positions keep results apart from it.
    """

    def __init__(self, model: PreTrainedModel, sources: Sequence[Sequence[int]], pad_id: int):
        self._model, self._cache = model, DynamicCache(config=model.config)
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
