"""Error bars and comparisons of figures, by drawing rows again.

Both work on the sums of Measures (toi/scoring/measures.py): a resample is a vector of how often each row was drawn, and many are
one matrix product.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from toi.scoring.measures import Array, Measure, Score

LEVEL = 0.95
_CHUNK = 1 << 22  # numbers in a matrix of draws: 32 MB


@dataclass(frozen=True)
class Difference:
    """A figure minus another one on the same rows: the value, its 95% interval, and the p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


def with_intervals(measures: Sequence[Measure], n_resamples: int = 1000, seed: int = 0) -> dict[str, Score]:
    """The scores of the measures with 95% bootstrap intervals, by name; without ones where there is a single row.

    The intervals are bias-corrected and accelerated (BCa, Efron 1987): percentiles of the figures of `n_resamples`
    resamples of the rows, moved by how asymmetric those are and by how the figure's error changes with the figure.
    """
    rows = len(measures[0].rows)
    if n_resamples < 1 or rows < 2:
        return {measure.name: measure.score for measure in measures}
    drawn = _figures(measures, _draws(rows, n_resamples, seed))
    scores = {}
    for measure, figures in zip(measures, drawn, strict=True):
        value = measure.value
        without = measure.figure(measure.rows.sum(axis=0) - measure.rows)  # (rows,), the figure without each row
        low, high = _bca(figures, value, without)
        scores[measure.name] = replace(measure.score, low=low, high=high)
    return scores


def compare(ours: Sequence[Measure], theirs: Sequence[Measure], n_resamples: int = 1000, seed: int = 0) -> dict[str, Difference]:
    """How much higher our figures are than theirs on the same rows, by name.

    The p-value is that of approximate randomization (Riezler & Maxwell 2005): how often, when a coin decides for each row
    which system wrote which output, the difference is as large as the one seen, either way. The interval is that of a
    paired bootstrap (Koehn 2004). Raises ValueError if the rows are not the same number.
    """
    rows = len(ours[0].rows)
    if any(len(measure.rows) != rows for measure in [*ours, *theirs]):
        raise ValueError("the systems must have been scored on the same rows")
    shuffled = _shuffled_differences(ours, theirs, n_resamples, seed)
    mine = _figures(ours, _draws(rows, n_resamples, seed))
    other = _figures(theirs, _draws(rows, n_resamples, seed))  # the same draws: paired
    differences = {}
    for i, (one, two) in enumerate(zip(ours, theirs, strict=True)):
        value = one.value - two.value
        # Rounding must not tell apart what is equal: two sums of the same numbers in another order.
        as_large = int((np.abs(shuffled[i]) >= abs(value) - 1e-12 * max(1.0, abs(one.value))).sum())
        low, high = np.quantile(mine[i] - other[i], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        differences[one.name] = Difference(value, float(low), float(high), (as_large + 1) / (n_resamples + 1))
    return differences


def _draws(rows: int, n_resamples: int, seed: int) -> Iterator[Array]:
    """How often each row is in each resample: matrices (some resamples, rows), `n_resamples` together."""
    generator = np.random.default_rng(seed)
    for count in _chunks(rows, n_resamples):
        drawn = generator.integers(0, rows, (count, rows)) + rows * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(np.float64)


def _chunks(rows: int, n_resamples: int) -> Iterator[int]:
    size = max(1, _CHUNK // rows)
    for done in range(0, n_resamples, size):
        yield min(size, n_resamples - done)


def _figures(measures: Sequence[Measure], draws: Iterator[Array]) -> list[Array]:
    """The figures (resamples,) of each measure."""
    table, columns = _side_by_side(measures)
    by_measure: list[list[Array]] = [[] for _ in measures]
    for counts in draws:
        sums = counts @ table  # (resamples, all k)
        for measure, column, figures in zip(measures, columns, by_measure, strict=True):
            figures.append(measure.figure(sums[:, column]))
    return [np.concatenate(figures) for figures in by_measure]


def _side_by_side(measures: Sequence[Measure]) -> tuple[Array, list[slice]]:
    """The rows of all measures in one matrix (rows, all k), and which columns are whose."""
    ends = np.cumsum([measure.rows.shape[1] for measure in measures])
    columns = [slice(int(end) - measure.rows.shape[1], int(end)) for measure, end in zip(measures, ends, strict=True)]
    return np.concatenate([measure.rows for measure in measures], axis=1), columns


def _shuffled_differences(ours: Sequence[Measure], theirs: Sequence[Measure], trials: int, seed: int) -> list[Array]:
    """The differences (trials,) of each measure where each row's outputs changed sides with probability 1/2."""
    mine, columns = _side_by_side(ours)
    other, _ = _side_by_side(theirs)
    generator = np.random.default_rng(seed)
    by_measure: list[list[Array]] = [[] for _ in ours]
    for count in _chunks(len(mine), trials):
        swaps = generator.integers(0, 2, (count, len(mine))).astype(np.float64)
        moved = swaps @ (other - mine)  # (trials, all k)
        sums, their_sums = mine.sum(axis=0) + moved, other.sum(axis=0) - moved
        for measure, column, differences in zip(ours, columns, by_measure, strict=True):
            differences.append(measure.figure(sums[:, column]) - measure.figure(their_sums[:, column]))
    return [np.concatenate(differences) for differences in by_measure]


def _bca(figures: Array, value: float, without: Array) -> tuple[float, float]:
    """The BCa interval from the figures of the resamples and the figures without each row (Efron & Tibshirani 1993, 14.3)."""
    if figures.min() == figures.max():
        return float(figures[0]), float(figures[0])
    normal = NormalDist()
    below = (float((figures < value).sum()) + 0.5 * float((figures == value).sum())) / len(figures)
    bias = normal.inv_cdf(min(max(below, 1 / (len(figures) + 1)), len(figures) / (len(figures) + 1)))
    from_mean = without.mean() - without
    spread = float((from_mean**2).sum())
    acceleration = float((from_mean**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = []
    for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        moved = bias + normal.inv_cdf(share)
        ends.append(normal.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(figures, ends)
    return float(low), float(high)
