"""The outputs of two models for the same requests, one under the other."""

import json
from collections.abc import Iterator, Sequence

from toi.data.requests import Request
from toi.data.tsv import to_line
from toi.scoring.answered import TSV_HEADER, Answered, one_line, to_json, tsv_fields
from toi.scoring.answering import answer, warn_of_fewer
from toi.scoring.asked import Asked
from toi.scoring.options import AnsweringOptions
from toi.system.saying import say
from toi.text.normalization import printable_lines


def compare(
    asked: Sequence[Asked], options: AnsweringOptions, requests: Sequence[Sequence[tuple[str, Request]]], *, many: bool
) -> None:
    """Answer requests, given for each model as its task reads them, and print the outputs under the names of the models."""
    answered = [answer(one.decoder, one.task, options, list(its)) for one, its in zip(asked, requests, strict=True)]
    for line in lines_side_by_side(asked, answered, options.output_format, many=many):
        print(line)
    for one, its in zip(asked, answered, strict=True):
        warn_of_fewer(its, options, many, one.name)
        say(f"{one.name}: {one.decoder.report}")


def lines_side_by_side(
    asked: Sequence[Asked], answered: Sequence[Sequence[Answered]], output_format: str, *, many: bool
) -> Iterator[str]:
    """What is printed, request by request: as text under the name of each model, else with a column or key `model`.

    As text, line breaks of a single request's outputs are printed as they are; of many requests each output is a line, and an empty
    line stands behind each request.
    """
    if output_format == "tsv":
        yield "\t".join([TSV_HEADER[0], "model", *TSV_HEADER[1:]])
    for number, of_request in enumerate(zip(*answered, strict=True), start=1):
        for (name, _, task), one in zip(asked, of_request, strict=True):
            if output_format == "json":
                yield json.dumps({"model": name, **to_json(one)}, ensure_ascii=False)
            elif output_format == "tsv":
                for id, *fields in tsv_fields(one, number, task.line_breaks):
                    yield to_line([id, name, *fields], line_breaks=task.line_breaks)
            else:
                yield f"[{name}]"
                for text in one.output.texts:
                    yield one_line(text.text, task.line_breaks) if many else printable_lines(text.text)
        if many and output_format == "text":
            yield ""
