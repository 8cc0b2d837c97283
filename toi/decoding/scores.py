"""What a step of a search does to the logits of a model: penalties, and constraints on the text."""

from collections.abc import Sequence

import numpy
import torch

from toi.decoding.endings import Constraint, Ending
from toi.decoding.plan import Constraints, SearchPlan

Endings = tuple[Ending, ...]  # of one output, for each of its constraints


def log_probabilities(
    logits: torch.Tensor, written: torch.Tensor, plan: SearchPlan, end_ids: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the model, and with the penalties: both (outputs, vocabulary). `written`: (outputs, length).

    An output is never empty. As in CTranslate2, penalties change the logits: the repetition penalty as in Keskar et al. 2019.
    """
    if written.shape[1] == 0:
        logits = logits.clone()
        logits[:, list(end_ids)] = -torch.inf
    log_probs = logits.log_softmax(-1)
    if plan.repetition_penalty == 1 and not plan.no_repeat_ngram_size:
        return log_probs, log_probs
    logits = logits.clone()
    if plan.repetition_penalty != 1 and written.shape[1]:
        there = written.to(logits.device)
        known = logits.gather(1, there)
        known = torch.where(known < 0, known * plan.repetition_penalty, known / plan.repetition_penalty)
        logits.scatter_(1, there, known)
    for output, ids in enumerate(written.tolist() if plan.no_repeat_ngram_size else ()):
        logits[output, repeating(ids, plan.no_repeat_ngram_size)] = -torch.inf
    return log_probs, logits.log_softmax(-1)


def repeating(ids: list[int], n: int) -> list[int]:
    """The tokens that would end an n-gram that is in `ids` already."""
    last = ids[len(ids) - n + 1 :]
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i : i + n - 1] == last] if len(ids) >= n - 1 else []


def without_banned(
    log_probs: torch.Tensor, constraints: Constraints, endings: Sequence[Endings], end_ids: Sequence[int], last: bool
) -> torch.Tensor:
    """The log-probabilities (outputs, vocabulary), minus infinity for what the constraints of each output forbid.

    `last`: no token may follow the one that is chosen.
    """
    outputs: list[numpy.ndarray] = []
    tokens: list[numpy.ndarray] = []
    for output, (of_output, its_endings) in enumerate(zip(constraints, endings, strict=True)):
        for banned, ending in zip(of_output, its_endings, strict=True):
            ends = numpy.array([] if banned.may_end(ending) else end_ids, dtype=numpy.int64)
            for forbidden in (banned.always, banned.forbidden(ending, last), ends):
                if len(forbidden):
                    tokens.append(forbidden)
                    outputs.append(numpy.full(len(forbidden), output))
    if not tokens:
        return log_probs
    log_probs = log_probs.clone()
    where = (torch.from_numpy(numpy.concatenate(outputs)), torch.from_numpy(numpy.concatenate(tokens)))
    log_probs[tuple(index.to(log_probs.device) for index in where)] = -torch.inf
    return log_probs


def advanced(constraints: Sequence[Constraint], endings: Endings, token: int) -> Endings:
    """The endings of an output behind one more token."""
    return tuple(banned.advance(ending, token) for banned, ending in zip(constraints, endings, strict=True))
