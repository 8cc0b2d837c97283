"""Encoder-decoder models: T5, mT5 and, more slowly, whatever else transformers loads as a sequence-to-sequence model."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from transformers import AutoModelForSeq2SeqLM, PretrainedConfig, PreTrainedModel

from toi.models.batches import IGNORED, Encoded
from toi.models.family import Past, Steps
from toi.models.noise import Noise
from toi.models.padded import Batch, mask_of, pad
from toi.models.t5 import conversion
from toi.models.t5.encoder import can_encode, encoded
from toi.models.t5.fast import can_speed_up, speed_up
from toi.models.t5.noise import make_noisy
from toi.models.t5.quick import settings_of
from toi.models.t5.rows import T5Rows
from toi.models.t5.steps import CachedSteps, T5Steps, knows, scales_outputs
from toi.models.tokenizer import Tokenizer


class T5Family(T5Rows):
    """See `toi.models.family.Family`."""

    undecayed: tuple[str, ...] = ("relative_attention_bias",)
    sentinels = 100
    predicts_sources = False
    tokenizer: Tokenizer

    def __init__(self, tokenizer: Tokenizer, config: PretrainedConfig, generation_config: Any = None):
        starts = (getattr(c, "decoder_start_token_id", None) for c in (generation_config, config))
        super().__init__(tokenizer, next((int(i) for i in starts if i is not None), tokenizer.pad_id))  # T5 starts with the padding
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

    def row_key(self) -> str:
        """The tokenizer decides on the ids, and where the context stands, on those of rows that are too long."""
        template = "" if self._layout is None else f" {self._layout.template}"
        return f"{type(self).__name__} {self.tokenizer.fingerprint()}{template}"

    def share_contexts(self, sources: Iterable[tuple[numpy.ndarray, numpy.ndarray]], targets: numpy.ndarray) -> None:
        """None: an encoder sees what follows, too, so nothing of two sources is the same."""

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

    def logits_and_source_loss(self, model: Any, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Raises NotImplementedError: an encoder predicts nothing."""
        raise NotImplementedError("the source of an encoder-decoder model has no loss")

    @torch.inference_mode()
    def begin(self, model: PreTrainedModel, sources: Sequence[Sequence[int]], past: Past | None = None) -> Steps:
        """The encoder's work is done here, once for each source. It sees all of one at once: nothing of `past` is of use."""
        mask = mask_of(sources).to(model.device)  # (sources, length)
        if knows(model) and can_encode(model):
            hidden = encoded(model, sources)
        else:
            input_ids = pad(sources, self.pad_id).to(model.device)
            hidden = model.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return (T5Steps if knows(model) else CachedSteps)(model, hidden, mask, self.start_id)

    def make_trainable(self, model: PreTrainedModel, device: torch.device, *, fp16: bool, compiled: bool) -> None:
        """Clamp what fp16 cannot say; on CPUs train the same T5 faster."""
        if fp16:
            clamp_feed_forward(model)
        if not compiled and can_speed_up(model, device):
            speed_up(model)
            self._fast = True

    def make_noisy(self, model: PreTrainedModel, noise: Noise) -> None:
        """On what the encoder and the decoder read."""
        make_noisy(model, noise)

    def facts(self, model: PreTrainedModel) -> dict[str, Any] | None:
        """What a `QuickT5` is made of."""
        if not knows(model):
            return None
        tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
        settings = settings_of(model.config, scaled=scales_outputs(model), tied=tied)
        return {"kind": "t5", "start_id": self.start_id, "settings": settings}

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
