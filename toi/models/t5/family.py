"""Encoder-decoder models: T5, mT5 and, more slowly, whatever else transformers loads as a sequence-to-sequence model.

source  [prefix] tokens </s>        cut at the end, </s> kept
target  [prefix] tokens </s>        the decoder reads it one step later, behind its start
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from transformers import AutoModelForSeq2SeqLM, PretrainedConfig, PreTrainedModel

from toi.models.batches import IGNORED, Batch, Encoded, mask_of, pad
from toi.models.family import Limits, Steps
from toi.models.framing import framed_rows
from toi.models.t5 import conversion
from toi.models.t5.fast import can_speed_up, speed_up
from toi.models.t5.steps import CachedSteps, T5Steps, knows
from toi.models.tokenizer import Tokenizer


class T5Family:
    """See `toi.models.family.Family`."""

    undecayed: tuple[str, ...] = ("relative_attention_bias",)
    sentinels = 100

    def __init__(self, tokenizer: Tokenizer, config: PretrainedConfig, generation_config: Any = None):
        self.tokenizer = tokenizer
        self.pad_id = tokenizer.pad_id
        self.end_ids: tuple[int, ...] = (tokenizer.eos_id,)
        starts = (getattr(c, "decoder_start_token_id", None) for c in (generation_config, config))
        self.start_id = next((int(i) for i in starts if i is not None), self.pad_id)  # T5 starts with the padding id
        self.label = {"t5": "T5", "mt5": "mT5"}.get(config.model_type, config.model_type)
        self._fast = False  # whether the model computes only the logits that are asked for

    @staticmethod
    def knows(config: PretrainedConfig) -> bool:
        """Whether this is the configuration of an encoder-decoder model."""
        return bool(config.is_encoder_decoder)

    @staticmethod
    def auto_class() -> Any:
        """The class of transformers that loads such models."""
        return AutoModelForSeq2SeqLM

    def within(self, limits: Limits) -> Limits:
        """The limits themselves: positions are relative."""
        return limits

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None, limits: Limits) -> list[Encoded]:
        """The ids of rows, each text cut at its end."""
        prefix, suffix = self.tokenizer.around
        frame = prefix, suffix or self.end_ids
        return framed_rows(self.tokenizer, sources, targets, limits, frame, frame)

    def widths(self, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray) -> numpy.ndarray:
        """The lengths of the sources: targets are short, and go along."""
        return source_lengths

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        """Rows padded on the right; the decoder reads the labels one step later, behind its start."""
        input_ids, mask = pad([row.source for row in rows], self.pad_id), mask_of([row.source for row in rows])
        decoder_input_ids = pad([[self.start_id, *row.target[:-1]] for row in rows], self.pad_id)
        inputs = {"input_ids": input_ids, "attention_mask": mask, "decoder_input_ids": decoder_input_ids}
        return Batch(input_ids, mask, pad([row.target for row in rows], IGNORED), inputs)

    def logits(self, model: Any, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, target, vocabulary) and the labels; packed only where the model was made fast."""
        if not (packed and self._fast):
            return model(**batch.inputs, use_cache=False).logits, batch.labels
        kept = batch.labels != IGNORED
        return model(**batch.inputs, kept=kept).logits, batch.labels[kept][None]

    @torch.inference_mode()
    def begin(self, model: PreTrainedModel, sources: Sequence[Sequence[int]]) -> Steps:
        """The encoder's work is done here, once for each source."""
        input_ids = pad(sources, self.pad_id).to(model.device)  # (sources, length)
        mask = mask_of(sources).to(model.device)
        hidden = model.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return (T5Steps if knows(model) else CachedSteps)(model, hidden, mask, self.start_id)

    def make_trainable(self, model: PreTrainedModel, device: torch.device, *, fp16: bool, compiled: bool) -> None:
        """Clamp what fp16 cannot say; on CPUs train the same T5 faster."""
        if fp16:
            clamp_feed_forward(model)
        if not compiled and can_speed_up(model, device):
            speed_up(model)
            self._fast = True

    def obstacle(self, model: PreTrainedModel) -> str | None:
        """Why CTranslate2 cannot run this model; None if it can."""
        return conversion.obstacle(model)

    def convert(self, model: PreTrainedModel, folder: Path) -> None:
        """Write the model for CTranslate2."""
        tokenizer = self.tokenizer
        unk_id = tokenizer.unk_id if tokenizer.unk_id is not None else tokenizer.pad_id
        conversion.convert(model, folder, self.start_id, tokenizer.eos_id, unk_id)


def clamp_feed_forward(model: PreTrainedModel) -> None:
    """Keep the feed-forward outputs of a T5 within what fp16 can say: one that overflows makes every loss NaN from there on.

    transformers clamps hidden states, but under autocast those are in fp32 and the overflow is in them already.
    """

    def clamp(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        if output.dtype != torch.float16:
            return None
        largest = torch.finfo(torch.float16).max
        return output.clamp(-largest, largest)

    for name, module in model.named_modules():
        if name.endswith("DenseReluDense"):
            module.register_forward_hook(clamp)
