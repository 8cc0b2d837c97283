"""A T5 that writes without torch, made of a few facts that are known of it, and of its file of weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toi.models.family import Steps
from toi.models.t5.arrays import ACTIVATIONS, ArraySteps, T5Arrays
from toi.models.t5.rows import T5Rows
from toi.models.texts import Texts
from toi.models.weights import read_weights

_SETTINGS = (
    "d_model", "d_kv", "num_heads", "num_layers", "num_decoder_layers", "relative_attention_num_buckets",
    "relative_attention_max_distance", "layer_norm_epsilon", "dense_act_fn",
)  # fmt: skip


def settings_of(config: Any, *, scaled: bool, tied: bool) -> dict[str, Any] | None:
    """Of a configuration of transformers, what `T5Arrays` goes by; None where it cannot compute such a model.

    `scaled`: whether outputs are; `tied`: whether the matrix of the logits is that of the embeddings.
    """
    if config.dense_act_fn not in ACTIVATIONS:
        return None
    return {**{name: getattr(config, name) for name in _SETTINGS}, "scale_decoder_outputs": scaled, "tied": tied}


class QuickT5(T5Rows):
    """See `toi.models.ready.Quick`."""

    def __init__(self, tokenizer: Texts, facts: Mapping[str, Any]):
        super().__init__(tokenizer, int(facts["start_id"]))
        self._settings = facts["settings"]

    @property
    def computes(self) -> bool:
        """Whether numpy can compute this model."""
        return self._settings is not None

    def load(self, folder: Path) -> T5Arrays:
        """The model, of the weights of its folder."""
        return T5Arrays(read_weights(folder / "model.safetensors"), self._settings)

    def begin(self, model: T5Arrays, sources: Sequence[Sequence[int]]) -> Steps:
        """Outputs for encoded sources, about to be written."""
        return ArraySteps(model, sources, self.start_id)
