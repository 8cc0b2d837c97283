"""Noise where an encoder and a decoder embed what they read: that of transformers, and the faster one (toi/models/t5/fast.py)."""

from functools import partial
from typing import Any

import torch
from transformers import PreTrainedModel

from toi.models.noise import Noise


def make_noisy(model: PreTrainedModel, noise: Noise) -> None:
    """From now on add the noise of a batch to the embeddings of its sources and of its targets, each by its own length."""
    for part, stack in enumerate((model.get_encoder(), model.get_decoder())):
        stack.register_forward_pre_hook(partial(_add, noise, part), with_kwargs=True)


def _add(noise: Noise, part: int, stack: Any, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not noise.rows:
        return None
    lengths = [len(row.target if part else row.source) for row in noise.rows]
    embedded: torch.Tensor | None = kwargs.get("embedded")
    if embedded is None:
        embedded = stack.get_input_embeddings()(kwargs["input_ids"])  # (rows, longest, d)
        return arguments, {**kwargs, "input_ids": None, "inputs_embeds": embedded + noise.padded(lengths, embedded, part)}
    drawn = kwargs["targets" if part else "sources"].pack(noise.padded(lengths, embedded, part))
    return arguments, {**kwargs, "embedded": embedded + drawn.view(embedded.shape)}
