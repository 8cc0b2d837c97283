"""Documents of users of the page -> pairs, as they come along; and pairs as users leave them -> files."""

import queue
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from toi.documents.document import Document
from toi.documents.made import Made, files_of, make_pairs
from toi.documents.options import DocumentOptions
from toi.documents.pairs import Pair
from toi.documents.reading import ENDINGS, read_document
from toi.page.choice import Models
from toi.page.errors import Problem
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.text.normalization import normalize


class Progress(NamedTuple):
    """How far it is: questions or answers, so many of how many."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class DocumentWish:
    """What a user wants of documents: who asks, who reads the questions (nobody where it is empty), how alike answers must be."""

    model: str
    reader: str = ""
    min_round_trip_f1: float = 0.8


class _Cancelled(Exception):
    """The user went away, or does not want it any more."""


def read_uploaded(paths: Sequence[str], most_mb: int) -> list[Document]:
    """The documents that a user dropped. Raises InputError for the first that cannot be read, by the name that the user knows."""
    found = []
    for path in map(Path, paths):
        if path.suffix.lower() not in ENDINGS:
            raise Problem("toi.no_document", path.name, ", ".join(sorted(ENDINGS)))
        try:
            found.append(read_document(path, path.name, most_mb))
        except InputError as error:
            raise InputError(str(error).replace(str(path), path.name)) from None
    return found


def make(models: Models, documents: Sequence[Document], wish: DocumentWish, max_seconds: float) -> Iterator[Progress | Made]:
    """Progress as it is made, and at the end what was made. Closed before that, the work ends behind its batch.

    Raises InputError for documents that hold nothing, and where it takes longer than `max_seconds`.
    """
    told: queue.SimpleQueue[Progress | Made | BaseException] = queue.SimpleQueue()
    cancelled, until = threading.Event(), time.monotonic() + max_seconds

    def progress(what: str, done: int, total: int) -> None:
        if cancelled.is_set():
            raise _Cancelled
        if time.monotonic() > until:
            raise Problem("toi.too_slow", round(max_seconds))
        told.put(Progress(what, done, total))

    def work() -> None:
        try:
            told.put(_made(models, documents, wish, progress))
        except BaseException as error:  # is raised by whoever waits
            told.put(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            found = told.get()
            if isinstance(found, BaseException):
                raise found
            yield found
            if isinstance(found, Made):
                return
    finally:
        cancelled.set()
        worker.join()


def _made(models: Models, documents: Sequence[Document], wish: DocumentWish, progress: Any) -> Made:
    options = DocumentOptions(min_round_trip_f1=wish.min_round_trip_f1)
    with ExitStack() as stack:
        used = {name: stack.enter_context(models.use(name)) for name in sorted({wish.model, wish.reader} - {""})}
        backends = {models.backend(name) for name in used}
        asked, reader = used[wish.model], used.get(wish.reader)
        return make_pairs(
            documents, asked.decoder, asked.task, options,
            AnsweringOptions(backend="torch" if "torch" in backends else "auto"), progress=progress,
            reader=None if reader is None else reader.decoder,
        )  # fmt: skip


def is_number(value: Any, count: int) -> bool:
    """Whether a cell of a table holds the number of one of so many pairs."""
    try:
        return 1 <= int(value) <= count and float(value) == int(value)
    except (TypeError, ValueError):
        return False


def changed(pairs: Sequence[Pair], rows: Sequence[Sequence[Any]]) -> list[Pair]:
    """Pairs as a user left them: rows of number, keep, question, answer (and more). Rows that were removed are not kept.

    Raises Problem for the first kept row without a number of its own or a question, or whose answer is not in its passage, and
    if none is kept.
    """
    found: list[Pair] = []
    numbers: set[int] = set()
    for place, (number, keep, question, answer, *_) in enumerate(rows, start=1):
        if not keep:
            continue
        if not is_number(number, len(pairs)) or int(number) in numbers:
            raise Problem("toi.row_new", place)
        numbers.add(int(number))
        question, answer = normalize(str(question or "")), str(answer or "")
        if not question:
            raise Problem("toi.row_empty", place)
        found.append(replace(_answered(pairs[int(number) - 1], answer, place), question=question, rank=len(found) + 1))
    if not found:
        raise Problem("toi.no_rows")
    return found


def _answered(pair: Pair, answer: str, place: int) -> Pair:
    """The pair with another answer of its passage."""
    if answer == pair.answer:
        return pair
    start = pair.passage.context.find(answer) if answer.strip() else -1
    if start < 0:
        raise Problem("toi.row_elsewhere", place, answer)
    end = start + len(answer)
    return replace(pair, candidate=replace(pair.candidate, text=answer, start=start, end=end, why="chosen by a person"))


def write_files(folder: Path, made: Made, pairs: Sequence[Pair], title: str) -> list[Path]:
    """All formats of the pairs, and one archive of them all: the files, the archive first."""
    edited = Made(made.documents, made.passages, made.left, made.candidates, pairs)
    texts = files_of(edited, DocumentOptions(), title)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "pairs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in sorted(texts.items()):
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)  # the same pairs give the same bytes
    shown = [name for name in texts if "/" not in name and name not in ("dropped.jsonl", "report.json")]
    for name in shown:
        (folder / name).write_text(texts[name], encoding="utf-8", newline="")
    return [archive, *(folder / name for name in shown)]
