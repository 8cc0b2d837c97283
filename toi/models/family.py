"""What a model is: the one interface by which training, decoding and scoring know a kind of model.

A family turns texts into ids and batches, says what the model predicts, steps through an output, and prepares the model for
training and for CTranslate2. `toi/models/members.py` says which family a configuration belongs to.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy

from toi.models.batches import Encoded

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

    from toi.data.tasks import Task
    from toi.models.contexts import Contexts
    from toi.models.noise import Noise
    from toi.models.padded import Batch
    from toi.models.tokenizer import Tokenizer


class Limits(NamedTuple):
    """The most tokens of a row, all that stands around its texts included."""

    source: int
    target: int


class Steps(Protocol):
    """A batch of outputs under way; at first there is one for each source. Logits are of torch, or of numpy."""

    def start(self) -> Any:
        """The logits behind the sources, before anything is written: (sources, vocabulary)."""
        ...

    def step(self, tokens: numpy.ndarray) -> Any:
        """The logits behind the tokens, one of each output: (outputs,) -> (outputs, vocabulary)."""
        ...

    def select(self, outputs: numpy.ndarray) -> None:
        """Go on with these outputs (indices)."""
        ...


class Past(NamedTuple):
    """What one output has read: its source and then tokens of its own, and the steps by which it did."""

    ids: Sequence[int]
    steps: Steps


class Family(Protocol):
    """A kind of model, with the tokenizer and the ids of one model of it."""

    tokenizer: "Tokenizer"
    label: str  # what to call the kind of model: T5, gpt2
    pad_id: int  # what fills up batches
    end_ids: tuple[int, ...]  # what ends an output; a target ends in the first of them
    undecayed: tuple[str, ...]  # parts of names: matrices that weight decay leaves alone
    reads_beginnings_once: bool  # whether sources of a batch that begin alike cost less
    takes_turns: bool  # whether it goes on with a conversation: it reads again what was said
    predicts_sources: bool  # whether the model predicts the tokens of a source as well
    sentinels: int  # tokens behind the pieces of a SentencePiece file that does not say how many

    def __init__(self, tokenizer: "Tokenizer", config: "PretrainedConfig", generation_config: Any = None): ...

    @staticmethod
    def knows(config: "PretrainedConfig") -> bool:
        """Whether a model with this configuration is of this kind."""
        ...

    @staticmethod
    def auto_class() -> Any:
        """The class of transformers that loads such models."""
        ...

    def follow(self, task: "Task | None") -> None:
        """From now on rows are those of this task: it says what stands between their texts, and where their context is."""
        ...

    @property
    def cut(self) -> str:
        """Of what a source that is too long loses: its end, its context, its turns."""
        ...

    def row_key(self) -> str:
        """A name of what decides on the ids of a row, but for its texts and the limits."""
        ...

    def within(self, limits: Limits) -> Limits:
        """The limits, or smaller ones where the model has no positions for so many tokens."""
        ...

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None, limits: Limits) -> list[Encoded]:
        """The ids of rows within the limits; without `targets`, of sources that are to be written for."""
        ...

    @property
    def source_frame(self) -> tuple[int, int]:
        """How many ids stand in a source before its text, and behind it."""
        ...

    def widths(self, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray) -> numpy.ndarray:
        """How many tokens each row costs in a batch: (rows,)."""
        ...

    def share_contexts(self, sources: Iterable[tuple[numpy.ndarray, numpy.ndarray]], targets: numpy.ndarray) -> "Contexts | None":
        """Compute what sources of a batch begin with once from now on, if the model can and it helps for these rows; else None.

        `sources` are theirs, some rows at a time: the ids one behind the other, (tokens,), and their lengths, (rows,); `targets`
        are the lengths of all targets.
        """
        ...

    def collate(self, rows: Sequence[Encoded]) -> "Batch":
        """Rows padded to a batch."""
        ...

    def logits(self, model: Any, batch: "Batch", packed: bool) -> "tuple[torch.Tensor, torch.Tensor]":
        """What the model predicts, (batch, target, vocabulary), and the labels (batch, target).

        `packed`: only the places that have a target, as one row, (1, places, vocabulary) and (1, places), where the model can.
        The places stand row by row, those of a row in the order of its target, so that a loss can be told row by row.
        `model` is the model as the process wraps it, on the device of the batch.
        """
        ...

    def logits_and_source_loss(self, model: Any, batch: "Batch", packed: bool) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """The same, and the summed negative log-likelihood of the sources' tokens; only of a model that predicts sources."""
        ...

    def begin(self, model: "PreTrainedModel", sources: Sequence[Sequence[int]], past: Past | None = None) -> Steps:
        """Outputs for encoded sources, about to be written. What a single source and `past` begin with need not be read again."""
        ...

    def make_trainable(self, model: "PreTrainedModel", device: "torch.device", *, fp16: bool, compiled: bool) -> None:
        """Prepare a model for training in place, without touching its parameters."""
        ...

    def make_noisy(self, model: "PreTrainedModel", noise: "Noise") -> None:
        """From now on add the noise of a batch, while there is one, to the embeddings that the model reads."""
        ...

    def facts(self, model: "PreTrainedModel") -> dict[str, Any] | None:
        """What this kind of model writes by without torch, its `kind` among it (toi/models/quick_members.py); None if it cannot."""
        ...

    def obstacle(self, model: "PreTrainedModel") -> str | None:
        """Why CTranslate2 cannot run this model; None if it can."""
        ...

    def convert(self, model: "PreTrainedModel", folder: Path) -> None:
        """Write the model for CTranslate2. Its tokens are called "0", "1", ...: only our tokenizer turns text into ids."""
        ...
