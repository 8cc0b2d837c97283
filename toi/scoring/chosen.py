"""Scores of choices with probabilities: proper ones, how far the probabilities can be believed, and what is chosen for what.

log_loss         mean of -log p(right)                              Good 1952; lower is better, as of all but accuracy
brier            mean of the sum over choices of (p - right)^2      Brier 1950; from 0 to 2
ece              mean over the rows of |accuracy - confidence| of their bin: 15 of equal width (Guo et al. 2017, equation 3)
log_loss_shares  what the shares of the right choices, guessed for every row, would get: their entropy
log_loss_uniform what a guess of 1 / choices would get
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from toi.data.dialogues import text_of_field
from toi.data.examples import Example
from toi.data.predictions import Prediction
from toi.scoring.measures import Array, Measure, mean_measure
from toi.system.errors import InputError

BINS = 15
_LEAST = 1e-15  # a probability that was rounded to 0 is no certainty


def choices_of_predictions(predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """What predictions choose among; none where they do not."""
    return tuple(predictions[0].probabilities) if predictions else ()


def choice_measures(predictions: Sequence[Prediction]) -> list[Measure]:
    """The measures above. Raises InputError for a target that is none of the choices."""
    choices = choices_of_predictions(predictions)
    for p in predictions:
        if p.target not in choices:
            raise InputError(f"prediction {p.id!r}: the target {p.target!r} is none of the choices {', '.join(choices)}")
    shares = np.array([[p.probabilities[choice] for choice in choices] for p in predictions])  # (rows, choices)
    right = np.array([[float(choice == p.target) for choice in choices] for p in predictions])
    hits = [float(p.output == p.target) for p in predictions]
    signature = f"choices:{len(choices)}"
    return [
        mean_measure("log_loss", -np.log(np.maximum((shares * right).sum(1), _LEAST)), f"{signature}|log:natural"),
        mean_measure("accuracy", hits, signature),
        mean_measure("brier", ((shares - right) ** 2).sum(1), f"{signature}|sum:choices"),
        Measure("ece", _binned(shares.max(1), np.array(hits)), _ece, f"{signature}|bins:{BINS} of equal width|of:the likeliest"),
        Measure("log_loss_shares", right, _entropy, f"{signature}|guess:shares of the targets"),
        mean_measure("log_loss_uniform", np.full(len(shares), np.log(len(choices))), f"{signature}|guess:uniform"),
    ]


def _binned(confidence: Array, hits: Array) -> Array:
    """Of each row what its bin sums: rows, confidence and hits, (rows, 3 x BINS)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = np.zeros((len(bins), 3, BINS))
    at = np.arange(len(bins))
    rows[at, 0, bins], rows[at, 1, bins], rows[at, 2, bins] = 1, confidence, hits
    return rows.reshape(len(bins), -1)


def _ece(sums: Array) -> Array:
    counts, confidence, hits = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, BINS), -2, 0)
    return np.abs(confidence - hits).sum(-1) / np.maximum(counts.sum(-1), 1)


def _entropy(sums: Array) -> Array:
    shares = sums / np.maximum(sums.sum(-1, keepdims=True), 1)
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(-1)


def reliability(predictions: Sequence[Prediction]) -> list[tuple[int, float, float]]:
    """Of each bin that has rows their number, their mean confidence and the share of them that are right."""
    shares = np.array([max(p.probabilities.values()) for p in predictions])
    sums = _binned(shares, np.array([float(p.output == p.target) for p in predictions])).sum(0).reshape(3, BINS)
    return [(int(n), confidence / n, hits / n) for n, confidence, hits in sums.T.tolist() if n]


def confusion(predictions: Sequence[Prediction]) -> dict[str, dict[str, int]]:
    """Right choice -> chosen -> rows."""
    counts = Counter((p.target, p.output) for p in predictions)
    choices = choices_of_predictions(predictions)
    return {right: {chosen: counts[right, chosen] for chosen in choices} for right in choices}


def groups(predictions: Sequence[Prediction], examples: Mapping[str, Example]) -> dict[str, dict[str, list[int]]]:
    """Rows by the difference in length of their answers, and by the models that gave them, where the data has that."""
    lengths: dict[str, list[int]] = {}
    models: dict[str, list[int]] = {}
    for i, p in enumerate(predictions):
        example = examples.get(p.id)
        if example is None or "a" not in example.extra:
            continue
        lengths.setdefault(_length_group(example), []).append(i)
        for name in {example.extra.get("model_a", ""), example.extra.get("model_b", "")} - {""}:
            models.setdefault(str(name), []).append(i)
    in_order = {name: lengths[name] for name in _LENGTH_GROUPS if name in lengths}
    return {name: found for name, found in (("length", in_order), ("model", dict(sorted(models.items())))) if found}


_BORDERS = (-np.inf, -0.5, -0.1, 0.1, 0.5, np.inf)  # of (a - b) / the longer one
_LENGTH_GROUPS = (
    "second over twice as long",
    "second longer",
    "within a tenth",
    "first longer",
    "first over twice as long",
)


def _length_group(example: Example) -> str:
    a, b = (len(text_of_field(example, name)) for name in ("response_a", "response_b"))
    share = (a - b) / max(a, b, 1)
    at = next(i for i, (low, high) in enumerate(pairwise(_BORDERS)) if low <= share <= high)
    return _LENGTH_GROUPS[at]
