"""Perplexity: among how many tokens, or characters, a model wavers where it writes the targets of rows.

    token_perplexity = exp(-sum of log p / tokens)            char_perplexity = exp(-sum of log p / characters)

Sums go over all rows. log p (natural logarithm) is what the model gives the row's own target behind its source, each token given
the right ones before it, and then the end of sequence: that a text ends is a part of knowing it. So the end is a token of the first
figure. It is no character of the second: characters are those of the target as it stands in the data (code points, normalized).
Tokens are of the model's own tokenizer, and models with others have other ones; characters are the same for all models (Mielke
2019, "Can you compare perplexity across different segmentations?"), but for those that a vocabulary only has as `<unk>`.

Sources are cut as they are for decoding. Targets are not cut, but where the model has no positions for them: then the characters
are those of what is left. Other right answers of a row do not count.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from toi.data.examples import Row
from toi.data.predictions import Prediction
from toi.decoding.decoder import limits_of
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import NO_MEMORY
from toi.models.batches import IGNORED, Encoded, sorted_batches
from toi.models.checkpoint import Checkpoint
from toi.models.family import Family, Limits
from toi.models.ready import Model
from toi.scoring.measures import Array, Measure, ratio_figure
from toi.system.errors import InputError
from toi.system.memory import out_of_memory

_MOST = 700.0  # nats: what has more would overflow


def perplexity_measures(
    checkpoint: Model, rows: Sequence[Row | Prediction], options: DecodingOptions, batch_size: int, label: str = "perplexity"
) -> list[Measure]:
    """Both figures of a model, which is loaded if it only lay ready. `options`: how it is to write, of which its limits count.

    Raises InputError if one row alone needs more memory than there is, or the weights are damaged.
    """
    loaded = checkpoint.loaded
    encoded = with_whole_targets(loaded.family, rows, limits_of(loaded, options))
    losses = target_losses(loaded, encoded, batch_size, options.max_batch_tokens, label)
    characters = [
        len(loaded.tokenizer.decode(of_row.target) if of_row.target_cut else row.target)
        for row, of_row in zip(rows, encoded, strict=True)
    ]
    return measures_of(losses, [len(row.target) for row in encoded], characters)


def measures_of(losses: Sequence[float] | Array, tokens: Sequence[int], characters: Sequence[int]) -> list[Measure]:
    """Both figures from -log p, the tokens and the characters of each row's target."""
    return [
        Measure(name, np.column_stack([np.asarray(losses, np.float64), np.asarray(counted, np.float64)]), _figure, signature)
        for name, counted, signature in (
            ("token_perplexity", tokens, "nrefs:1|per:token|end:counted|tok:model"),
            ("char_perplexity", characters, "nrefs:1|per:character|end:in the sum only"),
        )
    ]


def _figure(sums: Array) -> Array:
    return np.exp(np.minimum(ratio_figure(sums), _MOST))


def with_whole_targets(family: Family, rows: Sequence[Row | Prediction], limits: Limits) -> list[Encoded]:
    """The ids of rows, their sources within the limits, their targets as long as they are."""
    encoded = family.encode([row.source for row in rows], [row.target for row in rows], limits)
    for i, (row, of_row) in enumerate(zip(rows, encoded, strict=True)):
        if of_row.target_cut:
            room = Limits(limits.source, len(of_row.target) + of_row.target_cut)
            encoded[i : i + 1] = family.encode([row.source], [row.target], room)
    return encoded


def target_losses(
    checkpoint: Checkpoint, rows: Sequence[Encoded], batch_size: int, max_tokens: int | None = None, label: str = "perplexity"
) -> Array:
    """-log p of each row's target, in nats, in double precision: (rows,). The same, but for rounding, in batches of any size.

    The model stays on its device, and has its dropout off from then on. Raises InputError as `perplexity_measures`.
    """
    checkpoint.model.eval()
    lengths = [np.array([len(ids) for ids in column]) for column in zip(*((row.source, row.target) for row in rows), strict=True)]
    losses = np.zeros(len(rows))
    with tqdm(total=len(rows), desc=label, unit=" examples", leave=False, disable=None) as bar:
        for indices in sorted_batches(checkpoint.family.widths(*lengths), batch_size, max_tokens):
            losses[indices] = _losses(checkpoint, [rows[i] for i in indices])
            bar.update(len(indices))
    if not np.isfinite(losses).all():
        raise InputError(f"{checkpoint.name}: the model computes NaN; its weights are damaged")
    return losses


@torch.no_grad()
def _losses(checkpoint: Checkpoint, rows: Sequence[Encoded]) -> list[float]:
    """-log p of the targets of a batch, as a whole or in halves where memory is short."""
    try:
        batch = checkpoint.family.collate(rows).to(checkpoint.model.device)
        logits, labels = checkpoint.family.logits(checkpoint.model, batch, packed=True)
        of_places = functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
        )  # (places,)
        # Places stand row by row, whether padding is among them or not. Apple's accelerator has no double precision.
        of_tokens = of_places[labels.flatten() != IGNORED].cpu().double()
        return [float(part.sum()) for part in of_tokens.split([len(row.target) for row in rows])]
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        if len(rows) == 1:
            raise InputError(NO_MEMORY) from error
    half = len(rows) // 2  # outside of the except block, which would keep what the failed batch holds
    return _losses(checkpoint, rows[:half]) + _losses(checkpoint, rows[half:])
