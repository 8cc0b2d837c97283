"""sacreBLEU's chrF2 of character 1- to 6-grams (Popović 2015), as a Measure."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from toi.scoring.measures import SACREBLEU, Array, Measure, References, check, counts
from toi.scoring.overlap import ngrams, shared

CHRF_ORDER = 6
_CHRF_BETA = 2


def chrf_measures(predictions: Sequence[str], references: References) -> list[Measure]:
    """The measure of `chrf` (toi/scoring/metrics.py)."""
    check(predictions, references)
    rows = []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = _character_ngrams(prediction)
        by_reference = np.array([_chrf_statistics(ours, _character_ngrams(gold)) for gold in golds], dtype=np.float64)
        rows.append(by_reference[int(np.argmax(chrf_figure(by_reference)))])  # the first of the best references
    signature = f"nrefs:{counts(references)}|case:mixed|eff:yes|nc:{CHRF_ORDER}|nw:0|space:no|version:{SACREBLEU}"
    return [Measure("chrf", np.array(rows), chrf_figure, signature)]


def _character_ngrams(text: str) -> list[Counter[Hashable]]:
    characters = "".join(text.split())
    return [ngrams(characters, n) for n in range(1, CHRF_ORDER + 1)]


def _chrf_statistics(ours: list[Counter[Hashable]], theirs: list[Counter[Hashable]]) -> list[int]:
    statistics = []
    for mine, other in zip(ours, theirs, strict=True):
        # n-grams of an order that the reference is too short for do not count against the prediction.
        statistics += [mine.total() if other else 0, other.total(), shared(mine, other)]
    return statistics


def chrf_figure(sums: Array) -> Array:
    """chrF2 from sums (..., 3 * CHRF_ORDER): n-grams of the prediction, of the reference, shared, for each order.

    Precisions and recalls are averaged over the orders that both sides have.
    """
    by_order = sums.reshape(*sums.shape[:-1], CHRF_ORDER, 3)
    ours, theirs, both = by_order[..., 0], by_order[..., 1], by_order[..., 2]
    counted = (ours > 0) & (theirs > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, both / np.maximum(ours, 1), 0.0).sum(axis=-1) / orders
    recall = np.where(counted, both / np.maximum(theirs, 1), 0.0).sum(axis=-1) / orders
    factor = _CHRF_BETA**2
    divisor = factor * precision + recall
    return np.where(divisor > 0, 100 * (1 + factor) * precision * recall / np.where(divisor > 0, divisor, 1), 0.0)
