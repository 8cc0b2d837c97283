"""Losses: `loss(logits, labels) -> sum over the target tokens`.

The loop divides by the number of target tokens of the whole optimizer step, so that the result does not depend
on how the step was cut into batches. Labels of -100 do not count.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

IGNORED = -100
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The summed negative log-likelihood. `logits`: (batch, target, vocab), `labels`: (batch, target)."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def label_smoothing(factor: float) -> Loss:
    """Cross entropy with `factor` of the target spread over the vocabulary (Szegedy et al. 2016, section 7)."""

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum", label_smoothing=factor
        )

    return loss
