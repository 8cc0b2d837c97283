"""Questions for users of the page: requests of several of them at once, each with its own words, and the outputs as HTML."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toi.data.requests import Request, prompts_of
from toi.page.choice import Models
from toi.page.words import WORDS
from toi.scoring.answered import Answered, to_json
from toi.scoring.answering import answer
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError

MOST_OUTPUTS = 20
_DIVERSITY = 1.0  # docs/generation.md: ten questions of a source then are ten


class Problem(InputError):
    """What is wrong with what a user typed, by its key among the words of the page."""

    def __init__(self, key: str, *values: object):
        super().__init__(WORDS["en"][key].format(*values))
        self.key, self.values = key, values


@dataclass(frozen=True)
class Wish:
    """What a user wants of a model: what is in the request, so many outputs, none with these words."""

    model: str
    request: Request
    count: int = 1
    bad_words: tuple[str, ...] = ()


def fulfil(models: Models, wishes: Sequence[Wish]) -> list[Answered | InputError]:
    """The outputs for each wish, or what is wrong with it: a wrong one does not spoil the others.

    Wishes of one model and one count are searched together, whoever has them; an output does not depend on its company.
    """
    found: list[Answered | InputError | None] = [None] * len(wishes)
    groups: dict[tuple[str, int], list[int]] = {}
    for i, wish in enumerate(wishes):
        groups.setdefault((wish.model, wish.count), []).append(i)
    for (name, count), members in groups.items():
        try:
            with models.use(name) as asked:
                good = []
                for i in members:
                    try:
                        prompts_of(asked.task, [("", wishes[i].request)], lambda text, place: None)
                        good.append(i)
                    except InputError as error:
                        found[i] = error
                requests = [("", wishes[i].request) for i in good]
                words = [wishes[i].bad_words for i in good]
                for i, one in zip(good, answer(asked.decoder, asked.task, options_of(count), requests, words), strict=True):
                    found[i] = one
        except InputError as error:
            for i in members:
                found[i] = found[i] or error
    return [one if one is not None else InputError("nothing was found") for one in found]


def options_of(count: int) -> AnsweringOptions:
    """How so many outputs that differ are searched for."""
    return AnsweringOptions(num_return_sequences=count, diversity_penalty=_DIVERSITY if count > 1 else 0.0)


def checked_count(count: Any) -> int:
    """A number of outputs. Raises InputError if it is none, or too large."""
    if isinstance(count, bool) or not isinstance(count, int | float) or int(count) != count or not 1 <= count <= MOST_OUTPUTS:
        raise InputError(f"the number of outputs must be from 1 to {MOST_OUTPUTS}, not {count!r}")
    return int(count)


def as_json(one: Answered | InputError) -> dict[str, Any]:
    """The outputs as `generate.py --output_format json` has them; `error` says why there are none."""
    return {"outputs": [], "error": str(one)} if isinstance(one, InputError) else to_json(one)


def as_html(one: Answered | InputError, words: dict[str, str]) -> str:
    """The outputs as a list, made-up words marked, behind each its score; `words` are those of the user's language."""
    if isinstance(one, InputError):
        return wrong(one, words)
    if not one.output.texts:
        return f'<p class="toi-error">{html.escape(words["toi.nothing"])}</p>'
    rows = []
    for text, verdict in zip(one.output.texts, one.verdicts, strict=True):
        notes = [f"{words['toi.score']} {text.score:.2f}"]
        notes += [f"{words['toi.made_up']}: {'、'.join(verdict.hallucinated)}"] if verdict.hallucinated else []
        notes += [words["toi.leaked"]] if verdict.answer_leaked else []
        rows.append(f"<li>{marked(text.text, verdict.hallucinated)} <small>{html.escape(' · '.join(notes))}</small></li>")
    return f'<ol class="toi-outputs">{"".join(rows)}</ol>'


def wrong(error: InputError, words: dict[str, str]) -> str:
    """What is wrong as HTML, in the user's language where the page knows it."""
    said = words[error.key].format(*error.values) if isinstance(error, Problem) else str(error)
    return f'<p class="toi-error">{html.escape(said)}</p>'


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
