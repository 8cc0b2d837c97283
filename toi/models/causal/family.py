"""Decoder-only models: GPT-2, Llama and whatever else transformers loads as a causal language model.

    row  [prefix] source  line break  target  end of sequence

Source and target are tokenized apart, so that what an output goes on from is exactly the beginning of what training saw.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from toi.models.batches import Encoded
from toi.models.causal.batch import CausalBatch, flat_batch, padded_batch
from toi.models.causal.beginnings import rows_that_begin_alike
from toi.models.causal.fast import speed_up
from toi.models.causal.logits import logits_and_source_loss, logits_of, teach_layouts
from toi.models.causal.steps import CausalSteps
from toi.models.contexts import Contexts
from toi.models.family import Limits, Steps
from toi.models.framing import framed_rows
from toi.models.padded import Batch
from toi.models.tokenizer import Tokenizer

_SEPARATOR = "\n"
_WORTH = 0.05  # of the tokens; where less falls away, rows are not grouped


class CausalFamily:
    """See `toi.models.family.Family`."""

    undecayed: tuple[str, ...] = ()
    sentinels = 0
    predicts_sources = True

    def __init__(self, tokenizer: Tokenizer, config: PretrainedConfig, generation_config: Any = None):
        self.tokenizer = tokenizer
        self.label = config.model_type
        self.pad_id = tokenizer.pad_id
        ends = getattr(generation_config, "eos_token_id", None)
        others = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        self.end_ids = tuple(dict.fromkeys([tokenizer.eos_id, *others]))
        separator = tokenizer.encode(_SEPARATOR)
        # A vocabulary of SentencePiece has no line break: there the end of sequence stands between source and target.
        pieces = [tokenizer.pieces[i] for i in separator]
        said = b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)
        self._separator = separator if _SEPARATOR.encode() in said else [tokenizer.eos_id]
        self._flat = self._shared = False  # whether rows of a batch are one sequence, and whether that has what they share once
        self._room = getattr(config, "max_position_embeddings", None)  # tokens of a whole row, where the model has a limit

    @staticmethod
    def knows(config: PretrainedConfig) -> bool:
        """Whether this is the configuration of a causal model: BERT and its like can be loaded as one, but write nothing."""
        kind = config.model_type
        causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
        return causal and not config.is_encoder_decoder

    @staticmethod
    def auto_class() -> Any:
        """The class of transformers that loads such models."""
        return AutoModelForCausalLM

    def within(self, limits: Limits) -> Limits:
        """The limits, or smaller ones that together are within the positions of the model."""
        if self._room is None or limits.source + limits.target <= self._room:
            return limits
        target = min(limits.target, self._room // 2)
        return Limits(self._room - target, target)

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None, limits: Limits) -> list[Encoded]:
        """The ids of rows: sources cut before their separator, targets before the end of sequence."""
        frames = (self.tokenizer.around[0], self._separator), ((), self.end_ids[:1])
        return framed_rows(self.tokenizer, sources, targets, self.within(limits), *frames)

    def widths(self, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray) -> numpy.ndarray:
        """Source and target stand in one sequence."""
        return source_lengths + target_lengths

    def share_contexts(self, sources: Iterable[tuple[numpy.ndarray, numpy.ndarray]], targets: numpy.ndarray) -> Contexts | None:
        """Only for a model that knows layouts, and where a twentieth of the tokens falls away."""
        if not self._flat:
            return None
        contexts = rows_that_begin_alike(sources, targets)
        if contexts.saved < _WORTH * contexts.widths.sum():
            return None
        self._shared = True
        return contexts

    def collate(self, rows: Sequence[Encoded]) -> CausalBatch:
        """Rows one behind the other, or for a model that does not know layouts, padded."""
        return flat_batch(rows, self.pad_id, shared=self._shared) if self._flat else padded_batch(rows, self.pad_id)

    def logits(self, model: Any, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of the places before each target token."""
        assert isinstance(batch, CausalBatch)
        return logits_of(model, batch, packed)

    def logits_and_source_loss(self, model: Any, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The same, and the loss of the sources."""
        assert isinstance(batch, CausalBatch)
        return logits_and_source_loss(model, batch, packed)

    def begin(self, model: PreTrainedModel, sources: Sequence[Sequence[int]]) -> Steps:
        """The sources are read in the first step."""
        return CausalSteps(model, sources, self.pad_id)

    def make_trainable(self, model: PreTrainedModel, device: torch.device, *, fp16: bool, compiled: bool) -> None:
        """Let rows stand one behind the other, without padding, where the model can; on CPUs train the same model faster."""
        self._flat = not compiled and teach_layouts(model)
        if not compiled and device.type == "cpu":
            speed_up(model)

    def facts(self, model: PreTrainedModel) -> dict[str, Any] | None:
        """None: no causal model is converted yet."""
        return None

    def obstacle(self, model: PreTrainedModel) -> str | None:
        """No causal model is converted yet."""
        return f"a {model.config.model_type} model is not converted"

    def convert(self, model: PreTrainedModel, folder: Path) -> None:
        """Raises NotImplementedError: see `obstacle`."""
        raise NotImplementedError(self.obstacle(model))
