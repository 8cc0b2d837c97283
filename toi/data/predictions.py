"""Outputs of a model for rows, and the file that holds them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from toi.data.tsv import fields_of, to_line
from toi.system.errors import InputError
from toi.system.files import read_lines, replacing

HEADER = ("qa_id", "input", "target", "output", "score")
# A further column of files whose texts may hold line breaks, and what stands in it: how this row writes them (toi/data/tsv.py).
LINE_BREAKS, _AS = "line_breaks", r"\n"
_ROUNDING = 1e-4  # by which probabilities of others may miss one


class Prediction(NamedTuple):
    """A line of a predictions file."""

    id: str
    source: str
    target: str
    output: str
    score: float
    probabilities: Mapping[str, float] = MappingProxyType({})  # of the choices, where it is one of some


def write_predictions(
    path: str | Path, predictions: Iterable[Prediction], *, line_breaks: bool = False, choices: Sequence[str] = ()
) -> None:
    """Write a TSV with the header `qa_id input target output score`, behind it a column for the probability of each choice.

    With `line_breaks` texts may hold line breaks. The file says so itself, for whoever has no task: in a column `line_breaks`.
    """
    with replacing(path) as file:
        file.write("\t".join((*HEADER, *choices, *([LINE_BREAKS] if line_breaks else ()))) + "\n")
        for p in predictions:
            numbers = [f"{p.score:.6f}", *(f"{share:.9g}" for share in p.probabilities.values())]
            line = to_line((p.id, p.source, p.target, p.output, *numbers), line_breaks=line_breaks)
            file.write(line + (f"\t{_AS}" if line_breaks else "") + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """The inverse of `write_predictions`, for scoring; the column `score` may be missing. Raises InputError with file and line."""
    lines = list(read_lines(path))
    header = _header(lines)
    choices = choices_of(path)
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
        shares = _shares([row[choice] for choice in choices], f"{path}:{number}")
        named = dict(zip(choices, shares, strict=True))
        predictions.append(Prediction(row["qa_id"], row["input"], row["target"], row["output"], value, named))
    if not predictions:
        raise InputError(f"{path}: no predictions under the header")
    return predictions


def choices_of(path: str | Path) -> tuple[str, ...]:
    """The choices of a file of predictions: the columns behind its score, if their first cells are numbers that sum to one."""
    lines = list(islice(read_lines(path), 2))
    header = _header(lines)
    at = header.index("score") + 1 if "score" in header else len(header)
    names = tuple(name for name in header[at:] if name != LINE_BREAKS)
    cells = lines[1].removesuffix("\r").split("\t") if len(lines) > 1 else []
    try:
        shares = [float(cell) for cell in cells[at : at + len(names)]]
    except ValueError:  # columns of another kind
        return ()
    return names if len(names) > 1 and len(shares) == len(names) and abs(sum(shares) - 1) < _ROUNDING else ()


def _header(lines: Sequence[str]) -> list[str]:
    return lines[0].removesuffix("\r").split("\t") if lines else []


def _shares(cells: Sequence[str], place: str) -> tuple[float, ...]:
    """The probabilities in cells. Raises InputError, beginning with `place`, if they are none."""
    try:
        shares = tuple(map(float, cells))
    except ValueError:
        shares = (math.nan,)
    if cells and not (all(0 <= share <= 1 for share in shares) and abs(sum(shares) - 1) < _ROUNDING):
        raise InputError(f"{place}: the columns of the choices are no probabilities that sum to one: {', '.join(cells)}")
    return shares
