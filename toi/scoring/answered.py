"""Files of requests to generate.py, and what it prints of the outputs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toi.data.requests import Request
from toi.data.tsv import escape, to_line
from toi.text.normalization import normalize, normalize_lines, printable

if TYPE_CHECKING:  # what these import is slow, and requests are read before it
    from toi.decoding.jobs import Output
    from toi.scoring.verdicts import Verdict

TSV_HEADER = ("id", "output", "score", "log_prob", "banned_words", "answer_leaked", "hallucinated")


@dataclass
class Answered:
    """A request with its outputs, each with a verdict; no output where nothing without a banned word was found."""

    request: Request
    output: "Output"
    verdicts: "list[Verdict]" = field(default_factory=list)


def lines_of(answered: Iterable[Answered], output_format: str, several: bool, line_breaks: bool = False) -> Iterator[str]:
    """What is printed: text (an output a line), tsv (an output a line, under `TSV_HEADER`), json (a request a line).

    As text, the outputs of a request are followed by an empty line where there are several requests with `several` outputs; a
    request without an output is an empty line. An output is always one line: a line break in it is a space, or with `line_breaks`,
    for a task whose texts hold them, as toi/data/tsv.py writes it.
    """
    if output_format == "tsv":
        yield "\t".join(TSV_HEADER)
    for number, one in enumerate(answered, start=1):
        texts = one.output.texts
        if output_format == "json":
            yield json.dumps(to_json(one), ensure_ascii=False)
        elif output_format == "tsv":
            for fields in tsv_fields(one, number, line_breaks):
                yield to_line(fields, line_breaks=line_breaks)
        else:
            yield from [one_line(text.text, line_breaks) for text in texts] or ([""] if not several else [])
            if several:
                yield ""


def tsv_fields(one: Answered, number: int, line_breaks: bool) -> Iterator[list[str]]:
    """The fields of each output of a request, empty ones where there is none; `number` is its id if it has no own."""
    id = normalize(one.request.id) or str(number)
    for text, verdict in zip(one.output.texts, one.verdicts, strict=True):
        leaked = "" if verdict.answer_leaked is None else str(verdict.answer_leaked).lower()
        words = [" ".join(verdict.banned_words), leaked, " ".join(verdict.hallucinated)]
        output = normalize_lines(text.text) if line_breaks else normalize(text.text)
        yield [id, output, f"{text.score:.6f}", f"{text.log_prob:.6f}", *words]
    if not one.output.texts:
        yield [id, *[""] * (len(TSV_HEADER) - 1)]


def one_line(text: str, line_breaks: bool) -> str:
    """An output as a line: see `lines_of`."""
    lines = [printable(line) for line in text.splitlines()]
    return escape("\n".join(lines)) if line_breaks else " ".join(lines)


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
