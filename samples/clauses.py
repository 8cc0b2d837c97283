"""Sentences as clauses, and all right questions for each of their parts.

A clause is a row of elements (a phrase and its particle) and a verb. For the element that is the answer, `Clause.ways` lists the
questions that are right, each with how usual it is:

    霧沢一は1987年に白浜市で生まれました。      (answer 白浜市)
    霧沢一は1987年にどこで生まれましたか?       in place: an interrogative stands for the answer, a topic becomes a subject
    霧沢一はどこで生まれたのでしょうか?         without what is said beside it, and in other endings
    霧沢一が1987年に生まれたのはどこですか?     cleft: the answer is the predicate
    霧沢一が生まれた町はどこですか?             its kind is named
    この人は1987年にどこで生まれましたか?       without the name of the subject: この人, or nothing at all
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from verbs import Verb
from words import Value

COPULA = {True: (("ですか?", 6.0), ("でしょうか?", 1.2)), False: (("ですか?", 3.0), ("か?", 3.0), ("でしょうか?", 0.7))}
HEADS = {"誰": "人", "どこ": "場所", "何": "もの", "何年": "年", "何月": "月", "何曜日": "曜日"}
_TIME_OR_PLACE = re.compile("どこ|いつ|何(年|月|日|時|曜日|時代|世紀)|どの(町|国|店|県)|何という(町|市|村|県)")
_WITHOUT_NI = ("いつ", "なぜ", "どうして")
_KEPT = ("から", "まで", "と", "より")  # particles that a cleft sentence keeps

_WIDER = {"小説": "作品", "映画": "作品", "祭り": "行事", "市": "町", "村": "町"}

Ways = dict[str, float]
Endings = tuple[tuple[str, float], ...]  # with their weights


class Slot(NamedTuple):
    """What may be asked for in a sentence: its text, its offset in characters, and the right questions with their weights."""

    text: str
    start: int
    ways: Ways


class Sentence(NamedTuple):
    """A sentence and its slots, in order."""

    text: str
    slots: tuple[Slot, ...]

    def behind(self, lead: str) -> "Sentence":
        """The sentence with a lead-in (`また、`), which its questions do not have."""
        return Sentence(lead + self.text, tuple(slot._replace(start=slot.start + len(lead)) for slot in self.slots))


@dataclass(frozen=True)
class Element:
    """A phrase of a clause: modifier + value + particle. Without a value it is never asked for.

    `case` is the particle of a topic where it is none: が for は, に for には.
    """

    value: Value | None
    after: str = ""
    before: str = ""
    topic: bool = False
    aside: bool = False  # what may be left out
    case: str = ""

    @property
    def text(self) -> str:
        """As it stands in the statement."""
        return self.before + (self.value.text if self.value else "") + self.after

    @property
    def subject(self) -> str:
        """As it stands in a clause before a noun: a topic is a subject there."""
        if not self.topic:
            return self.text.removesuffix("、")
        return self.before + (self.value.text if self.value else "") + self.case


def slots_of(sentences: Iterable[Sentence]) -> Iterator[Slot]:
    """What may be asked for in sentences one behind the other, with its offset in their text."""
    at = 0
    for sentence in sentences:
        yield from (slot._replace(start=at + slot.start) for slot in sentence.slots if slot.ways)
        at += len(sentence.text)


def particle_of(ask: str, particle: str, comma: bool = False) -> str:
    """The particle of an interrogative in place of a value: いつ has no に, and 何年 has one also for a time with a comma (1987年、)."""
    if comma and not particle and _TIME_OR_PLACE.match(ask) and ask not in ("いつ", "どこ"):
        return "に"
    return particle.removeprefix("に") if ask in _WITHOUT_NI else particle


def add(ways: Ways, question: str, weight: float) -> None:
    """One more way, or one more usual."""
    ways[question] = ways.get(question, 0.0) + weight


def usual(ways: Ways, rarest: int = 300) -> Ways:
    """Without what nobody says: less than one question in `rarest`."""
    total = sum(ways.values())
    return {question: weight for question, weight in ways.items() if weight * rarest >= total}


def variants(value: Value) -> Iterator[tuple[str, float]]:
    """The interrogatives of a value, the usual one first."""
    for i, ask in enumerate(value.asks):
        yield ask, 1.0 if i == 0 else 0.3 / (len(value.asks) - 1)


def subjects(value: Value | None) -> Iterator[tuple[str | None, float]]:
    """The ways to name a subject: its name, its kind, not at all (None)."""
    yield (value.text if value else ""), 1.0
    if value and value.noun:
        yield f"この{value.noun}", 0.3
        if value.noun in _WIDER:
            yield f"この{_WIDER[value.noun]}", 0.06
    elif value and value.asks and value.asks[0] == "誰":
        yield "この人", 0.1
    if value:
        yield None, 0.15 if value.noun else 0.06


@dataclass(frozen=True)
class Clause:
    """Elements and a verb. The topic may be `unsaid`: in the questions, not in the statement.

    With a `noun` the verb stands before it, and the predicate is that noun: (こころは1914年に) 書かれた小説です.
    """

    elements: tuple[Element, ...]
    verb: Verb
    tense: str = "past"
    polite: bool = True
    unsaid: bool = False
    noun: str = ""

    @property
    def predicate(self) -> str:
        """The verb, or the noun behind it, as the statement has it."""
        if self.noun:
            return self.plain + self.noun + ("です" if self.polite else "だ")
        return self.verb.form(self.tense, self.polite)

    @property
    def plain(self) -> str:
        """The verb as it stands before a noun."""
        return self.verb.form(self.tense, False)

    def said(self) -> list[tuple[int, Element]]:
        """The elements of the statement, with their places."""
        return [(i, e) for i, e in enumerate(self.elements) if not (self.unsaid and e.topic)]

    def sentence(self, predicate: str | None = None) -> Sentence:
        """The statement, with a slot for each element that may be asked for."""
        text, slots = "", []
        for i, element in self.said():
            if element.value and element.value.asks:
                slots.append(Slot(element.value.text, len(text) + len(element.before), self.ways(i)))
            text += element.text
        return Sentence(text + (predicate or self.predicate + "。"), tuple(slots))

    def cleft(self, asked: int) -> Sentence | None:
        """The statement with one element as its predicate: 1987年に白浜市で生まれたのは霧沢一です. None where that cannot be said."""
        value, others = self.elements[asked].value, {i: e for i, e in enumerate(self.elements) if i != asked}
        assert value is not None
        for form, _ in self._arrange(asked, value.text, others):
            if form.endswith(("は" + value.text + "ですか?", "は" + value.text + "か?")):
                rest = form[: form.rindex(value.text)]
                end = "です。" if self.polite else "だ。"
                return Sentence(rest + value.text + end, (Slot(value.text, len(rest), self.ways(asked)),))
        return None

    def ways(self, asked: int) -> Ways:
        """The right questions for the element at `asked`, with their weights."""
        ways: Ways = {}
        value = self.elements[asked].value
        assert value is not None
        for others, weight in self._reductions(asked):
            for ask, usual in variants(value):
                for question, how in self._arrange(asked, ask, others):
                    add(ways, question, weight * usual * how)
        return ways

    def _reductions(self, asked: int) -> Iterator[tuple[dict[int, Element], float]]:
        """The other elements that a question keeps: all or those that are needed, the topic named in each of its ways."""
        others = {i: e for i, e in enumerate(self.elements) if i != asked}
        needed = {i: e for i, e in others.items() if not e.aside}
        beside = [i for i, e in others.items() if e.aside]
        reduced = [(others, 1.0)] + ([(needed, 0.4)] if beside else [])
        if len(beside) > 1:  # one of them left out
            reduced += [({j: e for j, e in others.items() if j != i}, 0.15) for i in beside]
        for kept, weight in reduced:
            topic = next((i for i, e in kept.items() if e.topic and e.value), None)
            if topic is None:
                yield kept, weight
                continue
            for name, usual in subjects(kept[topic].value):
                named = dict(kept)
                if name is None:
                    del named[topic]
                else:
                    before = "" if name.startswith("この") else kept[topic].before
                    named[topic] = replace(kept[topic], value=Value(name, ()), before=before)
                yield named, weight * usual

    def _arrange(self, asked: int, ask: str, others: dict[int, Element]) -> Iterator[tuple[str, float]]:
        """The orders of words: in place, in front, cleft, with the kind of the answer named."""
        element = self.elements[asked]
        particle = _behind(element, ask)
        order = sorted([*others, asked])
        texts = [ask + particle if i == asked else others[i].text for i in order]
        front = [ask + particle, *(others[i].text for i in order if i != asked)]
        for ending, weight in self.endings():
            yield "".join(texts) + ending, 6.0 * weight
            if front != texts and order[0] != asked and others[order[0]].topic:
                yield "".join(front) + ending, 0.3 * weight
        if self.noun or not self._can_be_predicate(ask, particle):
            return
        kept = particle if particle in _KEPT else ""
        if kept == "と" and ask != "誰":  # 何と呼ばれていますか: what follows と is no companion
            return
        place = particle[:-1] if not kept else ""  # の近くに: の近く
        rest = "".join(others[i].subject for i in order if i != asked) + self.plain
        for ending, weight in COPULA[self.polite]:
            yield f"{rest}のは{ask}{place}{kept}{ending}", 0.35 * weight
            head = (element.value.noun if element.value else "") or HEADS.get(ask, "")
            if head and not kept and not place and others:
                yield f"{rest}{head}は{ask}{ending}", 0.12 * weight

    @staticmethod
    def _can_be_predicate(ask: str, particle: str) -> bool:
        return particle in ("が", "を", "", *_KEPT) or bool(_TIME_OR_PLACE.match(ask))

    def endings(self) -> Endings:
        """The endings of a question whose predicate is the verb, or the noun behind it."""
        if self.noun:
            return noun_endings(self.plain + self.noun, self.polite)
        return verb_endings(self.verb.form(self.tense, True), self.plain, self.polite, (0.12, 0.1))


def verb_endings(courteous: str, plain: str, polite: bool, explained: tuple[float, float]) -> Endings:
    """The endings of a question with a verb, in both of its forms; `explained` are the weights of のですか and のでしょうか."""
    asked = ((courteous + "か?", 1.0),) if polite else ((courteous + "か?", 0.5), (plain + "か?", 0.5))
    return (*asked, (plain + "のですか?", explained[0]), (plain + "のでしょうか?", explained[1]))


def noun_endings(predicate: str, polite: bool) -> Endings:
    """The endings of a question whose predicate is a noun."""
    return tuple((predicate + ending, weight / 6) for ending, weight in COPULA[polite])


def joined(first: Clause, second: Clause, link: str) -> Sentence:
    """Two clauses in a sentence. `link`: te, stem (生まれ、), が, ので or とき.

    A part is asked for in its own clause alone, or with the other clause beside it.
    """
    predicate = {
        "te": first.verb.te + "、", "stem": first.verb.stem + "、", "が": first.predicate + "が、",
        "ので": first.plain + "ので、", "とき": first.plain + "とき、",
    }[link]  # fmt: skip
    head, tail = first.sentence(predicate), second.sentence()
    slots = []
    for (i, element), slot in zip(_asked(first), head.slots, strict=True):
        ways = dict(slot.ways)
        for ask, usual in variants(element.value):  # type: ignore[arg-type]
            particle = _behind(element, ask)
            texts = [ask + particle if j == i else e.text for j, e in first.said()]
            body = "".join(texts) + predicate + "".join(e.text for _, e in second.said())
            for ending, weight in second.endings():
                add(ways, body + ending, 2.0 * usual * weight)
        slots.append(slot._replace(ways=ways))
    for (i, element), slot in zip(_asked(second), tail.slots, strict=True):
        ways = dict(slot.ways)
        others = {j: e for j, e in second.said() if j != i}
        for ask, usual in variants(element.value):  # type: ignore[arg-type]
            question, weight = next(second._arrange(i, ask, others))
            add(ways, head.text + question, weight * usual * 0.4)
        slots.append(Slot(slot.text, slot.start + len(head.text), ways))
    return Sentence(head.text + tail.text, tuple(slots))


def _behind(element: Element, ask: str) -> str:
    """What stands behind the interrogative: 誰が where the statement has は, いつ where it has 1987年に."""
    particle = element.case if element.topic else element.after.removesuffix("、").removeprefix("』")
    return particle_of(ask, particle, element.after == "、")


def _asked(clause: Clause) -> list[tuple[int, Element]]:
    return [(i, e) for i, e in clause.said() if e.value and e.value.asks]
