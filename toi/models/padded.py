"""Rows of ids as torch reads them: padded to one length."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import torch


def pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """(batch, longest), filled with `value` on the right."""
    longest = max(map(len, sequences))
    return torch.tensor([[*ids, *[value] * (longest - len(ids))] for ids in sequences])


def mask_of(sequences: Sequence[Sequence[int]]) -> torch.Tensor:
    """(batch, longest): 1 where there is a token. From the lengths, not from the ids: a text may hold the padding id itself."""
    return pad([[1] * len(ids) for ids in sequences], 0)


@dataclass(frozen=True)
class Batch:
    """Padded rows. All tensors but the reference are of whole numbers."""

    input_ids: torch.Tensor  # (batch, source): the sources
    attention_mask: torch.Tensor  # (batch, source): 1 where there is a token
    labels: torch.Tensor  # (batch, target): -100 where there is no token
    inputs: dict[str, torch.Tensor]  # what the model is called with; no labels, or it would compute a loss that nobody asked for
    # (pairs, 2), of rows that stand in pairs: the log-probabilities that a loss compares those of the model with.
    reference: torch.Tensor | None = field(default=None, kw_only=True)

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        own = {tensor.name: getattr(self, tensor.name) for tensor in fields(self) if tensor.name != "inputs"}
        moved = {name: tensor.to(device) for name, tensor in own.items() if tensor is not None}
        return replace(self, **moved, inputs={name: tensor.to(device) for name, tensor in self.inputs.items()})
