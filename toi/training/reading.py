"""What a model reads of rows in training, where that is not what it will read: a part is masked, or embeddings have noise."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedModel

from toi.models.batches import Encoded
from toi.models.family import Family
from toi.models.noise import Noise
from toi.models.seeded import key_of, keys_of_beginnings, shares
from toi.training.encoded import TokenRows
from toi.training.options import LearningOptions


class SourceMask:
    """Puts the mask token, or else `<unk>`, in the place of a share of the tokens of sources; without either they are left out.

    What stands around a text, and special tokens, are never masked, nor is the target (H2O LLM Studio, whose option it is, masks
    all, and takes what it masked out of the loss). Which tokens depends on the seed, the step, and the tokens up to there: what
    several rows begin with is masked alike.
    """

    def __init__(self, family: Family, probability: float, seed: int):
        self._probability, self._seed = probability, seed
        tokenizer = family.tokenizer
        self._before, self._behind = family.source_frame
        others = (None, tokenizer.pad_id, *family.end_ids)  # GPT-2's <unk> is its end
        self.id = next((i for i in (tokenizer.fast.mask_token_id, tokenizer.unk_id) if i not in others), None)
        self._special = torch.tensor(sorted(tokenizer.controls | set(tokenizer.added.values())), dtype=torch.int64)

    def __call__(self, row: Encoded, step: int) -> Encoded:
        """The row, as it is read in a step."""
        ids = torch.tensor(row.source, dtype=torch.int64)
        masked = shares(keys_of_beginnings(row.source) + key_of(self._seed, step)) < self._probability
        masked &= ~torch.isin(ids, self._special)
        masked[: self._before] = False
        masked[len(ids) - self._behind :] = False
        read = ids[~masked] if self.id is None else ids.masked_fill(masked, self.id)
        return replace(row, source=read.tolist())


@dataclass(frozen=True)
class Reading:
    """How rows are read in training."""

    mask: SourceMask | None = None
    noise: Noise | None = None

    def rows(self, rows: TokenRows, indices: Sequence[int], step: int) -> list[Encoded]:
        """These rows, as they are read in a step."""
        read = rows.encoded(indices)
        return read if self.mask is None else [self.mask(row, step) for row in read]

    def on(self, rows: Sequence[Encoded], step: int) -> AbstractContextManager[None]:
        """Within the block the model computes a batch of these rows."""
        return nullcontext() if self.noise is None else self.noise.on(rows, step)


def make_reading(options: LearningOptions, family: Family, model: PreTrainedModel) -> Reading:
    """As the options say; the model adds noise to its embeddings from now on, where there is some."""
    mask = noise = None
    if options.token_mask_probability:
        mask = SourceMask(family, options.token_mask_probability, options.seed)
    if options.neftune_noise_alpha:
        noise = Noise(options.neftune_noise_alpha, options.seed)
        family.make_noisy(model, noise)
    return Reading(mask, noise)
