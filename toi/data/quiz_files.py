"""Quiz files -> Examples: a question with a passage that holds its answer.

Four formats are known, by their keys, each as JSON Lines or as one JSON array, compressed with gzip or not:

    JAQKET v1   {"qid", "question", "answer_entity"}, the passage being the text of the entity with that title
    AI王        {"qid", "question", "answers"}, with passages of its own or joined by qid
    DPR         {"qid", "question", "answers", "positive_ctxs": [{"title", "text"}]}, what the retriever learns from
    FiD         {"id", "question", "answers", "ctxs": [{"title", "text", "score"}]}, what the retriever found

Passages come from files of their own for the first two:

    entities    {"title", "text"}
    passages    {"qid", "passages": [{"title", "text"}], "positive_passage_indices": [0]}

A passage is chosen by its rank, which is its place in the file: the first that holds an answer, whatever the file says
of it (`has_answer` is not believed). The answer is the first of the question's variants that the passage holds. No two
passages have the same rank, so the score never decides; it is kept with the Example.

Files are read record by record, and of their passages only those that hold an answer to a question are kept.
"""

import contextlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toi.data.json_records import Node, records, short
from toi.system.errors import InputError
from toi.text.normalization import normalize
from toi.text.occurrences import find

NO_ANSWERS = "no answers (unlabeled)"
NO_ENTITY = "no such entity"
NO_PASSAGE = "no passage for this question"
NOT_HELD = "no passage holds the answer"

_FORMATS = {
    "jaqket": "JAQKET v1 {qid, question, answer_entity}",
    "aio": "AI王 {qid, question, answers}",
    "dpr": "DPR retriever {qid, question, answers, positive_ctxs}",
    "fid": "FiD {id, question, answers, ctxs}",
}
_TELLING = {
    "answer_entity": "jaqket",
    "answer_candidates": "jaqket",
    "positive_ctxs": "dpr",
    "negative_ctxs": "dpr",
    "hard_negative_ctxs": "dpr",
    "ctxs": "fid",
}
_PASSAGES_FOR = {"jaqket": "entities", "aio": "passages"}


def question_kind(path: Path) -> str:
    """What a file of questions is, by the keys of its first record: jaqket, aio, own (AI王 with passages), dpr or fid.

    Raises InputError if it is none of them, or cannot be read.
    """
    first = _first(path)
    keys = _keys(first)
    for key, kind in _TELLING.items():
        if key in keys:
            return kind
    if "question" in keys and ("qid" in keys or "answers" in keys):
        return "own" if "passages" in keys else "aio"
    raise first.error(f"not a quiz format; known are {', '.join(_FORMATS.values())}; found {_listed(keys)}")


def passage_kind(path: Path) -> str:
    """What a file of passages is: entities, or passages by qid. Raises InputError if it is neither, or cannot be read."""
    first = _first(path)
    keys = _keys(first)
    if "passages" in keys:
        return "passages"
    if "question" not in keys and ("title" in keys or "text" in keys):
        return "entities"
    raise first.error(f"not passages; known are entities {{title, text}} and AI王 {{qid, passages}}; found {_listed(keys)}")


def _first(path: Path) -> Node:
    with contextlib.closing(records(path)) as nodes:
        return next(nodes)


def _keys(node: Node) -> list[str]:
    if not isinstance(node.value, dict):
        raise node.error(f"expected an object, found {node.kind}")
    return list(node.value)


def _listed(keys: list[str]) -> str:
    if not keys:
        return "no keys"
    return f"the keys {', '.join(map(short, keys[:10]))}" + (" …" if len(keys) > 10 else "")


def check_kinds(kinds: dict[Path, str], passage_kinds: dict[Path, str]) -> None:
    """Raise InputError unless the files of passages are those that the questions are joined with."""
    for path, kind in kinds.items():
        needed = _PASSAGES_FOR.get(kind)
        if needed and needed not in passage_kinds.values():
            raise InputError(f"{path}: {_FORMATS[kind]} has no passages; give the file of its {needed} with --passage_file")
    for path, kind in passage_kinds.items():
        if kind not in {_PASSAGES_FOR.get(k) for k in kinds.values()}:
            raise InputError(f"{path}: holds {kind}, with which no file of questions is joined; leave it out")


@dataclass(frozen=True)
class Passage:
    """A candidate. `extra` is what an Example keeps of it: its id and score, where given."""

    title: str
    text: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """A passage with the variant of the answer that it holds, and where."""

    passage: Passage
    variant: str
    spans: list[tuple[int, int]]


@dataclass
class Question:
    """A question, and the passages found for it so far."""

    id: str
    text: str
    variants: tuple[str, ...]  # of the answer, the best first
    entity: str | None = None  # its passages are joined by this title, else by the id
    reason: str = NO_PASSAGE  # why there is no row, while `held` is empty
    held: list[Held] = field(default_factory=list)

    def take(self, passages: Iterable[Passage], most: int) -> None:
        """Keep the first passages that hold an answer, at most `most` in all."""
        if not self.variants:
            return
        for passage in passages:
            self.reason = NOT_HELD
            if len(self.held) == most:
                return
            if any(passage.text == held.passage.text for held in self.held):
                continue
            for variant in self.variants:
                spans = find(variant, passage.text)
                if spans:
                    self.held.append(Held(passage, variant, spans))
                    break


