"""Decoder-only models: GPT-2, Llama and whatever else transformers loads as a causal language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from toi.models.batches import IGNORED, Encoded
from toi.models.causal.rows import CausalRows
from toi.models.causal.steps import begin
from toi.models.family import Steps
from toi.models.padded import Batch, mask_of, pad
from toi.models.tokenizer import Tokenizer


@dataclass(frozen=True)
class CausalBatch(Batch):
    """Sources and targets in one sequence, padded on the right."""

    places: torch.Tensor  # (batch, target): the place in the sequence whose logits predict each label; 0 where there is none


class CausalFamily(CausalRows):
    """See `toi.models.family.Family`."""

    undecayed: tuple[str, ...] = ()
    reads_beginnings_once = True
    sentinels = 0

    def __init__(self, tokenizer: Tokenizer, config: PretrainedConfig, generation_config: Any = None):
        ends = getattr(generation_config, "eos_token_id", None)
        others = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        size = config.get_text_config(decoder=True).vocab_size  # some configurations name ends of other vocabularies
        room = getattr(config, "max_position_embeddings", None)
        super().__init__(tokenizer, [i for i in others if i < size], room)
        self.label = config.model_type

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

    def collate(self, rows: Sequence[Encoded]) -> CausalBatch:
        """Rows padded on the right. The last token of a target is read by nobody."""
        whole = [[*row.source, *row.target[:-1]] for row in rows]
        sources = [row.source for row in rows]
        return CausalBatch(
            input_ids=pad(sources, self.pad_id), attention_mask=mask_of(sources), labels=pad([row.target for row in rows], IGNORED),
            inputs={"input_ids": pad(whole, self.pad_id), "attention_mask": mask_of(whole)},
            places=pad([range(len(row.source) - 1, len(row.source) - 1 + len(row.target)) for row in rows], 0),
        )  # fmt: skip

    def logits(self, model: Any, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of the places before each target token."""
        assert isinstance(batch, CausalBatch)
        logits = model(**batch.inputs, use_cache=False).logits  # (batch, sequence, vocabulary)
        rows = torch.arange(len(logits), device=logits.device)[:, None]
        if not packed:
            return logits[rows, batch.places], batch.labels
        kept = batch.labels != IGNORED
        return logits[rows.expand_as(batch.places)[kept], batch.places[kept]][None], batch.labels[kept][None]

    def begin(self, model: PreTrainedModel, sources: Sequence[Sequence[int]]) -> Steps:
        """The sources are read here, or in the first step."""
        return begin(model, sources, self.pad_id)

    def make_trainable(self, model: PreTrainedModel, device: torch.device, *, fp16: bool, compiled: bool) -> None:
        """Nothing has to be done."""

    def facts(self, model: PreTrainedModel) -> dict[str, Any] | None:
        """None: no causal model is converted."""
        return None

    def obstacle(self, model: PreTrainedModel) -> str | None:
        """No causal model is converted: CTranslate2's Generator (4.8) copies a prompt for every beam, and reads it as often."""
        return f"a {model.config.model_type} model is not converted, because CTranslate2 would read its prompt once for every beam"

    def convert(self, model: PreTrainedModel, folder: Path) -> None:
        """Raises NotImplementedError: see `obstacle`."""
        raise NotImplementedError(self.obstacle(model))
