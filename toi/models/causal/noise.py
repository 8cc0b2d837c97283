"""Noise where a causal model embeds what it reads: of one sequence, or of padded rows."""

from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from toi.models.noise import Noise


def make_noisy(model: PreTrainedModel, noise: Noise) -> None:
    """From now on add the noise of a batch to its embeddings."""

    def add(module: Any, arguments: Any, embedded: torch.Tensor) -> torch.Tensor | None:
        if not noise.rows:
            return None
        lengths = [len(row.source) + len(row.target) - 1 for row in noise.rows]  # the last token is read by nobody
        if len(embedded) == len(lengths):  # (rows, longest, d)
            return embedded + noise.padded(lengths, embedded)
        behind = embedded.shape[1] - sum(lengths)  # tokens that fill up the sequence
        return embedded + functional.pad(noise.flat(lengths, embedded), (0, 0, 0, behind))

    model.get_input_embeddings().register_forward_hook(add)
