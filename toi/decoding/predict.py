"""Predictions of a model on rows, and the file that holds them."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from toi.data.examples import Row
from toi.decoding.ctranslate import fingerprint
from toi.decoding.decoder import Decoder, decode
from toi.models.checkpoint import Checkpoint, versions
from toi.options import DecodingOptions
from toi.system.errors import InputError
from toi.system.files import read_lines, replacing
from toi.system.journal import Journal
from toi.text.normalization import normalize

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
    with tqdm(total=len(rows), desc=label, unit=" examples", leave=False, disable=None) as bar:
        for i, output in decode(checkpoint, [row.source for row in rows], options, batch_size):
            # A model may write what a TSV cannot hold; the texts it learnt from were normalized.
            predictions[i] = Prediction(*rows[i], normalize(output.text or ""), output.score)
            bar.update()
    return [prediction for prediction in predictions if prediction is not None]


@dataclass(frozen=True)
class Run:
    """What `predict_to_file` did: the engines, rows that an earlier run had done, sources that were cut, ids without output."""

    engine: str
    resumed: int
    cut: int  # of the first process's share
    without_output: list[str]
    seconds: float


def predict_to_file(
    checkpoint: Checkpoint, rows: Sequence[Row], options: DecodingOptions, batch_size: int, path: str | Path
) -> Run | None:
    """Write the predictions of the rows to a file, which is there when it is whole; the same bytes as `predict` would give.

    Every output is kept in `{path}.partial` as it comes, and a run that was killed goes on from there. Of several processes
    (accelerate launch) each does a share, and the first one writes the file: the others get None. Raises InputError if the
    place cannot be written.
    """
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    journal = Journal(path, _run_key(checkpoint, rows, options), rank)
    if journal.stale and rank == 0:
        print(f"{path}.partial is of another run (other options, input or model): starting anew", file=sys.stderr)
    _wait(processes)  # all have read the files of an earlier run before anybody writes
    resumed = len(journal.done)
    decoder = Decoder(checkpoint)
    started = time.perf_counter()
    # Neighbours in length go to different processes, so that all have about the same to do.
    left = sorted((i for i in range(len(rows)) if i not in journal.done), key=lambda i: (-len(rows[i].source), i))[rank::processes]
    shown = tqdm(total=len(left), desc="predict", unit=" examples", leave=False, disable=True if rank else None)
    with journal, shown as bar:
        for at, output in decoder.decode([rows[i].source for i in left], options, batch_size) if left else ():
            journal.add(left[at], (normalize(output.text or ""), output.score, output.text is None))
            bar.update()
    _wait(processes)
    if rank:
        return None
    journal.read_again()
    results = [journal.done[i] for i in range(len(rows))]
    write_predictions(path, (Prediction(*row, result[0], result[1]) for row, result in zip(rows, results, strict=True)))
    journal.remove()
    without = [row.id for row, result in zip(rows, results, strict=True) if result[2]]
    return Run(decoder.report, resumed, decoder.cut, without, time.perf_counter() - started)


def _run_key(checkpoint: Checkpoint, rows: Sequence[Row], options: DecodingOptions) -> str:
    """A line that names everything that the outputs depend on."""
    names = set(DecodingOptions.__dataclass_fields__) - {"model_name_or_path", "bad_words_file", "max_batch_tokens"}
    decoding = {name: getattr(options, name) for name in sorted(names)}
    limits = [checkpoint.max_input_length, checkpoint.max_target_length]
    about = [decoding, options.all_bad_words(), limits, versions(), fingerprint(checkpoint), [row.source for row in rows]]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _wait(processes: int) -> None:
    """Until all processes are here."""
    if processes > 1:
        from accelerate import PartialState

        PartialState(timeout=timedelta(days=7)).wait_for_everyone()  # one process may have much more to do


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write a TSV with the header `qa_id input target output score`."""
    with replacing(path) as file:
        file.write("\t".join(HEADER) + "\n")
        for p in predictions:
            file.write("\t".join((p.id, p.source, p.target, p.output, f"{p.score:.6f}")) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """The inverse of `write_predictions`, for scoring; the column `score` may be missing. Raises InputError with file and line."""
    lines = list(read_lines(path))
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
