"""The round trip of pairs: a reader gets the question and the passage, and what it answers is held against our answer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toi.data.examples import Answer, Example
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.documents.asking import Progress, written
from toi.documents.pairs import Pair
from toi.scoring.profiles import jglue_measures
from toi.scoring.roundtrip import qa_task
from toi.text.normalization import normalize

LABEL = "answers"
_QUOTES = '「」『』“”"《》〈〉'


def read_back(
    reader: Decoder,
    pairs: Sequence[Pair],
    batch_size: int,
    place: Path | None = None,
    progress: Progress | None = None,
) -> list[Pair]:
    """The pairs with what the reader answered, and its character F1 (JGLUE's) with our answer, both without quotation marks around.

    Raises InputError if the reader asks.
    """
    task = qa_task(reader.checkpoint)
    reader.checkpoint.family.follow(task)
    sources = [task.source(_example(pair)) for pair in pairs]
    options = DecodingOptions(model_name_or_path=reader.checkpoint.name)
    outputs = written(reader, sources, options, batch_size, LABEL, place, progress=progress)
    return compared(task, pairs, [normalize(texts[0].text) if texts else "" for texts in outputs])


def compared(task: Task, pairs: Sequence[Pair], answers: Sequence[str]) -> list[Pair]:
    """The pairs with what a reader of the task answered, one answer each, and its F1 with ours."""
    if not pairs:
        return []
    golds = [[_bare(text) for text in task.answers(_example(pair)) or [normalize(pair.answer)]] for pair in pairs]
    measures = jglue_measures([_bare(answer) for answer in answers], golds)
    f1 = next(measure for measure in measures if measure.name == "f1").of_rows
    return [replace(pair, read=answer, round_trip_f1=float(f)) for pair, answer, f in zip(pairs, answers, f1, strict=True)]


def _example(pair: Pair) -> Example:
    answer = Answer(pair.answer, pair.candidate.start)
    return Example(pair.id, pair.passage.context, pair.question, (answer,), pair.passage.title or "-")


def _bare(answer: str) -> str:
    """An answer without the quotation marks around it, which readers and annotators take along or not."""
    return answer.strip(_QUOTES) or answer
