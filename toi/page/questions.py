"""Questions for users of the page: requests of several of them at once, each with its own words, and the outputs as HTML."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from toi.data.requests import Request, prompts_of
from toi.data.tasks import HIGHLIGHT
from toi.decoding.decoder import limits_of
from toi.page.choice import Backend, Models
from toi.page.errors import Problem, said
from toi.page.words import WORDS, Language
from toi.scoring.answered import Answered, to_json
from toi.scoring.answering import answer
from toi.scoring.asked import Asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError

MOST_OUTPUTS = 20
_DIVERSITY = 1.0  # docs/generation.md: ten questions of a source then are ten


@dataclass(frozen=True)
class Wish:
    """What a user wants of a model: what is in the request, so many outputs, none with these words."""

    model: str
    request: Request
    count: int = 1
    bad_words: tuple[str, ...] = ()


class Found(NamedTuple):
    """What a user gets: outputs, or what is wrong; and how many tokens of the prompt the model had no room for."""

    outputs: Answered | InputError
    cut: int = 0


def fulfil(models: Models, wishes: Sequence[Wish]) -> list[Found]:
    """The outputs for each wish, or what is wrong with it: a wrong one does not spoil the others.

    Wishes of one model and one count are searched together, whoever has them; an output does not depend on its company.
    """
    found: dict[int, Found] = {}
    groups: dict[tuple[str, int], list[int]] = {}
    for i, wish in enumerate(wishes):
        groups.setdefault((wish.model, wish.count), []).append(i)
    for (name, count), members in groups.items():
        try:
            options = options_of(count, models.backend(name))
            with models.use(name) as asked:
                cuts: dict[int, int] = {}
                for i in members:
                    try:
                        cuts[i] = _cut(asked, wishes[i].request, options)
                    except InputError as error:
                        found[i] = Found(error)
                requests = [("", wishes[i].request) for i in cuts]
                words = [wishes[i].bad_words for i in cuts]
                for i, one in zip(cuts, answer(asked.decoder, asked.task, options, requests, words), strict=True):
                    found[i] = Found(one, cuts[i])
        except InputError as error:
            for i in members:
                found.setdefault(i, Found(error))
    return [found[i] for i in range(len(wishes))]


def _cut(asked: Asked, request: Request, options: AnsweringOptions) -> int:
    """How many tokens of the prompt the model has no room for. Raises InputError for no prompt, and one that lost its answer."""
    _, sources = prompts_of(asked.task, [("", request)], lambda text, place: None)
    checkpoint = asked.decoder.checkpoint
    (row,) = checkpoint.family.encode(sources, None, limits_of(checkpoint, options))
    if row.source_cut and asked.task.highlights and row.source.count(checkpoint.tokenizer.encode(HIGHLIGHT)[0]) < 2:
        raise Problem("toi.answer_cut")
    return row.source_cut


def options_of(count: int, backend: Backend = "auto") -> AnsweringOptions:
    """How so many outputs that differ are searched for."""
    diversity = _DIVERSITY if count > 1 else 0.0
    return AnsweringOptions(num_return_sequences=count, diversity_penalty=diversity, backend=backend)


def checked_count(count: Any) -> int:
    """A number of outputs. Raises InputError if it is none, or too large."""
    if isinstance(count, bool) or not isinstance(count, int | float) or int(count) != count or not 1 <= count <= MOST_OUTPUTS:
        raise InputError(f"the number of outputs must be from 1 to {MOST_OUTPUTS}, not {count!r}")
    return int(count)


def as_json(found: Found) -> dict[str, Any]:
    """The outputs as `generate.py --output_format json` has them; `error` says why there are none, `cut` what was not read."""
    one = found.outputs
    value = {"outputs": [], "error": str(one)} if isinstance(one, InputError) else to_json(one)
    return value | ({"cut": found.cut} if found.cut else {})


def as_html(found: Found, language: Language) -> str:
    """The outputs as a list, made-up words marked, behind each its score, in the user's language."""
    one, words = found.outputs, WORDS[language]
    if isinstance(one, InputError):
        return wrong(one, language)
    notice = line(words["toi.cut"].format(found.cut)) if found.cut else ""
    if not one.output.texts:
        return notice + line(words["toi.nothing"])
    rows = []
    for text, verdict in zip(one.output.texts, one.verdicts, strict=True):
        notes = [f"{words['toi.score']} {text.score:.2f}"]
        notes += [f"{words['toi.made_up']}: {'、'.join(verdict.hallucinated)}"] if verdict.hallucinated else []
        notes += [words["toi.leaked"]] if verdict.answer_leaked else []
        rows.append(f"<li>{marked(text.text, verdict.hallucinated)} <small>{html.escape(' · '.join(notes))}</small></li>")
    return f'{notice}<ol class="toi-outputs">{"".join(rows)}</ol>'


def wrong(error: InputError, language: Language) -> str:
    """What is wrong as HTML, in the user's language where the page knows it."""
    return line(said(error, language))


def line(text: str) -> str:
    """A line that a user should see, as HTML."""
    return f'<p class="toi-error">{html.escape(text)}</p>'


def marked(text: str, parts: Sequence[str]) -> str:
    """A text as HTML in which some of its parts are marked; what looks like markup is shown as it is."""
    spans: list[tuple[int, int]] = []
    for part in sorted({part for part in parts if part}, key=len, reverse=True):
        start = text.find(part)
        while start >= 0:
            end = start + len(part)
            if all(end <= a or b <= start for a, b in spans):
                spans.append((start, end))
            start = text.find(part, end)
    pieces, at = [], 0
    for start, end in sorted(spans):
        pieces += [html.escape(text[at:start]), f"<mark>{html.escape(text[start:end])}</mark>"]
        at = end
    return "".join([*pieces, html.escape(text[at:])])
