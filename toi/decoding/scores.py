"""What a step of a search does to the logits of a model: penalties, and constraints on the text."""

import math
from collections.abc import Sequence

import numpy

from toi.decoding.arrays import Array, Arrays
from toi.decoding.endings import Constraint, Ending
from toi.decoding.plan import Constraints, SearchPlan

Endings = tuple[Ending, ...]  # of one output, for each of its constraints


def log_probabilities(
    arrays: Arrays, logits: Array, written: numpy.ndarray, plan: SearchPlan, end_ids: Sequence[int]
) -> tuple[Array, Array]:
    """Log-probabilities of the model, and with the penalties: both (outputs, vocabulary). See `penalized`."""
    logits, ranked = penalized(arrays, logits, written, plan, end_ids)
    log_probs = arrays.log_softmax(logits)
    return log_probs, log_probs if ranked is logits else arrays.log_softmax(ranked)


def penalized(
    arrays: Arrays, logits: Array, written: numpy.ndarray, plan: SearchPlan, end_ids: Sequence[int]
) -> tuple[Array, Array]:
    """The logits in single precision, and with the penalties: both (outputs, vocabulary), one where there are none.

    `written`: (outputs, length). An output is never empty. As in CTranslate2, penalties change the logits: the repetition penalty
    as in Keskar et al. 2019.
    """
    logits = arrays.single(logits)
    if written.shape[1] == 0:
        logits = arrays.copied(logits)
        logits[:, list(end_ids)] = -math.inf
    if plan.repetition_penalty == 1 and not plan.no_repeat_ngram_size:
        return logits, logits
    unpenalized, logits = logits, arrays.copied(logits)
    if plan.repetition_penalty != 1 and written.shape[1]:
        there = arrays.placed(numpy.arange(len(written))[:, None], logits), arrays.placed(written, logits)
        known = logits[there]  # (outputs, length)
        logits[there] = arrays.where(known < 0, known * plan.repetition_penalty, known / plan.repetition_penalty)
    for output, ids in enumerate(written.tolist() if plan.no_repeat_ngram_size else ()):
        logits[output, repeating(ids, plan.no_repeat_ngram_size)] = -math.inf
    return unpenalized, logits


def repeating(ids: list[int], n: int) -> list[int]:
    """The tokens that would end an n-gram that is in `ids` already."""
    last = ids[len(ids) - n + 1 :]
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i : i + n - 1] == last] if len(ids) >= n - 1 else []


def without_banned(
    arrays: Arrays, log_probs: Array, constraints: Constraints, endings: Sequence[Endings], end_ids: Sequence[int], last: bool
) -> Array:
    """The log-probabilities or logits (outputs, vocabulary), minus infinity for what the constraints of each output forbid.

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
    log_probs = arrays.copied(log_probs)
    where = numpy.concatenate(outputs), numpy.concatenate(tokens)
    log_probs[tuple(arrays.placed(index, log_probs) for index in where)] = -math.inf
    return log_probs


def advanced(constraints: Sequence[Constraint], endings: Endings, token: int) -> Endings:
    """The endings of an output behind one more token."""
    return tuple(banned.advance(ending, token) for banned, ending in zip(constraints, endings, strict=True))
