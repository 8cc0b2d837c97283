"""Torch, on the accelerator of this machine if it has one, as the engine of searches."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property

import numpy
import torch
from transformers import PreTrainedModel

from toi.decoding.arrays import Arrays
from toi.decoding.choice_steps import log_probs_of_choices
from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.decoding.search import search
from toi.decoding.tensors import Tensors
from toi.models.checkpoint import Checkpoint
from toi.models.choices import ChoiceTokens
from toi.models.family import Past, Steps
from toi.models.packed import PackedLinears, can_pack, packs_bfloat16
from toi.models.pretrained import is_quantized
from toi.system.errors import InputError


class TorchEngine:
    """See `toi.decoding.engines.Engine`. The weights of the model must not change from then on.

    `device`: where the model is, and stays; without it, the model is moved to the accelerator of this machine, if there is one.
    `compute_type`: float32, or bfloat16 for products with weights. Raises InputError where this machine has none.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device | None = None, compute_type: str = "float32"):
        self._family, self._model, self._device = checkpoint.family, checkpoint.model, device or _accelerator()
        self.name, self._dtype = f"torch {compute_type}", getattr(torch, compute_type)
        if compute_type == "bfloat16" and self.device == "cpu" and not packs_bfloat16():
            raise InputError("--compute_type bfloat16: this machine does not multiply in bfloat16; leave it out")

    @cached_property
    def _packed(self) -> PackedLinears | None:
        return PackedLinears(self._model, self._dtype) if can_pack(self._model) else None

    def _computing(self) -> AbstractContextManager[object]:
        """Inside this block products are computed as they shall be."""
        if self._packed:
            return self._packed.in_use()
        return nullcontext() if self._dtype == torch.float32 else torch.autocast(self.device, self._dtype)

    @property
    def device(self) -> str:
        """What kind of device it computes on."""
        return self._device.type

    @property
    def threads(self) -> int:
        """How many threads it computes with on a CPU."""
        return torch.get_num_threads()

    def search(self, sources: Sequence[Sequence[int]], plan: SearchPlan, constraints: Constraints) -> list[list[Candidate]]:
        """The candidates of each encoded source."""
        with self._computing():
            return search(self._family, self._placed(), sources, plan, constraints)

    def choose(self, sources: Sequence[Sequence[int]], choices: ChoiceTokens) -> numpy.ndarray:
        """The log-probability of each choice behind each encoded source: (sources, choices), in nats."""
        with self._computing():
            return log_probs_of_choices(self._family, self._placed(), sources, choices)

    @contextmanager
    def writing(self, source: Sequence[int], past: Past | None = None) -> Iterator[tuple[Steps, Arrays]]:
        """Inside this block an output can be written."""
        with torch.inference_mode(), self._computing():
            yield self._family.begin(self._placed(), [source], past), Tensors()

    def _placed(self) -> PreTrainedModel:
        model = self._model.eval()
        return model if is_quantized(model) else model.to(self._device)  # converting it takes it to the CPU

    def free(self) -> None:
        """Give back memory of an accelerator that is not in use."""
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _accelerator() -> torch.device:
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device("cpu")
