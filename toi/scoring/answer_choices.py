"""Requests -> the probabilities of choices, printed."""

import json
from collections.abc import Iterator, Mapping, Sequence

from toi.data.compared import compares
from toi.data.dialogues import swapped
from toi.data.requests import Request, prompts_of
from toi.data.tsv import to_line
from toi.decoding.choose import open_choosing
from toi.scoring.asked import Asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.saying import say, warn


def answer_with_choices(
    asked: Asked, choices: tuple[str, ...], options: AnsweringOptions, requests: list[tuple[str, Request]], *, swap: bool
) -> None:
    """Print for each request how likely each choice is, with `swap` asked both ways round.

    Raises InputError with the place of a request that cannot be met, and for a swap where nothing is compared.
    """
    if swap and not compares(asked.task):
        raise InputError(f"{asked.name}: compares no answers (task {asked.task.name}); leave out --swap_average")
    choosing = open_choosing(asked.decoder.checkpoint, choices, options)
    examples, sources = prompts_of(asked.task, requests, warn)
    others = [asked.task.source(swapped(example)) for example in examples] if swap else []
    asks = list(zip(sources, others, strict=True)) if swap else [(source,) for source in sources]
    found = dict(choosing.probabilities(asks, options.per_device_eval_batch_size))
    if cut := choosing.scorer.cut:
        family = choosing.scorer.checkpoint.family
        warn(f"{cut} of {sum(map(len, asks))} prompts are longer than the limit and lose of their {family.cut}; shorten them")
    shares = [dict(zip(choices, found[i].tolist(), strict=True)) for i in range(len(sources))]
    for line in lines_of_choices([request for _, request in requests], shares, options.output_format):
        print(line)
    say(choosing.scorer.report)


def lines_of_choices(requests: Sequence[Request], shares: Sequence[Mapping[str, float]], output_format: str) -> Iterator[str]:
    """What is printed: text (of one request a choice a line, of several a request a line), tsv (under a header), json.

    A choice stands behind its probability, the likeliest of a request first.
    """
    if output_format == "tsv":
        yield to_line(("id", "output", *shares[0]), line_breaks=False)
    for number, (request, of_request) in enumerate(zip(requests, shares, strict=True), start=1):
        ordered = sorted(of_request.items(), key=lambda item: -item[1])
        if output_format == "json":
            asked = {key: value for key, value in {"id": request.id, **vars(request)}.items() if value not in (None, "")}
            yield json.dumps({**asked, "output": ordered[0][0], "choices": dict(of_request)}, ensure_ascii=False)
        elif output_format == "tsv":
            numbers = [f"{share:.9g}" for share in of_request.values()]
            yield to_line((request.id or str(number), ordered[0][0], *numbers), line_breaks=True)
        elif len(requests) > 1:
            yield "  ".join(f"{share:.4f} {name.strip()}" for name, share in ordered)
        else:
            yield from (f"{share:.4f}  {name.strip()}" for name, share in ordered)
