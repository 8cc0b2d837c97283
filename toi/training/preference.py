"""Losses of pairs: the chosen answer shall become likelier than the rejected one, by more than it was for the reference.

The reference is the model that training begins with; its log-probabilities are known before (toi/training/reference.py). The reward
of an answer is beta times what its log-probability has gained on the reference's, and the margin of a pair the reward of the chosen
answer less that of the rejected one (Rafailov et al. 2023, section 4). The loss of a batch is the sum over its pairs.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from toi.models.batches import IGNORED
from toi.models.padded import Batch
from toi.training.options import PAIR_FIGURES

# (pairs, 2): gains in log-probability, and lengths in tokens, of chosen and rejected answers -> the loss of each pair, (pairs,)
OfGains = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class PairLoss:
    """A loss of pairs, whose rows stand two and two in a batch: of one source the chosen answer, then the rejected one.

    `by_token` (toi/training/losses.py): the places of all targets are enough, as they stand row by row.
    """

    by_token = True

    def __init__(self, beta: float, of_gains: OfGains):
        self._beta, self._of_gains = beta, of_gains

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The sum over the pairs."""
        return self._losses(*gains_of(logits, labels, batch)).sum()

    def sums(self, logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Over the pairs: the loss, how many are told right (half of those whose answers gained alike), margins and rewards."""
        gains, lengths = gains_of(logits, labels, batch)
        rewards = self._beta * gains  # (pairs, 2)
        margins = rewards[:, 0] - rewards[:, 1]
        figures = ((margins > 0) + 0.5 * (margins == 0), margins, rewards[:, 0], rewards[:, 1])
        return {"eval_loss": self._losses(gains, lengths).sum()} | {
            name: of_pairs.sum() for name, of_pairs in zip(PAIR_FIGURES, figures, strict=True)
        }

    def _losses(self, gains: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self._of_gains(gains, lengths)


def dpo(beta: float, label_smoothing: float | None) -> PairLoss:
    """-log sigmoid(margin) (Rafailov et al. 2023, equation 7).

    With label smoothing a share of the votes is taken to be the other way round: the conservative DPO of Mitchell 2023 (A note on
    DPO with noisy preferences, equation 3).
    """
    wrong = label_smoothing or 0.0

    def of_gains(gains: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        margins = beta * (gains[:, 0] - gains[:, 1])
        return -(1 - wrong) * functional.logsigmoid(margins) - wrong * functional.logsigmoid(-margins)

    return PairLoss(beta, of_gains)


def ipo(beta: float) -> PairLoss:
    """The squared distance of the difference of gains from 1 / (2 beta) (Azar et al. 2023, equation 17).

    Gains are means over the tokens of an answer, not sums, as trl has it after its authors.
    """

    def of_gains(gains: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        means = gains / lengths
        return (means[:, 0] - means[:, 1] - 1 / (2 * beta)) ** 2

    return PairLoss(beta, of_gains)


def gains_of(logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What the answers gained on the reference, and their tokens: both (pairs, 2), of the chosen and the rejected ones."""
    assert batch.reference is not None
    lengths = (batch.labels != IGNORED).sum(1)
    return log_probabilities(logits, labels, batch).view(-1, 2) - batch.reference, lengths.view(-1, 2)


def log_probabilities(logits: torch.Tensor, labels: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The log-probability of the target of each row: (rows,), in single precision."""
    losses = functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none")
    lengths = (batch.labels != IGNORED).sum(1)
    rows = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)  # of each place that has a target
    return -losses.new_zeros(len(lengths)).index_add(0, rows, losses[labels.flatten() != IGNORED])
