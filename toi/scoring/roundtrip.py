"""The round trip: a question is good if a reader finds its answer.

A model that answers questions is given every generated question with its context, and its answers are scored against the
gold ones. What it read is kept as a QA data folder, which predict.py and evaluate.py take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toi.data.examples import Example, Row, write_examples, write_rows
from toi.data.predictions import Prediction, write_predictions
from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import predict
from toi.models.ready import Model
from toi.scoring.measures import Measure
from toi.scoring.profiles import jglue_measures
from toi.system.errors import InputError
from toi.system.files import replacing_folder


@dataclass(frozen=True)
class RoundTrip:
    """What the reader answered, "" where there was no question; EM and F1 (JGLUE's) of every row."""

    answers: list[str]
    measures: list[Measure]
    unasked: int  # rows without a question


def qa_task(checkpoint: Model) -> Task:
    """The task of a model that answers questions; the built-in one if it has none. Raises InputError if it asks them."""
    task = checkpoint.task or Task.named("qa")
    if task.asks:
        raise InputError(f"{checkpoint.name}: asks questions (task {task.name}); --qa_model wants one that answers them")
    if task.extracts:
        raise InputError(f"{checkpoint.name}: finds what to ask for (task {task.name}); --qa_model wants one that answers")
    return task


def round_trip(
    predictions: Sequence[Prediction],
    examples: Mapping[str, Example],
    reader: Decoder,
    batch_size: int,
    folder: str | Path,
    about: dict[str, object],
) -> RoundTrip:
    """Let `reader` answer the predicted questions, and write them as the QA data folder `folder`.

    The folder holds test.tsv, test.jsonl and task.json, and what was answered in test_output.tsv. A row without a question
    counts as answered wrongly.
    """
    task = qa_task(reader.checkpoint)
    reader.checkpoint.family.follow(task)
    rows: list[Row] = []
    asked: list[Example] = []
    golds = []
    for prediction in predictions:
        example = replace(examples[prediction.id], question=prediction.output)
        golds.append(task.answers(example) or [""])
        try:
            rows.append(task.row(example))
            asked.append(example)
        except ValueError:  # the question is empty, or the example has no answer
            continue
    answered = predict(reader, rows, DecodingOptions(), batch_size, "round trip", line_breaks=task.line_breaks) if rows else []
    by_id = {example.id: answer.output for example, answer in zip(asked, answered, strict=True)}
    answers = [by_id.get(prediction.id, "") for prediction in predictions]
    measures = [replace(measure, name=f"round_trip_{measure.name}") for measure in jglue_measures(answers, golds)]
    with replacing_folder(folder) as new:
        write_rows(new / "test.tsv", rows, line_breaks=task.line_breaks)
        write_examples(new / "test.jsonl", asked)
        write_task(new, task, {**about, "counts": {"test": len(rows)}})
        write_predictions(new / "test_output.tsv", answered, line_breaks=task.line_breaks)
    return RoundTrip(answers, measures, len(predictions) - len(rows))