def read_questions(paths: list[Path], kinds: dict[Path, str], most: int) -> list[Question]:
    """The questions of a split in order of their ids, with those passages that their own files have.

    Raises InputError with the file and the place of what is wrong, also if two have the same id.
    """
    questions: dict[str, Question] = {}
    places: dict[str, str] = {}
    for path in paths:
        for record in records(path):
            question = _question(record, kinds[path], most)
            _unique(record, question.id, places)
            questions[question.id] = question
    return [questions[id] for id in sorted(questions)]


def _unique(record: Node, id: str, places: dict[str, str]) -> None:
    if id in places:
        raise record.error(f"the id {id!r} is that of {places[id]} already; ids must be unique")
    places[id] = f"{record.file}: {record.place}" if record.place else record.file


def _question(record: Node, kind: str, most: int) -> Question:
    id = _identifier(record)
    text = record.get("question", str).value.replace("_", "")  # a cloze mark of JAQKET
    entity = None
    if kind == "jaqket":
        entity = record.get("answer_entity", str).value
        variants = _entity_variants(entity)
    elif kind in ("aio", "own") and "answers" not in record.value:
        variants = ()  # the test data of a running competition
    else:
        variants = tuple(dict.fromkeys(_texts(record.get("answers", list))))
    question = Question(id, text, variants, entity, NO_PASSAGE if entity is None else NO_ENTITY)
    if not variants:
        question.reason = NO_ANSWERS
    if kind == "dpr":
        question.take([_passage(node) for node in record.get("positive_ctxs", list).items()], most)
    elif kind == "fid":
        question.take([_passage(node) for node in record.get("ctxs", list).items()], most)
    elif kind == "own":
        question.take(_candidates(record), most)
    return question


def _identifier(record: Node) -> str:
    """The qid, or the id."""
    keys = record.value if isinstance(record.value, dict) else {}
    node = record.get("id" if "id" in keys and "qid" not in keys else "qid", str, int)
    id = str(node.value)
    if not normalize(id):
        raise node.error("is empty")
    if any("\ud800" <= c <= "\udfff" for c in id):
        raise node.error(f"{id!a} is not valid Unicode")
    return id


def _entity_variants(entity: str) -> tuple[str, ...]:
    """The title of an entity, and its name without what Wikipedia tells it apart by: 霧沢一 (医師) -> 霧沢一."""
    name = re.sub(r"\s*[(（][^()（）]*[)）]\s*$", "", entity)
    return tuple(variant for variant in dict.fromkeys((entity, name)) if variant.strip())


def _texts(answers: Node) -> Iterator[str]:
    for node in answers.items():
        if not isinstance(node.value, str):
            raise node.error(f"expected a string, found {node.kind}")
        if not node.value.strip():
            raise node.error("the answer text is empty")
        yield node.value


def _passage(node: Node) -> Passage:
    extra: dict[str, Any] = {}
    title, text = node.get("title", str).value, node.get("text", str).value
    for key in ("passage_id", "id"):
        if key in node:
            extra["passage_id"] = node.get(key, str, int).value
            break
    if "score" in node:
        extra["score"] = _score(node.get("score", int, float, str))
    return Passage(title, text, extra)


def _score(node: Node) -> float:
    """A number, which may be written as a string."""
    try:
        score = float(node.value)
    except (ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise node.error(f"expected a number, found {short(str(node.value))}")
    return score


def _candidates(record: Node) -> list[Passage]:
    """The passages of a record `{passages, positive_passage_indices}`: the positive ones, or all if none is said to be."""
    passages = [_passage(node) for node in record.get("passages", list).items()]
    if "positive_passage_indices" not in record.value:
        return passages
    positive = set()
    for node in record.get("positive_passage_indices", list).items():
        if type(node.value) is not int:
            raise node.error(f"expected a whole number, found {node.kind}")
        if not 0 <= node.value < len(passages):
            raise node.error(f"there is no passage {node.value}, but {len(passages)}, counted from 0")
        positive.add(node.value)
    return [passages[i] for i in sorted(positive)] or passages


def join_passages(questions: list[Question], passage_kinds: dict[Path, str], most: int) -> None:
    """Give the questions the passages of the files, read record by record.

    Raises InputError with the file and the place of what is wrong, also if two records of passages have the same qid.
    """
    by_title: dict[str, list[Question]] = {}
    by_id: dict[str, list[Question]] = {}
    for question in questions:
        if question.entity is not None:
            by_title.setdefault(question.entity, []).append(question)
        else:
            by_id.setdefault(question.id, []).append(question)
    places: dict[str, str] = {}
    for path, kind in passage_kinds.items():
        for record in records(path):
            if kind == "entities":
                wanting = by_title.get(record.get("title", str).value, [])
            else:
                id = _identifier(record)
                _unique(record, id, places)
                wanting = by_id.get(id, [])
            if wanting:
                passages = [_passage(record)] if kind == "entities" else _candidates(record)
                for question in wanting:
                    question.take(passages, most)
