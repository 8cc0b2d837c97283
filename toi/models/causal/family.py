"""Decoder-only models: GPT-2, Llama and whatever else transformers loads as a causal language model."""

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
from toi.models.causal.noise import make_noisy
from toi.models.causal.rows import CausalRows
from toi.models.causal.steps import begin
from toi.models.contexts import Contexts
from toi.models.family import Past, Steps
from toi.models.noise import Noise
from toi.models.padded import Batch
from toi.models.tokenizer import Tokenizer

_WORTH = 0.05  # of the tokens; where less falls away, rows are not grouped


class CausalFamily(CausalRows):
    """See `toi.models.family.Family`."""

    undecayed: tuple[str, ...] = ()
    reads_beginnings_once = True
    takes_turns = True
    sentinels = 0
    predicts_sources = True

    def __init__(self, tokenizer: Tokenizer, config: PretrainedConfig, generation_config: Any = None):
        ends = getattr(generation_config, "eos_token_id", None)
        others = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        size = config.get_text_config(decoder=True).vocab_size  # some configurations name ends of other vocabularies
        room = getattr(config, "max_position_embeddings", None)
        super().__init__(tokenizer, [i for i in others if i < size], room)
        self.label = config.model_type
        self._flat = self._shared = False  # whether rows of a batch are one sequence, and whether that has what they share once

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

    def begin(self, model: PreTrainedModel, sources: Sequence[Sequence[int]], past: Past | None = None) -> Steps:
        """The sources are read here, or in the first step."""
        return begin(model, sources, self.pad_id, past)

    def make_trainable(self, model: PreTrainedModel, device: torch.device, *, fp16: bool, compiled: bool) -> None:
        """Let rows stand one behind the other, without padding, where the model can; on CPUs train the same model faster."""
        self._flat = not compiled and teach_layouts(model)
        if not compiled and device.type == "cpu":
            speed_up(model)

    def make_noisy(self, model: PreTrainedModel, noise: Noise) -> None:
        """Every row has noise of its own, what it shares with others too: contexts are not to be shared then."""
        make_noisy(model, noise)

    def facts(self, model: PreTrainedModel) -> dict[str, Any] | None:
        """None: no causal model is converted."""
        return None

    def obstacle(self, model: PreTrainedModel) -> str | None:
        """No causal model is converted: CTranslate2's Generator (4.8) copies a prompt for every beam, and reads it as often."""
        return f"a {model.config.model_type} model is not converted, because CTranslate2 would read its prompt once for every beam"

    def convert(self, model: PreTrainedModel, folder: Path) -> None:
        """Raises NotImplementedError: see `obstacle`."""
        raise NotImplementedError(self.obstacle(model))
