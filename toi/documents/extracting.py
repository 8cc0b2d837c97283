"""Answers, or questions with answers, that a model finds in passages by itself (toi/data/extraction.py)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toi.data.examples import Answer, Example
from toi.data.extraction import answers_in, pairs_in, sentence_example
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.documents.asking import Progress, written
from toi.documents.candidates import Candidate, CandidateKind, Found, found_spans
from toi.documents.pairs import Pair
from toi.documents.passages import Passage
from toi.documents.weights import log_odds
from toi.system.errors import InputError
from toi.text.normalization import normalize
from toi.text.occurrences import find, sentences

LABEL = "extracted answers"
_BY_MODEL = "found by a model"
_Span = tuple[int, int]


def extracted(
    extractor: Decoder, passages: Sequence[Passage], batch_size: int, place: Path | None = None, progress: Progress | None = None
) -> list[list[Found]]:
    """The answers that a model of the task `ae` finds in each passage, sentence by sentence, in its order.

    What does not stand in its sentence is left out. Raises InputError for a model of another task.
    """
    checkpoint = extractor.checkpoint
    task = checkpoint.task
    if task is None or not task.extracts or "answers" not in task.target_template:
        raise InputError(f"{checkpoint.name}: --ae_model wants a model that finds answers (task ae, of prepare_jsquad_ae.py)")
    checkpoint.family.follow(task)
    asked: list[tuple[int, _Span, str]] = []
    for i, passage in enumerate(passages):
        for span in sentences(passage.context):
            try:
                example = sentence_example("", passage.context, *span, title=passage.title or passage.document)
                asked.append((i, span, task.source(example)))
            except ValueError:
                continue
    options = DecodingOptions(model_name_or_path=checkpoint.name)
    outputs = written(extractor, [source for *_, source in asked], options, batch_size, LABEL, place, progress=progress)
    found: list[list[Found]] = [[] for _ in passages]
    for (i, span, _), texts in zip(asked, outputs, strict=True):
        for answer in answers_in(texts[0].text) if texts else ():
            found[i] += _founds(passages[i].context, answer, span)
    return found


def _founds(context: str, answer: str, within: _Span) -> list[Found]:
    """The first place of an answer in a part of a context, with the kind that a rule gives it."""
    spans = [(start, end) for start, end in find(answer, context) if within[0] <= start and end <= within[1]]
    if not spans:
        return []
    kind: CandidateKind = next((one.kind for one in found_spans(context) if (one.start, one.end) == spans[0]), "term")
    return [Found(*spans[0], kind, _BY_MODEL)]


def end_to_end(
    decoder: Decoder,
    passages: Sequence[Passage],
    options: DecodingOptions,
    batch_size: int,
    place: Path | None = None,
    progress: Progress | None = None,
) -> list[Pair]:
    """The pairs that a model of the task `qag` writes; those whose answer does not stand in the passage are left out.

    All pairs of a passage have the score of the whole output.
    """
    task = decoder.checkpoint.task
    assert task is not None, "a model of the task qag"
    examples = [Example("", p.context, answers=(Answer(p.context, 0),), title=p.title or p.document) for p in passages]
    outputs = written(decoder, [task.source(one) for one in examples], options, batch_size, "questions", place, progress=progress)
    pairs = []
    for passage, texts in zip(passages, outputs, strict=True):
        for text in texts:
            for question, answer in pairs_in(text.text):
                founds = _founds(passage.context, answer, (0, len(passage.context)))
                if founds and normalize(question):
                    candidate = candidate_of(passage.context, founds[0])
                    pairs.append(Pair("", passage, candidate, normalize(question), text.score, text.log_prob))
    return [replace(pair, id=f"{pair.passage.document}#{pair.passage.number}.{n}") for n, pair in enumerate(pairs, start=1)]


def candidate_of(context: str, one: Found) -> Candidate:
    """A span as a candidate, with its weight."""
    said = context[one.start : one.end]
    weight = log_odds(context, one.start, one.end, one.kind, one.why, normalize(context).count(normalize(said)))
    return Candidate(said, one.start, one.end, one.kind, one.why, weight)
