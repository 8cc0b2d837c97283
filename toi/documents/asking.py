"""Passages -> questions: what could be asked for, and a model that asks, in one run that goes on after a kill."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tqdm import tqdm

from toi.data.examples import Answer, Example
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.documents.candidates import Candidate, Found, candidates
from toi.documents.entities import entities
from toi.documents.pairs import Pair
from toi.documents.passages import Passage
from toi.system.errors import InputError
from toi.system.journal import Journal
from toi.system.saying import say
from toi.system.versions import versions
from toi.text.holders import BannedAnswer
from toi.text.normalization import is_text, normalize

_BATCHES = 16  # in a chunk
Progress = Callable[[str, int, int], object]  # what is done, how much of it, of how much


class Asked(NamedTuple):
    """A candidate of a passage, as the model is asked about it."""

    passage: Passage
    candidate: Candidate
    example: Example
    source: str


@dataclass(frozen=True)
class Written:
    """A text that a model wrote, its score and its log-probability."""

    text: str
    score: float
    log_prob: float


def asked_of(
    task: Task,
    passages: Sequence[Passage],
    most: int,
    finder: Literal["none", "ginza"] = "none",
    by_model: Sequence[Sequence[Found]] | None = None,
) -> Iterator[Asked]:
    """The candidates of passages, at most `most` of each, in the order of the passages, the likeliest first.

    `by_model` are those that a model found in each passage: they come first. What the task cannot say (a passage with <hl> in it)
    is left out. Raises InputError for a model that does not ask.
    """
    if not task.asks:
        raise InputError(f"--document wants a model that asks questions, and this one does not (task {task.name})")
    for i, passage in enumerate(passages):
        others = entities(passage.context) if finder == "ginza" else ()
        first = () if by_model is None else by_model[i]
        for number, candidate in enumerate(candidates(passage.context, most, others, first), start=1):
            answer = Answer(candidate.text, candidate.start)
            id = f"{passage.document}#{passage.number}.{number}"
            example = Example(id, passage.context, answers=(answer,), title=passage.title or passage.document)
            try:
                yield Asked(passage, candidate, example, task.source(example))
            except ValueError:
                continue


def pairs_of(
    decoder: Decoder,
    asked: Sequence[Asked],
    options: DecodingOptions,
    batch_size: int,
    place: Path | None = None,
    allow_answer: bool = False,
    progress: Progress | None = None,
) -> list[Pair]:
    """The pairs of all questions that the model found, in the order of what was asked.

    Answers are banned as words, unless allowed. With a `place`, a run that was killed goes on. Raises InputError as Decoder does.
    """
    banned = [[] if allow_answer else [BannedAnswer.of(one.candidate.text, one.passage.context)] for one in asked]
    outputs = written(decoder, [one.source for one in asked], options, batch_size, "questions", place, banned, progress)
    pairs = []
    for one, texts in zip(asked, outputs, strict=True):
        for n, text in enumerate(texts, start=1):
            question = normalize(text.text)
            if question:
                id = one.example.id if len(texts) == 1 else f"{one.example.id}.{n}"
                pairs.append(Pair(id, one.passage, one.candidate, question, text.score, text.log_prob))
    return pairs


def written(
    decoder: Decoder,
    sources: Sequence[str],
    options: DecodingOptions,
    batch_size: int,
    label: str,
    place: Path | None = None,
    banned: Sequence[Iterable[BannedAnswer]] | None = None,
    progress: Progress | None = None,
) -> list[list[Written]]:
    """What a model writes for each source, the best first: one run, which `place` lets go on after a kill.

    Sources are searched in chunks of like length, and a chunk that a kill cut off is searched again as a whole: so no figure,
    and no sample, depends on where that was. The partial file stands beside `place` until `forget`.
    """
    order = sorted(range(len(sources)), key=lambda i: (-len(sources[i]), i))
    size = batch_size * _BATCHES
    chunks = [order[at : at + size] for at in range(0, len(order), size)]
    done: dict[int, list[list[Any]]] = {}
    with contextlib.ExitStack() as stack:
        journal = None
        if place is not None:
            key = _key(decoder, sources, options, batch_size, banned)
            journal = stack.enter_context(Journal(_journal_of(place, label), key, usable=partial(_is_usable, len(sources))))
            done = {number: result[0] for number, result in journal.done.items()}
        chunks = [chunk for chunk in chunks if not all(i in done for i in chunk)]
        left = sum(map(len, chunks))
        if left < len(sources):
            say(f"{len(sources) - left:,} of {len(sources):,} {label} are there from a run that had been stopped")
        hidden = True if progress else None
        bar = stack.enter_context(tqdm(total=len(sources), initial=len(sources) - left, desc=label, leave=False, disable=hidden))
        for chunk in chunks:
            for i in chunk:
                done.pop(i, None)
            forbidden = None if banned is None else [banned[i] for i in chunk]
            for at, output in decoder.decode([sources[i] for i in chunk], options, batch_size, forbidden):
                result = [[text.text, text.score, text.log_prob] for text in output.texts]
                if journal is not None:
                    journal.add(chunk[at], [result])
                done[chunk[at]] = result
                bar.update()
                if progress is not None:
                    progress(label, len(done), len(sources))
    return [[Written(*text) for text in done[i]] for i in range(len(sources))]


def forget(place: Path, labels: Iterable[str]) -> None:
    """Remove the partial files of a run that is written."""
    for label in labels:
        Journal(_journal_of(place, label), "").remove()


def _journal_of(place: Path, label: str) -> Path:
    return place.with_name(f"{place.name}.{label.replace(' ', '_')}")


def _is_usable(count: int, number: int, result: list[Any]) -> bool:
    """Whether a journal's result is a list of texts with two numbers each."""
    return (
        0 <= number < count
        and len(result) == 1
        and all(
            len(text) == 3 and isinstance(text[0], str) and is_text(text[0]) and all(isinstance(n, float) for n in text[1:])
            for text in result[0]
        )
    )


def _key(
    decoder: Decoder,
    sources: Sequence[str],
    options: DecodingOptions,
    batch_size: int,
    banned: Sequence[Iterable[BannedAnswer]] | None,
) -> str:
    """A line that names everything that the outputs depend on."""
    names = {*DecodingOptions.__dataclass_fields__, "num_return_sequences"} - {"model_name_or_path", "bad_words_file"}
    decoding = {name: getattr(options, name, None) for name in sorted(names)}
    limits = [decoder.checkpoint.max_input_length, decoder.checkpoint.max_target_length]
    forbidden = [[(one.text, one.holders) for one in of_source] for of_source in banned or ()]
    about = [decoding, options.all_bad_words(), limits, versions(), decoder.fingerprint, batch_size, list(sources), forbidden]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()
