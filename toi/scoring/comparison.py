"""Our outputs against those of another file of predictions on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from toi.data.predictions import Prediction, read_predictions
from toi.scoring.measures import Measure
from toi.scoring.resampling import Difference, compare
from toi.system.errors import InputError

_CHANGES = 10  # examples that --compare shows


@dataclass(frozen=True)
class Change:
    """An example that two systems answered differently: the figures of both, the difference ours - theirs."""

    id: str
    ours: float
    theirs: float
    output: str
    other: str


@dataclass(frozen=True)
class Comparison:
    """Our outputs against those of another file: differences by metric, and the examples that changed most."""

    file: str
    metric: str  # of the changes
    differences: dict[str, Difference]
    changes: list[Change]
    others: list[str]  # their outputs, in the order of our rows


def read_other(path: str, rows: Sequence[tuple[str, str]]) -> list[Prediction]:
    """The predictions of another file, in the order of our rows (id, target).

    Raises InputError if it has other rows, or other targets.
    """
    others: dict[str, Prediction] = {}
    for prediction in read_predictions(path):
        if prediction.id in others:
            raise InputError(f"{path}: two rows with the id {prediction.id!r}")
        others[prediction.id] = prediction
    ours = {id for id, _ in rows}
    if len(ours) < len(rows):
        raise InputError("rows to be compared have the same id twice")
    if ours != set(others):
        lacking, added = [id for id, _ in rows if id not in others], [id for id in others if id not in ours]
        parts = [f"{len(lacking):,} of our rows are not in it (the first {lacking[0]!r})"] if lacking else []
        parts += [f"{len(added):,} of its rows are not ours (the first {added[0]!r})"] if added else []
        raise InputError(f"{path}: not predictions on the same rows: {', '.join(parts)}")
    for id, target in rows:
        if others[id].target != target:
            raise InputError(f"{path}: the target of {id!r} is {others[id].target!r} there, but {target!r} here")
    return [others[id] for id, _ in rows]


def compared(
    predictions: Sequence[Prediction],
    others: Sequence[Prediction],
    measures: tuple[Sequence[Measure], Sequence[Measure]],
    metric: str,
    file: str,
    n_resamples: int,
    seed: int,
) -> Comparison:
    """The differences between two lists of predictions in the same order of rows, by their `measures` (ours, theirs).

    `metric` names the measure by which the examples that changed most are found.
    """
    differences = compare(*measures, n_resamples, seed)
    mine, other = (next(m.of_rows for m in of_one if m.name == metric) for of_one in measures)
    order = sorted(range(len(mine)), key=lambda i: (-abs(mine[i] - other[i]), i))
    changes = [
        Change(p.id, float(mine[i]), float(other[i]), p.output, others[i].output)
        for i in order[:_CHANGES]
        if (p := predictions[i]).output != others[i].output
    ]
    return Comparison(file, metric, differences, changes, [prediction.output for prediction in others])
