"""Which of a few choices a model would write: the log-probability of each, whole, and the source computed once for all of them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy

from toi.decoding.decoder import limits_of
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import NO_MEMORY
from toi.models.alike import side_by_side
from toi.models.batches import sorted_batches
from toi.models.choices import ChoiceTokens
from toi.models.ready import Model
from toi.system.errors import InputError
from toi.system.memory import out_of_memory

if TYPE_CHECKING:
    import torch

    from toi.decoding.torch_engine import TorchEngine


class ChoiceScorer:
    """A model that chooses. It is loaded if it only lay ready, and moved as by a `toi.decoding.decoder.Decoder`."""

    def __init__(self, checkpoint: Model, choices: Sequence[str], options: DecodingOptions, device: "torch.device | None" = None):
        """Raises InputError for choices that its tokenizer cannot tell apart."""
        self.checkpoint, self._options = checkpoint.loaded, options
        self.tokens = ChoiceTokens.of(self.checkpoint.family, choices)
        self._device = device
        self._torch: TorchEngine | None = None
        self.cut = 0  # how many sources of the last run were longer than the limit

    @property
    def engine(self) -> "TorchEngine":
        """Torch's: whatever else computes gives no logits of outputs that it did not search for."""
        if self._torch is None:
            from toi.decoding.torch_engine import TorchEngine

            compute_type = "bfloat16" if self._options.compute_type == "bfloat16" else "float32"
            self._torch = TorchEngine(self.checkpoint, self._device, compute_type)
        return self._torch

    @property
    def about(self) -> list[object]:
        """What the log-probabilities depend on beside the model and the sources."""
        return [*limits_of(self.checkpoint, self._options), self._options.compute_type]

    @property
    def report(self) -> str:
        """What computed in the last run, if anything did."""
        return f"{self._torch.name}, {len(self.tokens.names)} choices" if self._torch is not None else ""

    def log_probs(self, sources: Sequence[str], batch_size: int) -> Iterator[tuple[int, numpy.ndarray]]:
        """The index of each source and the log-probabilities of its choices, (choices,) in nats: in batches, not in order.

        Sources that are the same are computed once; which ones share a batch does not depend on their order. Raises InputError if
        one source alone needs more memory than there is, or the model computes NaN.
        """
        family = self.checkpoint.family
        unique = sorted(set(sources))
        encoded = family.encode(unique, None, limits_of(self.checkpoint, self._options))
        cut = {text for text, row in zip(unique, encoded, strict=True) if row.source_cut}
        self.cut = sum(source in cut for source in sources)
        places: dict[str, list[int]] = {}
        for i, source in enumerate(sources):
            places.setdefault(source, []).append(i)
        order, lengths = list(range(len(encoded))), [len(row.source) for row in encoded]
        if family.reads_beginnings_once:
            order, lengths = side_by_side([row.source for row in encoded])
        for indices in sorted_batches(lengths, batch_size, self._options.max_batch_tokens):
            batch = [order[i] for i in indices]
            found = self._batch([encoded[i].source for i in batch])
            if not numpy.isfinite(found).all():
                raise InputError(f"{self.checkpoint.name}: the model computes NaN; its weights are damaged")
            for i, of_source in zip(batch, found, strict=True):
                for place in places[unique[i]]:
                    yield place, of_source

    def _batch(self, sources: list[list[int]]) -> numpy.ndarray:
        """(sources, choices), as a whole or in halves where memory is short."""
        try:
            return self.engine.choose(sources, self.tokens)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(sources) == 1:
                raise InputError(NO_MEMORY) from error
        self.engine.free()  # outside of the except block, which would keep what the failed batch holds
        half = len(sources) // 2
        return numpy.concatenate([self._batch(sources[:half]), self._batch(sources[half:])])
