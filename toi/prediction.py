"""Predictions of a model on rows, and the file that holds them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from toi.checkpoint import Checkpoint
from toi.decoding import decode
from toi.errors import InputError
from toi.examples import Row
from toi.files import read_text, replacing
from toi.options import DecodingOptions
from toi.text import normalize

HEADER = ("qa_id", "input", "target", "output", "score")


class Prediction(NamedTuple):
    """A line of a predictions file."""

    id: str
    source: str
    target: str
    output: str
    score: float


def predict(
    checkpoint: Checkpoint, rows: Sequence[Row], options: DecodingOptions, batch_size: int, label: str = "predict"
) -> list[Prediction]:
    """The model's output for every row, in their order, with a progress bar on stderr.

    Where only outputs with a banned word were found, the output is empty.
    """
    predictions: list[Prediction | None] = [None] * len(rows)
    with tqdm(total=len(rows), desc=label, unit="row", leave=False, disable=None) as bar:
        for i, output in decode(checkpoint, [row.source for row in rows], options, batch_size):
            # A model may write what a TSV cannot hold; the texts it learnt from were normalized.
            predictions[i] = Prediction(*rows[i], normalize(output.text or ""), output.score)
            bar.update()
    return [prediction for prediction in predictions if prediction is not None]


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write a TSV with the header `qa_id input target output score`."""
    with replacing(path) as file:
        file.write("\t".join(HEADER) + "\n")
        for p in predictions:
            file.write("\t".join((p.id, p.source, p.target, p.output, f"{p.score:.6f}")) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """The inverse of `write_predictions`; the column `score` may be missing. Raises InputError with file and line."""
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    header = lines[0].removesuffix("\r").split("\t") if lines else []
    missing = [name for name in HEADER[:4] if name not in header]
    if missing:
        raise InputError(f"{path}:1: expected a header with {' '.join(HEADER)}; {' and '.join(missing)} missing")
    predictions = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.removesuffix("\r").split("\t")
        if len(fields) != len(header):
            raise InputError(f"{path}:{number}: expected {len(header)} tab-separated fields, found {len(fields)}")
        row = dict(zip(header, fields, strict=True))
        try:
            value = float(row.get("score") or "nan")
        except ValueError:
            raise InputError(f"{path}:{number}: the score {row['score']!r} is not a number") from None
        predictions.append(Prediction(row["qa_id"], row["input"], row["target"], row["output"], value))
    if not predictions:
        raise InputError(f"{path}: no predictions under the header")
    return predictions
