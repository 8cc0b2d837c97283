"""The round trip of pairs: a reader gets the question and the passage, and what it answers is held against our answer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toi.data.examples import Answer, Example
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
    examples = [
        Example(pair.id, pair.passage.context, pair.question, (Answer(pair.answer, pair.candidate.start),), pair.passage.title)
        for pair in pairs
    ]
    sources = [task.source(replace(example, title=example.title or "-")) for example in examples]
    options = DecodingOptions(model_name_or_path=reader.checkpoint.name)
    outputs = written(reader, sources, options, batch_size, LABEL, place, progress=progress)
    answers = [normalize(texts[0].text) if texts else "" for texts in outputs]
    if not pairs:
        return []
    golds = [task.answers(example) or [normalize(pair.answer)] for example, pair in zip(examples, pairs, strict=True)]
    measures = jglue_measures([_bare(answer) for answer in answers], [[_bare(gold) for gold in of_pair] for of_pair in golds])
    f1 = next(measure for measure in measures if measure.name == "f1").of_rows
    return [replace(pair, read=answer, round_trip_f1=float(f)) for pair, answer, f in zip(pairs, answers, f1, strict=True)]


def _bare(answer: str) -> str:
    """An answer without the quotation marks around it, which readers and annotators take along or not."""
    return answer.strip(_QUOTES) or answer
