"""Answer extraction, and questions with answers end to end: what a passage lets one ask, as the targets of a model.

    ae     {highlighted}, a sentence between two <hl>   ->  霧沢一 | 医師
    qag    context: {context}                           ->  question: 霧沢一の職業は何ですか? answer: 医師 | question: ...

The Examples are made from those of a SQuAD-format file: for `ae` one for each sentence with an answer in it, whose first answer is
the sentence itself (what is highlighted), for `qag` one for each context. What is asked for stands in `extra`, in the order
of the text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from toi.data.examples import Answer, Example
from toi.data.windows import window
from toi.text.normalization import normalize
from toi.text.occurrences import sentences

EXTRACTED = ("answers", "pairs")  # fields of targets, and where an Example has their texts
SEPARATOR = " | "
_PAIR = re.compile(r"question:\s*(.*?)\s*answer:\s*(.*)", re.DOTALL)


def listed(normalization: Callable[[str], str], example: Example, name: str) -> str:
    """The text of {answers} or {pairs}."""
    values = example.extra.get(name, ())
    if name == "answers":
        return SEPARATOR.join(map(normalization, values))
    return SEPARATOR.join(f"question: {normalization(question)} answer: {normalization(answer)}" for question, answer in values)


def answers_in(output: str) -> list[str]:
    """The answers that a model of the task `ae` wrote, each once."""
    return list(dict.fromkeys(part.strip() for part in output.split("|") if part.strip()))


def pairs_in(output: str) -> list[tuple[str, str]]:
    """The questions and answers that a model of the task `qag` wrote; what is none of them is left out.

    >>> pairs_in("question: 職業は何ですか? answer: 医師 | question: 趣味")
    [('職業は何ですか?', '医師')]
    """
    found = [match.groups() for part in output.split("|") if (match := _PAIR.fullmatch(part.strip())) is not None]
    return [(question, answer) for question, answer in found if question and answer]


def extraction_examples(
    examples: Iterable[Example], task: str, longest: int | None = None, line_breaks: bool = False
) -> Iterator[Example]:
    """The Examples of the task `ae` or `qag`, from those of questions; each paragraph's must stand side by side.

    An answer with the separator in it, or one that stands across sentences, is asked for by no `ae`. With `longest`, the contexts
    of `qag` are the sentences around an answer (toi/data/windows.py), as many as every answer has a place in one.
    """
    for (title, context), group in groupby(examples, key=lambda example: (example.title, example.context)):
        answered = [(e.answers[0], e) for e in group if e.answers and e.answers[0].start is not None]
        answered = [(answer, e) for answer, e in answered if "|" not in normalize(answer.text + e.question)]
        answered.sort(key=lambda pair: (pair[0].start or 0, pair[1].id))
        if not answered:
            continue
        first = answered[0][1].id
        if task == "qag":
            yield from _end_to_end(f"{first}-qag", answered, longest, line_breaks)
            continue
        for number, (start, end) in enumerate(sentences(context)):
            inside = _inside([answer for answer, _ in answered], start, end)
            if inside:
                yield sentence_example(f"{first}-ae{number}", context, start, end, title, inside)


def _end_to_end(id: str, answered: Sequence[tuple[Answer, Example]], longest: int | None, line_breaks: bool) -> Iterator[Example]:
    """The Examples of `qag` of a context: each with all pairs whose answer stands in what is left of it."""
    left, number = list(answered), 0
    while left:
        answer, example = left[0]
        one = Example(f"{id}{number or ''}", example.context, answers=(answer,), title=example.title)
        if longest is not None:
            one = window(one, longest, line_breaks)
        low = (answer.start or 0) - (one.answers[0].start or 0)
        inside = [(a, e) for a, e in answered if low <= (a.start or 0) and (a.start or 0) + len(a.text) <= low + len(one.context)]
        yield replace(one, extra={"pairs": [[e.question, a.text] for a, e in inside]})
        left = [pair for pair in left if pair not in inside]
        number += 1


def _inside(answers: Sequence[Answer], start: int, end: int) -> list[str]:
    """The texts of answers within a sentence, each once."""
    inside = [a.text for a in answers if a.start is not None and start <= a.start and a.start + len(a.text) <= end]
    return list({normalize(text): text for text in reversed(inside)}.values())[::-1]


def sentence_example(id: str, context: str, start: int, end: int, title: str = "", answers: Sequence[str] = ()) -> Example:
    """An Example of `ae`: what can be asked for in the sentence `context[start:end]`?"""
    sentence = context[start:end]
    shown = sentence.strip()
    at = start + len(sentence) - len(sentence.lstrip())
    return Example(id, context, answers=(Answer(shown, at),), title=title, extra={"answers": list(answers)})
