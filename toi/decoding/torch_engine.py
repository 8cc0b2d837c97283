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
    """See `toi.decoding.engines.Engine`. The weights of the model must not change from then on."""

    name = "torch float32"

    def __init__(self, checkpoint: Checkpoint):
        self._family, self._model = checkpoint.family, checkpoint.model

    @cached_property
    def _packed(self) -> PackedLinears | None:
        return PackedLinears(self._model) if can_pack(self._model) else None

    @property
    def device(self) -> str:
        """What kind of device it computes on."""
        return _device().type

    @property
    def threads(self) -> int:
        """How many threads it computes with on a CPU."""
        return torch.get_num_threads()

    def search(self, sources: Sequence[Sequence[int]], plan: SearchPlan, constraints: Constraints) -> list[list[Candidate]]:
        """The candidates of each encoded source. Moves the model to the accelerator, if there is one."""
        model = self._model.eval()
        if not is_quantized(model):
            model.to(_device())  # converting it takes it to the CPU
        with self._packed.in_use() if self._packed else nullcontext():
            return search(self._family, self._model, sources, plan, constraints)

    def free(self) -> None:
        """Give back memory of an accelerator that is not in use."""
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _device() -> torch.device:
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device("cpu")
