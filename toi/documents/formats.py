"""Pairs as the files that they are used as next: SQuAD, JSON Lines, instructions, and tables for Excel and for Anki."""

import csv
import html
import io
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from toi.documents.document import Document
from toi.documents.pairs import Pair

BOM = "\ufeff"  # by which Excel knows UTF-8; readers of CSV drop it
_COLUMNS = (
    "rank", "question", "answer", "context", "title", "document", "page", "paragraph", "start", "end", "kind", "round_trip_f1",
    "log_prob", "id",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula


def squad_text(pairs: Sequence[Pair]) -> str:
    """SQuAD-format JSON, which prepare_jsquad.py and prepare_jsquad_aqg.py read.

    Each passage is an article, since data are split by articles: no passage is on both sides of train and dev.
    """
    articles = []
    for passage, group in groupby(pairs, key=lambda pair: pair.passage):
        qas = [
            {"id": pair.id, "question": pair.question, "answers": [{"text": pair.answer, "answer_start": pair.candidate.start}]}
            for pair in group
        ]
        source = {"document": passage.document, "page": passage.page, "paragraph": passage.paragraph, "start": passage.start}
        title = f"{passage.document}#{passage.number}" + (f" {passage.title}" if passage.title else "")
        articles.append({"title": title, "paragraphs": [{"context": passage.context, "qas": qas, "source": source}]})
    lines = ",\n".join(json.dumps(article, ensure_ascii=False) for article in articles)
    return f'{{"version": "toi-documents-1", "data": [\n{lines}\n]}}\n'


def json_lines(pairs: Iterable[Pair]) -> str:
    """A pair a line, with all columns."""
    return "".join(json.dumps(pair.to_json(), ensure_ascii=False) + "\n" for pair in pairs)


def instructions_text(pairs: Iterable[Pair]) -> str:
    """A table of instructions, which prepare_instructions.py reads: the question, the passage as its input, the answer."""
    return _table([("指示", "入力", "出力"), *((pair.question, pair.passage.context, pair.answer) for pair in pairs)])


def excel_text(pairs: Iterable[Pair]) -> str:
    """A table for Excel, the best known columns of `json_lines`. A cell that Excel would compute gets an apostrophe before it."""
    rows = [[_cell(pair.to_json()[name]) for name in _COLUMNS] for pair in pairs]
    return BOM + _table([_COLUMNS, *rows])


def anki_text(pairs: Iterable[Pair]) -> str:
    """Cards for Anki, without a header: front, back, and where it stands. Anki's fields are HTML, so what acts in it is escaped."""
    rows = []
    for pair in pairs:
        fields = (pair.question, pair.answer, pair.passage.place)
        rows.append([html.escape(field, quote=False).replace("\n", "<br>") for field in fields])
    return BOM + _table(rows)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _table(rows: Iterable[Sequence[str]]) -> str:
    """CSV with CRLF, as RFC 4180 has it."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def text_names(documents: Sequence[Document]) -> dict[str, str]:
    """The name of the file that has the extracted text of each document, by the document's name."""
    width = max(3, len(str(len(documents))))
    return {document.name: f"text/{number:0{width}}.txt" for number, document in enumerate(documents, start=1)}
