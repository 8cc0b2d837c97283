"""What a figure is made of: numbers of each row that are summed over the rows, and the figure of the sums.

So a figure of any choice of rows, a bootstrap resample say, costs a sum (toi/scoring/resampling.py). Every figure carries the
signature that lets another person compute it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toi.text.normalization import is_text

References = Sequence[Sequence[str]]
Array = NDArray[np.float64]
Tokens = Sequence[str]

# What our figures equal to 1e-9 (tests/scoring/test_metrics.py): a new version of these is a reason to look again.
SACREBLEU, ROUGE_SCORE = "2.6.0", "0.1.2"


@dataclass(frozen=True)
class Score:
    """A figure and the signature that lets another person compute it again.

    `low` and `high` are the ends of its 95% interval, where one was computed (toi/scoring/resampling.py).
    """

    value: float
    signature: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measure:
    """What is summed over the rows, `rows` (rows, k), and `figure`: sums (..., k) -> figures (...)."""

    name: str
    rows: Array
    figure: Callable[[Array], Array]
    signature: str

    @property
    def value(self) -> float:
        """The figure of all rows together."""
        return float(self.figure(self.rows.sum(axis=0)))

    @property
    def of_rows(self) -> Array:
        """The figure of each row by itself, (rows,)."""
        return self.figure(self.rows)

    @property
    def score(self) -> Score:
        """The figure of all rows together, with its signature."""
        return Score(self.value, self.signature)


def scores(measures: Sequence[Measure]) -> dict[str, Score]:
    """The scores of measures, by name."""
    return {measure.name: measure.score for measure in measures}


def mean_measure(name: str, rows: Sequence[float] | Array, signature: str) -> Measure:
    """The mean of a figure of each row."""
    return ratio_measure(name, rows, np.ones(len(rows)), signature)


def ratio_measure(name: str, above: Sequence[float] | Array, below: Sequence[float] | Array, signature: str) -> Measure:
    """The ratio of two sums over the rows; 0 where the lower one is 0."""
    return Measure(name, np.column_stack([np.asarray(above, np.float64), np.asarray(below, np.float64)]), ratio_figure, signature)


def ratio_figure(sums: Array) -> Array:
    """The first sum over the second; 0 where that is 0."""
    return np.where(sums[..., 1] != 0, sums[..., 0] / np.where(sums[..., 1] != 0, sums[..., 1], 1), 0.0)


def f_measure(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def check(predictions: Sequence[str], references: References) -> None:
    """Raise ValueError for what cannot be scored: other numbers of rows, no row, a row without a reference, a lone surrogate."""
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} references")
    if not predictions:
        raise ValueError("nothing to score")
    for i, golds in enumerate(references):
        if isinstance(golds, str):
            raise ValueError(f"reference {i} is a text; expected a list of texts")
        if not golds:
            raise ValueError(f"prediction {i} has no reference")
        check_texts(golds, f"reference {i}, answer")
    check_texts(predictions, "prediction")


def check_texts(texts: Sequence[str], what: str) -> None:
    """Raise ValueError if a text holds half of a surrogate pair: it is no Unicode text, and no tokenizer takes it."""
    for i, text in enumerate(texts):
        if not is_text(text):
            raise ValueError(f"{what} {i} holds an unpaired surrogate")


def counts(references: References) -> str:
    """sacreBLEU's `nrefs`: the number of references of a row, or `var`."""
    fewest, most = min(map(len, references)), max(map(len, references))
    return str(most) if fewest == most else "var"
