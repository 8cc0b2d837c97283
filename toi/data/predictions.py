"""Outputs of a model for rows, and the file that holds them."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from toi.data.tsv import fields_of, to_line
from toi.system.errors import InputError
from toi.system.files import read_lines, replacing

HEADER = ("qa_id", "input", "target", "output", "score")
# A further column of files whose texts may hold line breaks, and what stands in it: how this row writes them (toi/data/tsv.py).
LINE_BREAKS, _AS = "line_breaks", r"\n"


class Prediction(NamedTuple):
    """A line of a predictions file."""

    id: str
    source: str
    target: str
    output: str
    score: float


def write_predictions(path: str | Path, predictions: Iterable[Prediction], *, line_breaks: bool = False) -> None:
    """Write a TSV with the header `qa_id input target output score`.

    With `line_breaks` texts may hold line breaks. The file says so itself, for whoever has no task: in a column `line_breaks`.
    """
    with replacing(path) as file:
        file.write("\t".join((*HEADER, LINE_BREAKS) if line_breaks else HEADER) + "\n")
        for p in predictions:
            line = to_line((p.id, p.source, p.target, p.output, f"{p.score:.6f}"), line_breaks=line_breaks)
            file.write(line + (f"\t{_AS}" if line_breaks else "") + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """The inverse of `write_predictions`, for scoring; the column `score` may be missing. Raises InputError with file and line."""
    lines = list(read_lines(path))
    header = lines[0].removesuffix("\r").split("\t") if lines else []
    missing = [name for name in HEADER[:4] if name not in header]
    if missing:
        raise InputError(f"{path}:1: expected a header with {' '.join(HEADER)}; {' and '.join(missing)} missing")
    predictions = []
    for number, line in enumerate(lines[1:], start=2):
        fields = fields_of(line, f"{path}:{number}", line_breaks=False)
        if len(fields) != len(header):
            raise InputError(f"{path}:{number}: expected {len(header)} tab-separated fields, found {len(fields)}")
        if dict(zip(header, fields, strict=True)).get(LINE_BREAKS) == _AS:
            fields = fields_of(line, f"{path}:{number}", line_breaks=True)
        row = dict(zip(header, fields, strict=True))
        if not row["target"].strip():
            raise InputError(f"{path}:{number}: no target to score against; give predict.py a third field, or remove the row")
        try:
            value = float(row.get("score") or "nan")
        except ValueError:
            raise InputError(f"{path}:{number}: the score {row['score']!r} is not a number") from None
        predictions.append(Prediction(row["qa_id"], row["input"], row["target"], row["output"], value))
    if not predictions:
        raise InputError(f"{path}: no predictions under the header")
    return predictions
