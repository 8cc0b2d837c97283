"""Long sentences with clauses in clauses: what `contexts.py` says in plain words, said as people do.

    幼い妹が庭で遊んでいる間に、母は隣の人からもらったりんごを三つ切り始めました。

A sentence is a row of groups (a lead-in, a topic, subordinate clauses, the elements of the verb), each a row of tokens: literal text, or a
value that may be asked for, wherever it stands. A question keeps all words, or leaves out the groups beside what is asked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clauses import COPULA, Sentence, Slot, Ways, add, subjects, variants
from frames import ACTIONS, OTHERS, Frame
from relations import ATTRIBUTES
from values import Drawer
from verbs import Verb
from words import ADJECTIVES, ADVERBS, Value


class Token(NamedTuple):
    """Literal text, or a value with what stands before it and behind it. `case` is the particle of a topic where it is none."""

    after: str
    value: Value | None = None
    before: str = ""
    case: str = ""

    @property
    def text(self) -> str:
        """As it stands in the statement."""
        return self.before + (self.value.text if self.value else "") + self.after

    def asked(self, ask: str) -> str:
        """With an interrogative in place of the value, and nothing before it."""
        after = self.case if self.case else self.after.removesuffix("、")
        return ask + (after.removeprefix("に") if ask in ("いつ", "なぜ", "どうして") else after)


@dataclass(frozen=True)
class Group:
    """Tokens that stay together; `aside` may be left out of a question."""

    tokens: list[Token] = field(default_factory=list)
    aside: bool = False
    topic: bool = False


_LINKS = (  # form of the verb, and what links it
    ("te", "、", 5), ("te", "", 2), ("stem", "、", 4), ("stem", "ながら、", 1), ("past", "とき、", 1), ("past", "ときに", 1), ("base", "と、", 1),
    ("past", "ので、", 1), ("past", "ため、", 1), ("past", "あと、", 1), ("base", "前に", 1), ("base", "ために", 2), ("past", "が、", 1), ("base", "ように、", 1),
    ("te いる", "間に、", 1), ("te いる", "ので、", 1), ("te から", "、", 1), ("polite", "が、", 1),
)  # fmt: skip
# What may stand behind the verb: form, what is put behind it (with its class), weight.
_AUXILIARIES = (
    ("", "", 34), ("te", "いる1", 10), ("te", "くれる1", 4), ("te", "もらう5", 3), ("te", "しまう5", 3), ("te", "くる来る", 3), ("te", "いく5", 3), ("te", "みる1", 2),
    ("te", "おく5", 2), ("te", "いただく5", 1), ("stem", "始める1", 3), ("stem", "続ける1", 2), ("stem", "終わる5", 1), ("base", "ことができる1", 4), ("past", "ことがある5", 2),
    ("base", "ことになる5", 3), ("base", "ようになる5", 3), ("base", "ことにする", 2), ("past", "と言われる1", 2), ("past", "とされる1", 2), ("base", "ことが多いi", 1),
)  # fmt: skip
_OWNERS = "family|role|town|place|person|when|relative_time|thing|goods|theme|organization"
_NOUNS = ("予定", "つもり", "はず", "ところ", "そう", "ばかり", "こと", "よう")


class Wild:
    """Draws long sentences."""

    def __init__(self, draw: Drawer):
        self.draw = draw
        self.rng = draw.rng

    def noun_phrase(self, kind: str, after: str, depth: int, case: str = "") -> Token:
        """A value of a type with modifiers, which may belong to it."""
        value, before = self.draw(kind), ""
        if value.asks[0] in ("何", "どこ", "誰") and self.rng.random() < 0.35:
            before = self._modifier(depth)
            if value.asks[0] != "誰" and self.rng.random() < 0.3:
                value, before = Value(before + value.text, value.asks, value.noun), ""
        elif value.text[0].isdigit() and self.rng.random() < 0.1:
            before = self.rng.choice(("約", "およそ", "毎年"))
        return Token(after, value, before, case)

    def _modifier(self, depth: int) -> str:
        draw = self.rng.random()
        if draw < 0.4:
            return self.rng.choice(ADJECTIVES)
        if draw < 0.7 or not depth:
            return self.draw(_OWNERS).text + self.rng.choice(("の", "の", "にある"))
        frame = self.rng.choice([f for f in ACTIONS if f.elements and f.elements[-1].endswith("を")])
        inner = "".join(token.text for token in self._elements(frame.elements[:-1], depth - 1))
        who = self.draw("family|role|person").text + "が" if self.rng.random() < 0.6 else ""
        return who + inner + self.rng.choice((frame.verb.past, frame.verb.past, frame.verb.base, frame.verb.te + "いる"))

    def _elements(self, patterns: tuple[str, ...], depth: int) -> list[Token]:
        tokens = []
        for pattern in patterns:
            parts = re.split(r"\[([^\]]+)\]", pattern)
            if len(parts) == 1:
                tokens.append(Token(pattern))
                continue
            before, kind, *rest = parts
            after = "".join(part if i % 2 == 0 else self.draw(part).text for i, part in enumerate(rest))
            tokens.append(Token(after, self.draw(kind), before) if before else self.noun_phrase(kind, after, depth))
        return tokens

    def _time(self) -> Token:
        kind = self.rng.choice(
            ("relative_time", "when", "month", "day", "hour", "weekday", "year", "date", "era", "century", "year_month")
        )
        value = self.draw(kind)
        if self.rng.random() < 0.15:
            value = Value(self.rng.choice(("来年の", "去年の", "毎年", "今年の", "翌年の", "その年の")) + value.text, ("いつ",))
        return Token("" if kind == "relative_time" else self.rng.choice(("に", "に", "に", "、")), value)

    def _subordinate(self, depth: int) -> Group:
        """A clause before the main one."""
        if self.rng.random() < 0.15:  # 市の人口は8万人で、
            kind = self.rng.choice(("person", "family", "town", "shop", "landmark", "work", "food", "organization"))
            noun, value = self.rng.choice(ATTRIBUTES[kind])
            return Group([Token(f"{self.draw(kind).text}の{noun}は"), self.noun_phrase(value, "で、", 0)], aside=True)
        form, link, _ = self.rng.choices(_LINKS, [weight for *_, weight in _LINKS])[0]
        frame = self.rng.choice(ACTIONS)
        tokens = self._elements(frame.elements, depth)
        if self.rng.random() < 0.2:
            tokens.insert(0, self._time())
        if link in ("とき、", "ので、", "ため、", "間に、", "が、", "と、", "ように、") and self.rng.random() < 0.5:
            tokens.insert(0, self.noun_phrase("family|role|person", "が", 0))
        verb = frame.verb
        said = {
            "te": verb.te, "stem": verb.stem, "past": verb.past, "base": verb.base, "te いる": verb.te + "いる", "te から": verb.te + "から",
            "polite": verb.form("past", True),
        }[form]  # fmt: skip
        reason = {"ため、": 0.5, "ので、": 0.5, "ために": 0.6}.get(link)
        if reason is not None and self.rng.random() < reason:
            whole = "".join(token.text for token in tokens) + said + link.rstrip("、に")
            return Group([Token(link[len(link.rstrip("、に")) :], Value(whole, ("なぜ", "どうして")))], aside=True)
        return Group([*tokens, Token(said + link)], aside=form != "te" or link != "")

    def _predicate(self, verb: Verb) -> Verb:
        """The verb with what may stand behind it."""
        form, added, _ = self.rng.choices(_AUXILIARIES, [weight for *_, weight in _AUXILIARIES])[0]
        if not added or verb.written.endswith("i"):
            return verb
        if added == "くる来る":
            return Verb(verb.te + "来る")
        return Verb({"te": verb.te, "stem": verb.stem, "base": verb.base, "past": verb.past}[form] + added)

    def groups(self, depth: int = 1) -> tuple[list[Group], Frame]:
        """What stands before the predicate."""
        other = self.rng.random() < 0.3
        frame = self.rng.choice(OTHERS if other else ACTIONS)
        subject = frame.subject if other else "person|person|family|role|role|organization"
        object_first = any(e.endswith("が") for e in frame.elements)
        case = "に" if frame.verb.base == "参加する" else "を" if object_first else "が"
        groups = []
        if self.rng.random() < 0.92:
            particle = "は" if object_first or self.rng.random() < 0.85 else "が"
            comma = self.rng.choice(("", "", "", "、"))
            groups.append(Group([self.noun_phrase(subject, particle + comma, depth, case)], topic=particle == "は"))
        if self.rng.random() < 0.45:
            time = self._time()
            first = self.rng.random() < 0.4
            groups.insert(0 if first else len(groups), Group([time], aside=True))
        if self.rng.random() < 0.5:
            first = self.rng.random() < 0.5
            groups.insert(0 if first else len(groups), self._subordinate(depth))
        if self.rng.random() < 0.15:
            particle = self.rng.choice(("で", "で", "では", "の近くで"))
            groups.append(Group([self.noun_phrase("place|town|landmark|organization", particle, depth)], aside=True))
        elements = self._elements(frame.elements, depth)
        if len(elements) > 1 and self.rng.random() < 0.15:
            elements = elements[1:]
        groups += [Group([token]) for token in elements]
        if self.rng.random() < 0.15:
            groups.insert(self.rng.randint(len(groups) - 1, len(groups)), Group([Token(self.rng.choice(ADVERBS))], aside=True))
        return groups, frame

    def sentence(self) -> Sentence:
        """A long sentence and its slots."""
        groups, frame = self.groups()
        verb, polite = self._predicate(frame.verb), self.rng.random() < 0.65
        tense = self.rng.choices(("past", "present", "lasting", "not"), (6, 3, 1, 0.4) if verb is frame.verb else (6, 3, 0, 0.3))[0]
        if verb.written.endswith("i"):
            tense = "present"
        plain, courteous = verb.form(tense, False), verb.form(tense, True)
        usual = ((courteous + "か?", 1.0),) if polite else ((courteous + "か?", 0.5), (plain + "か?", 0.5))
        endings = (*usual, (plain + "のですか?", 0.1), (plain + "のでしょうか?", 0.08))
        said = courteous if polite else plain
        if self.rng.random() < 0.06:
            noun = self.rng.choice(_NOUNS)
            said = plain + noun + ("です" if polite else "だ")
            endings = tuple((plain + noun + ending, weight / 6) for ending, weight in COPULA[polite])
        elif self.rng.random() < 0.1 and len(groups) > 1:
            return self._cleft(groups, plain, polite, endings)
        text, slots = "", []
        for g, group in enumerate(groups):
            for t, token in enumerate(group.tokens):
                if token.value and token.value.asks:
                    ways = self._ways(groups, g, t, endings, plain, polite)
                    slots.append(Slot(token.value.text, len(text) + len(token.before), ways))
                text += token.text
        return Sentence(text + said + "。", tuple(slots))

    def _ways(self, groups: list[Group], g: int, t: int, endings: tuple[tuple[str, float], ...], plain: str, polite: bool) -> Ways:
        """The right questions for a token."""
        ways: Ways = {}
        token = groups[g].tokens[t]
        assert token.value is not None
        for kept, weight in self._kept(groups, g):
            for ask, usual in variants(token.value):
                body = "".join(
                    token.asked(ask) if group is groups[g] and i == t else o.text
                    for group in kept
                    for i, o in enumerate(group.tokens)
                )
                for ending, how in endings:
                    add(ways, body + ending, weight * usual * how)
                case = token.case or token.after.removesuffix("、")
                timely = re.match("いつ|何(年|月|日|時|曜日)|どこ", ask) and case in ("に", "で", "")
                if len(groups[g].tokens) == 1 and (case in ("が", "を", "") or timely):
                    rest = self._before_noun([group for group in kept if group is not groups[g]])
                    for ending, how in COPULA[polite]:
                        add(ways, f"{rest}{plain}のは{ask}{ending}", 0.05 * weight * usual * how)
        return ways

    @staticmethod
    def _before_noun(groups: Sequence[Group]) -> str:
        """Groups as they stand in a clause before a noun: a topic is a subject there."""
        return "".join(
            token.before + (token.value.text if token.value else "") + token.case if group.topic and token.case else token.text
            for group in groups
            for token in group.tokens
        )

    @staticmethod
    def _kept(groups: list[Group], g: int) -> Iterator[tuple[list[Group], float]]:
        """All groups; those that are needed; and without the name of the topic."""
        yield groups, 1.0
        needed = [group for i, group in enumerate(groups) if i == g or not group.aside]
        if len(needed) < len(groups):
            yield needed, 0.35
        topic = next((group for i, group in enumerate(needed) if group.topic and group is not groups[g]), None)
        if topic is not None:
            for name, weight in list(subjects(topic.tokens[0].value))[1:]:
                token = topic.tokens[0]
                named = [] if name is None else [Group([Token(token.after, Value(name, ()), "", token.case)], topic=True)]
                yield [o for group in needed for o in (named if group is topic else [group])], 0.4 * weight

    def _cleft(self, groups: list[Group], plain: str, polite: bool, endings: tuple[tuple[str, float], ...]) -> Sentence:
        """A sentence whose predicate is one of its elements: 庭で遊んだのは妹です."""
        single = {i: group.tokens[0] for i, group in enumerate(groups) if len(group.tokens) == 1 and group.tokens[0].value}
        usable = [i for i, token in single.items() if (token.case or token.after.removesuffix("、")) in ("が", "を", "")]
        if not usable:
            return Sentence("".join(o.text for group in groups for o in group.tokens) + plain + "。", ())
        g = self.rng.choice(usable)
        token = groups[g].tokens[0]
        rest = self._before_noun([group for i, group in enumerate(groups) if i != g]) + plain + "のは"
        text = rest + token.before + token.value.text + ("です。" if polite else "だ。")  # type: ignore[union-attr]
        ways = self._ways(groups, g, 0, endings, plain, polite)
        for ask, usual in variants(token.value):  # type: ignore[arg-type]
            for ending, how in COPULA[polite]:
                add(ways, rest + ask + ending, 2.0 * usual * how)
        return Sentence(text, (Slot(token.value.text, len(rest) + len(token.before), ways),))  # type: ignore[union-attr]
