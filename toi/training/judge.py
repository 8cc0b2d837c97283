"""What decides which model of a run is kept, where that is not the validation loss: the outputs of the model.

Who makes outputs and scores them is known above this room: `train.py` hands it in.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch

from toi.models.checkpoint import Checkpoint


class Judge(Protocol):
    """A figure of what a model writes for the dev split. Higher is better."""

    metric: str
    depends_on: tuple[str, ...]  # options of the run that the figure depends on, beside those of learning

    def outputs(self, checkpoint: Checkpoint, process: int, processes: int, device: torch.device) -> list[tuple[int, str]]:
        """What the model writes for this process's share of the rows, each with the number of its row.

        The model stays on its device, and has its dropout off from then on.
        """
        ...

    def figure(self, outputs: Mapping[int, str]) -> float:
        """The figure of the outputs for all rows."""
        ...


@contextmanager
def as_loaded(model: torch.nn.Module) -> Iterator[None]:
    """Within the block a model in training computes as when it is loaded again: in the precision of its weights, not compiled.

    Accelerate lets the `forward` of a model compute in the precision of the run, and keeps the plain one beside it.
    """
    attributes = vars(model)
    kept = {name: value for name, value in attributes.items() if name in ("forward", "_compiled_call_impl")}
    if "_original_forward" in attributes:
        attributes["forward"] = attributes["_original_forward"]
    attributes.pop("_compiled_call_impl", None)  # the class has None
    try:
        yield
    finally:
        attributes.update(kept)
