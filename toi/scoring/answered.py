"""Files of requests to generate.py, and what it prints of the outputs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toi.data.requests import Request
from toi.system.errors import InputError
from toi.text.normalization import is_text, normalize

if TYPE_CHECKING:  # what these import is slow, and requests are read before it
    from toi.decoding.decoder import Output
    from toi.scoring.verdicts import Verdict

_FIELDS = {
    "id": (str, int), "context": (str,), "answer": (str,), "question": (str,), "title": (str,), "answer_start": (int,),
    "occurrence": (int,),
}  # fmt: skip
TSV_HEADER = ("id", "output", "score", "log_prob", "banned_words", "answer_leaked", "hallucinated")


@dataclass
class Answered:
    """A request with its outputs, each with a verdict; no output where nothing without a banned word was found."""

    request: Request
    output: "Output"
    verdicts: "list[Verdict]" = field(default_factory=list)


def parse_requests(text: str, name: str, asks: bool) -> list[tuple[str, Request]]:
    """The requests of a file, each with its place (`name:line`). JSON Lines if the file begins with {, else TSV.

    A TSV has a header with `context` and other names of `Request`, or no header and two fields: the answer (the question,
    where the model answers) and the context. Raises InputError with the line of what is wrong, or if there is no request.
    """
    lines = [(f"{name}:{number}", line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(place, line) for place, line in lines if line.strip()]
    if not lines:
        raise InputError(f"{name}: no requests; expected JSON Lines, or a TSV with {'answer' if asks else 'question'} and context")
    if lines[0][1].lstrip().startswith("["):
        raise InputError(f"{lines[0][0]}: a JSON array; expected JSON Lines, one object a line")
    if lines[0][1].lstrip().startswith("{"):
        rows = [(place, _json_object(place, line)) for place, line in lines]
    else:
        rows = list(_tsv_rows(lines, "answer" if asks else "question"))
    return [(place, _request(place, row)) for place, row in rows]


def _json_object(place: str, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON ({getattr(error, 'msg', None) or 'not usable'}); expected an object a line") from None
    if not isinstance(value, dict):
        raise InputError(f"{place}: expected an object")
    return {key: item for key, item in value.items() if item is not None}


def _tsv_rows(lines: Sequence[tuple[str, str]], first: str) -> Iterator[tuple[str, dict[str, Any]]]:
    header = lines[0][1].split("\t")
    if "context" in header:
        lines = lines[1:]
    else:
        header = [first, "context"]
    for place, line in lines:
        fields = line.split("\t")
        if len(fields) != len(header):
            raise InputError(f"{place}: expected {len(header)} tab-separated fields ({', '.join(header)}), found {len(fields)}")
        row: dict[str, Any] = {key: value for key, value in zip(header, fields, strict=True) if value}
        for key in {"answer_start", "occurrence"} & row.keys():
            try:
                row[key] = int(row[key])
            except ValueError:
                raise InputError(f"{place}: {key} is not a whole number: {row[key]!r}") from None
        yield place, row


def _request(place: str, row: dict[str, Any]) -> Request:
    unknown = [key for key in row if key not in _FIELDS]
    if unknown:
        raise InputError(f"{place}: unknown field {unknown[0]!r}; fields are {', '.join(_FIELDS)}")
    for key, value in row.items():
        if type(value) not in _FIELDS[key]:
            raise InputError(f"{place}: {key} must be {'a whole number' if int in _FIELDS[key] else 'a string'}")
        if isinstance(value, str) and not is_text(value):
            raise InputError(f"{place}: {key} holds half a surrogate pair, which is not text; mend the file")
    if not row.get("context", "").strip():
        raise InputError(f"{place}: the context is missing")
    return Request(**{**row, "id": str(row.get("id", ""))})


def lines_of(answered: Iterable[Answered], output_format: str, several: bool) -> Iterator[str]:
    """What is printed: text (an output a line), tsv (an output a line, under `TSV_HEADER`), json (a request a line).

    As text, the outputs of a request are followed by an empty line where there are several requests with `several` outputs; a
    request without an output is an empty line.
    """
    if output_format == "tsv":
        yield "\t".join(TSV_HEADER)
    for number, one in enumerate(answered, start=1):
        texts = one.output.texts
        if output_format == "json":
            yield json.dumps(to_json(one), ensure_ascii=False)
        elif output_format == "tsv":
            id = normalize(one.request.id) or str(number)
            for text, verdict in zip(texts, one.verdicts, strict=True):
                leaked = "" if verdict.answer_leaked is None else str(verdict.answer_leaked).lower()
                words = [" ".join(verdict.banned_words), leaked, " ".join(verdict.hallucinated)]
                yield "\t".join([id, normalize(text.text), f"{text.score:.6f}", f"{text.log_prob:.6f}", *words])
            if not texts:
                yield "\t".join([id, *[""] * (len(TSV_HEADER) - 1)])
        else:
            yield from [" ".join(text.text.splitlines()) for text in texts] or ([""] if not several else [])
            if several:
                yield ""


def to_json(one: Answered) -> dict[str, Any]:
    """A request and its outputs; `error` says why there is none."""
    fields = {"id": one.request.id, **vars(one.request)}
    request = {key: value for key, value in fields.items() if value not in (None, "")}
    outputs = [
        {
            "text": text.text, "score": text.score, "log_prob": text.log_prob, "banned_words": list(verdict.banned_words),
            "answer_leaked": verdict.answer_leaked, "hallucinated": list(verdict.hallucinated),
        }
        for text, verdict in zip(one.output.texts, one.verdicts, strict=True)
    ]  # fmt: skip
    return {**request, "outputs": outputs, "error": None if outputs else "nothing without a banned word was found"}
