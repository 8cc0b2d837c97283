"""The logits of a causal model where they are asked for: other hidden states do not go through the output matrix."""

import inspect
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from toi.models.batches import IGNORED, Encoded
from toi.models.causal.batch import CausalBatch, flat_batch, padded_batch
from toi.models.causal.layout import replace_attention

# In low precision a product of a shape that is new costs more than some padding: oneDNN prepares each.
_STEP = 64  # tokens


def logits_of(model: Any, batch: CausalBatch, packed: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """See `toi.models.family.Family.logits`."""
    kept = batch.labels != IGNORED
    if packed:
        return logits_at(model, batch, batch.places[kept], _row_of(batch)[kept])[None], batch.labels[kept][None]
    logits = logits_at(model, batch, batch.places.flatten(), _row_of(batch).flatten())
    return logits.view(*batch.labels.shape, -1), batch.labels


def logits_and_source_loss(model: Any, batch: CausalBatch, packed: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See `toi.models.family.Family.logits_and_source_loss`."""
    kept = batch.labels != IGNORED if packed else torch.ones_like(batch.labels, dtype=torch.bool)
    places, rows, sources = batch.places[kept], _row_of(batch)[kept], batch.sources
    width = batch.inputs["input_ids"].shape[1]  # of one sequence, or of every row
    all_places, all_rows = torch.cat([places, sources.places % width]), torch.cat([rows, sources.places // width])
    logits = logits_at(model, batch, all_places, all_rows)  # (places of targets and sources, vocabulary)
    of_targets, of_sources = logits.split([len(places), len(sources.places)])
    losses = functional.cross_entropy(of_sources.float(), sources.labels, reduction="none")
    labels = batch.labels[kept][None] if packed else batch.labels
    return of_targets.view(*labels.shape, -1), labels, (losses * sources.rows).sum()


def _row_of(batch: CausalBatch) -> torch.Tensor:
    """(batch, target): the row of each label."""
    return torch.arange(len(batch.labels), device=batch.labels.device)[:, None].expand_as(batch.labels)


def logits_at(model: Any, batch: CausalBatch, places: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(places,), and the rows that they are of -> (places, vocabulary). `rows` is for padded batches only."""
    inputs, keeps = batch.inputs, _keeps(model)
    if batch.layout is not None:
        if keeps:
            return model(**_flat_inputs(batch), use_cache=False, logits_to_keep=places).logits[0]
        return model(**_flat_inputs(batch), use_cache=False).logits[0, places]
    if not keeps:
        return model(**inputs, use_cache=False).logits[rows, places]
    wanted = torch.zeros_like(inputs["attention_mask"], dtype=torch.bool)  # (batch, sequence)
    wanted[rows, places] = True
    logits = model(**inputs, use_cache=False, logits_to_keep=wanted).logits  # (wanted, vocabulary)
    if logits.ndim != 2:  # a model that does not know what that is
        return logits[rows, places]
    return logits[(wanted.flatten().cumsum(0) - 1).view(wanted.shape)[rows, places]]


def _flat_inputs(batch: CausalBatch) -> dict[str, Any]:
    """What a model that knows layouts is called with."""
    ids, positions, layout = batch.inputs["input_ids"], batch.inputs["position_ids"], batch.layout
    assert layout is not None
    if torch.is_autocast_enabled(ids.device.type):
        more = -ids.shape[1] % _STEP
        layout, ids = layout.padded(more), functional.pad(ids, (0, more))
        positions = torch.cat([positions, torch.arange(more, device=ids.device)[None]], dim=1)
    # Nobody looks at it: as it has 4 dimensions, none is made in its place.
    mask = torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=ids.device)
    return {"input_ids": ids, "position_ids": positions, "attention_mask": mask, "toi_layout": layout}


def _plain(model: Any) -> Any:
    """The model of transformers, without what a process or LoRA wraps around it."""
    model = getattr(model, "module", model)
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _keeps(model: Any) -> bool:
    """Whether a model computes only the logits that are asked for."""
    return "logits_to_keep" in inspect.signature(type(_plain(model)).forward).parameters


def teach_layouts(model: PreTrainedModel) -> bool:
    """Let a model's attention know layouts, and return whether it is the same model then: it is tried on some ids.

    Else it stays as it was: recurrent models, those with an attention of their own, or one that changes with the distance.
    """
    plain = _plain(model)
    if not getattr(plain, "_supports_attention_backend", False) or getattr(plain, "_is_stateful", False):
        return False
    if getattr(plain.config.get_text_config(), "attention_chunk_size", None):
        return False
    ids = [(7919 * i + 3) % plain.config.get_text_config().vocab_size for i in range(30)]
    rows = [Encoded(ids[:18], ids[18:21]), Encoded([*ids[:17], *ids[21:23]], ids[23:24]), Encoded(ids[24:28], ids[28:30])]
    was_training, take_back = model.training, None
    model.eval()
    try:
        expected = _tried(model, padded_batch(rows, ids[0]))
        take_back = replace_attention(plain)
        found = _tried(model, flat_batch(rows, ids[0], shared=True))
        tolerance = 1e-4 if plain.dtype == torch.float32 else 0.05
        same = bool((found - expected).abs().max() <= tolerance * expected.abs().max())
    except Exception:  # of any model: what it does not take is no layout
        same = False
    finally:
        model.train(was_training)
    if not same and take_back is not None:
        take_back()
    return same


@torch.no_grad()
def _tried(model: PreTrainedModel, batch: CausalBatch) -> torch.Tensor:
    return logits_of(model, batch.to(model.device), packed=True)[0].float()
