"""`--loss choice`: the log loss among the choices of a task alone, whatever else the model could write.

    -log (p(right) / sum over the choices of p(choice))

p is that of each whole choice behind the row's source, as predictions have it (toi/models/choices.py). Where every choice is one
token, the logits of the first place of a row say them all; else a row stands in a batch once with each choice, the right one first,
and a causal model reads what they share, their source, once.
"""

from collections.abc import Iterator, Sequence

import numpy
import torch

from toi.models.batches import Encoded
from toi.models.choices import ChoiceTokens
from toi.models.contexts import Contexts
from toi.models.family import Family
from toi.models.padded import Batch
from toi.system.errors import InputError
from toi.training.encoded import TokenRows
from toi.training.preference import log_probabilities


class ChoiceRows(TokenRows):
    """Encoded rows whose targets are choices. Raises InputError for one whose target is none of them."""

    noun = "row"

    def __init__(self, rows: TokenRows, choices: ChoiceTokens, where: str):
        self._dataset, self.source_lengths = rows._dataset, rows.source_lengths
        self.choices, self._where = choices, where
        self._written = [len(ids) for ids in choices.counted] if choices.ways > 1 else [1]
        self._rights = []
        for i in range(len(rows)):
            try:
                self._rights.append(choices.place(rows[i].target))
            except ValueError:
                names = ", ".join(choices.names)
                raise InputError(f"{where}:{i + 1}: the target is none of the choices {names} of task.json") from None
        self.target_lengths = numpy.full(len(rows), sum(self._written))

    def counted(self, indices: Sequence[int]) -> int:
        """The rows themselves."""
        return len(indices)

    def widths(self, family: Family) -> numpy.ndarray:
        """Those of a row with all of its choices; what these share is counted once."""
        if self.contexts is not None:
            return self.contexts.widths
        return numpy.sum([family.widths(self.source_lengths, numpy.full(len(self), n)) for n in self._written], axis=0)

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        """Each row with every choice, the right one first; of choices of one token with that alone."""
        rows = []
        for i in indices:
            right = self._rights[i]
            others = [n for n in range(len(self.choices.counted)) if n != right] if self.choices.ways > 1 else []
            source = self[i].source
            rows += [Encoded(source, list(self.choices.counted[n])) for n in (right, *others)]
        return rows

    def share_contexts(self, family: Family) -> str | None:
        """All choices behind one reading of their source, and of what several sources begin with."""
        ways = self.choices.ways
        found = family.share_contexts(self._sources(ways), numpy.tile(self._written, len(self)))
        if found is None:
            return None
        groups, shared = found.groups[::ways], found.shared[::ways]
        _, inverse, counts = numpy.unique(groups, return_inverse=True, return_counts=True)
        widths = self.source_lengths + sum(self._written)
        self.contexts = Contexts(groups, numpy.where(counts[inverse] > 1, shared, 0), widths)
        return str(found)

    def _sources(self, ways: int) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        """See `TokenRows.sources`: each so many times."""
        for ids, lengths in self.sources():
            apart = numpy.split(ids, numpy.cumsum(lengths)[:-1])
            yield numpy.concatenate([numpy.tile(source, ways) for source in apart]), numpy.repeat(lengths, ways)

    def select(self, indices: Sequence[int]) -> "ChoiceRows":
        """These rows only, in this order."""
        return ChoiceRows(super().select(indices), self.choices, self._where)


class ChoiceLoss:
    """See above. `choices` are those of the task, known when the tokenizer is. The loss of a batch is the sum over its rows."""

    by_token = True
    choices: ChoiceTokens

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The sum over the rows."""
        if self.choices.ways > 1:
            return -log_probabilities(logits, labels, batch).view(-1, self.choices.ways).log_softmax(-1)[:, 0].sum()
        ids = torch.tensor([token for (token,) in self.choices.counted], device=logits.device)
        of_places, right = logits.flatten(0, 1), labels.flatten()
        among = of_places[right >= 0][:, ids].float().log_softmax(-1)  # (rows, choices)
        return -among[right[right >= 0][:, None] == ids].sum()


def choice() -> ChoiceLoss:
    """The loss, for `toi.training.losses.make_loss`."""
    return ChoiceLoss()
