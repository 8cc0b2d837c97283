"""Answer extraction, and questions with answers end to end: what a passage lets one ask, as the targets of a model.

    ae     {highlighted}, a sentence between two <hl>   ->  霧沢一 | 医師
    qag    context: {context}                           ->  question: 霧沢一の職業は何ですか? answer: 医師 | question: ...

The Examples are made from those of a SQuAD-format file: for `ae` one for each sentence with an answer in it, whose first answer is
the sentence itself (what is highlighted), for `qag` one for each context. What is asked for stands in `extra`, in the order
of the text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from toi.data.examples import Answer, Example
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


def extraction_examples(examples: Iterable[Example], task: str) -> Iterator[Example]:
    """The Examples of the task `ae` or `qag`, from those of questions; each paragraph's must stand side by side.

    An answer with the separator in it, or one that stands across sentences, is asked for by no `ae`.
    """
    for (title, context), group in groupby(examples, key=lambda example: (example.title, example.context)):
        answered = [(e.answers[0], e) for e in group if e.answers and e.answers[0].start is not None]
        answered = [(answer, e) for answer, e in answered if "|" not in normalize(answer.text + e.question)]
        answered.sort(key=lambda pair: (pair[0].start or 0, pair[1].id))
        if not answered:
            continue
        first = answered[0][1].id
        if task == "qag":
            pairs = [[e.question, answer.text] for answer, e in answered]
            yield Example(f"{first}-qag", context, answers=(answered[0][0],), title=title, extra={"pairs": pairs})
            continue
        for number, (start, end) in enumerate(sentences(context)):
            inside = _inside([answer for answer, _ in answered], start, end)
            if inside:
                yield sentence_example(f"{first}-ae{number}", context, start, end, title, inside)


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
