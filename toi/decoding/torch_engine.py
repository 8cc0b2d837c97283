"""Torch, on the accelerator of this machine if it has one, as the engine of searches."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property

import torch

from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.decoding.search import search
from toi.models.checkpoint import Checkpoint
from toi.models.packed import PackedLinears, can_pack
from toi.models.pretrained import is_quantized


class TorchEngine:
    """See `toi.decoding.engines.Engine`. The weights of the model must not change from then on.

    `device`: where the model is, and stays; without it, the model is moved to the accelerator of this machine, if there is one.
    """

    name = "torch float32"

    def __init__(self, checkpoint: Checkpoint, device: torch.device | None = None):
        self._family, self._model, self._device = checkpoint.family, checkpoint.model, device or _accelerator()

    @cached_property
    def _packed(self) -> PackedLinears | None:
        return PackedLinears(self._model) if can_pack(self._model) else None

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
        model = self._model.eval()
        if not is_quantized(model):
            model.to(self._device)  # converting it takes it to the CPU
        with self._packed.in_use() if self._packed else nullcontext():
            return search(self._family, self._model, sources, plan, constraints)

    def free(self) -> None:
        """Give back memory of an accelerator that is not in use."""
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _accelerator() -> torch.device:
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device("cpu")
