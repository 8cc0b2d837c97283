"""Predictions of a model on rows, and the file that holds them."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from toi.data.examples import Row
from toi.data.predictions import Prediction, write_predictions
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.system.journal import Journal, Usable
from toi.system.versions import versions
from toi.text.normalization import is_text, normalize, normalize_lines


def predict(
    decoder: Decoder,
    rows: Sequence[Row],
    options: DecodingOptions,
    batch_size: int,
    label: str = "predict",
    *,
    line_breaks: bool = False,
    hidden: bool = False,
) -> list[Prediction]:
    """The model's output for every row, in their order, with a progress bar on stderr, unless it is `hidden`.

    Where only outputs with a banned word were found, the output is empty. Outputs are normalized as the texts of the rows were:
    `line_breaks` says whether these may hold them.
    """
    predictions: list[Prediction | None] = [None] * len(rows)
    written = _writing(decoder, line_breaks)
    with tqdm(total=len(rows), desc=label, unit=" examples", leave=False, disable=hidden or None) as bar:
        for i, output in decoder.decode([row.source for row in rows], options, batch_size):
            predictions[i] = Prediction(*rows[i], written(output.text or ""), output.score)
            bar.update()
    return [prediction for prediction in predictions if prediction is not None]


def _writing(decoder: Decoder, line_breaks: bool) -> Callable[[str], str]:
    """How an output is written: a model may write what a TSV cannot hold, and the texts it learnt from were normalized."""
    task = decoder.checkpoint.task
    if line_breaks and task is not None and task.normalization.method != "full":
        return task.normalization
    return normalize_lines if line_breaks else normalize


@dataclass(frozen=True)
class Run:
    """What `predict_to_file` did: the engines, rows that an earlier run had done, sources that were cut, ids without output."""

    engine: str
    resumed: int
    cut: int  # of the first process's share
    without_output: list[str]
    seconds: float


def predict_to_file(
    decoder: Decoder,
    rows: Sequence[Row],
    options: DecodingOptions,
    batch_size: int,
    path: str | Path,
    *,
    line_breaks: bool = False,
) -> Run | None:
    """Write the predictions of the rows to a file, which is there when it is whole; the same bytes as `predict` would give.

    Every output is kept in `{path}.partial` as it comes, and a run that was killed goes on from there. Of several processes
    (accelerate launch) each does a share, and the first one writes the file: the others get None. Raises InputError if the
    place cannot be written.
    """
    written = _writing(decoder, line_breaks)

    def compute(left: list[int]) -> Iterator[tuple[int, list[Any]]]:
        for at, output in decoder.decode([rows[i].source for i in left], options, batch_size):
            yield left[at], [written(output.text or ""), output.score, output.text is None]

    def write(results: list[list[Any]]) -> None:
        predictions = (Prediction(*row, result[0], result[1]) for row, result in zip(rows, results, strict=True))
        write_predictions(path, predictions, line_breaks=line_breaks)

    key, usable = _run_key(decoder, rows, options, line_breaks), partial(_is_usable, len(rows), written)
    done = computed(rows, path, key, usable, compute, write)
    if done is None:
        return None
    without = [row.id for row, result in zip(rows, done.results, strict=True) if result[2]]
    return Run(decoder.report, done.resumed, decoder.cut, without, done.seconds)


class Computed(NamedTuple):
    """The results of all rows, how many were there from an earlier run, and how long the others took."""

    results: list[list[Any]]
    resumed: int
    seconds: float


def computed(
    rows: Sequence[Row],
    path: str | Path,
    key: str,
    usable: Usable,
    compute: Callable[[list[int]], Iterator[tuple[int, list[Any]]]],
    write: Callable[[list[list[Any]]], None],
) -> Computed | None:
    """Compute a result for every row, kept in `{path}.partial` as it comes, and `write` them all when they are there.

    `compute` gets the indices of rows; `key` names all that results depend on, and `usable` says whether one from a file is one. Of
    several processes each does a share, and all but the first get None. See `predict_to_file`.
    """
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    journal = Journal(path, key, rank, usable)
    if journal.stale and rank == 0:
        print(f"{path}.partial is of another run (other options, input or model): starting anew", file=sys.stderr)
    if journal.damaged and rank == 0:
        lines = "1 line is" if journal.damaged == 1 else f"{journal.damaged:,} lines are"
        print(f"{path}.partial: {lines} damaged; what they held is predicted anew", file=sys.stderr)
    _wait(processes)  # all have read the files of an earlier run before anybody writes
    resumed = len(journal.done)
    started = time.perf_counter()
    # Neighbours in length go to different processes, so that all have about the same to do.
    left = sorted((i for i in range(len(rows)) if i not in journal.done), key=lambda i: (-len(rows[i].source), i))[rank::processes]
    shown = tqdm(total=len(left), desc="predict", unit=" examples", leave=False, disable=True if rank else None)
    with journal, shown as bar:
        for i, result in compute(left) if left else ():
            journal.add(i, result)
            bar.update()
    _wait(processes)
    if rank:
        return None
    journal.read_again()
    results = [journal.done[i] for i in range(len(rows))]
    write(results)
    journal.remove()
    return Computed(results, resumed, time.perf_counter() - started)


def _is_usable(rows: int, written: Callable[[str], str], number: int, result: list[Any]) -> bool:
    """Whether a journal's result is the text, the score and whether nothing was found, of one of so many rows."""
    match result:
        case [str(text), float(), bool()]:
            return 0 <= number < rows and is_text(text) and written(text) == text
    return False


def _run_key(decoder: Decoder, rows: Sequence[Row], options: DecodingOptions, line_breaks: bool = False) -> str:
    """A line that names everything that the outputs depend on."""
    names = set(DecodingOptions.__dataclass_fields__) - {"model_name_or_path", "bad_words_file", "max_batch_tokens"}
    decoding = {name: getattr(options, name) for name in sorted(names)}
    limits = [decoder.checkpoint.max_input_length, decoder.checkpoint.max_target_length]
    about = [decoding, options.all_bad_words(), limits, versions(), decoder.fingerprint, [row.source for row in rows]]
    return hashlib.sha256(json.dumps([*about, "line_breaks"] if line_breaks else about).encode()).hexdigest()


def _wait(processes: int) -> None:
    """Until all processes are here."""
    if processes > 1:
        import torch
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env

        cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()  # else nobody waits on CPUs
        PartialState(cpu=cpu, timeout=timedelta(days=7)).wait_for_everyone()  # one process may have much more to do
