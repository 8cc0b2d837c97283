"""Long sentences with clauses in clauses: what `contexts.py` says in plain words, said as people do.

    幼い妹が庭で遊んでいる間に、母は隣の人からもらったりんごを三つ切り始めました。

A sentence is a row of groups (a lead-in, a topic, subordinate clauses, the elements of the verb), each a row of tokens: literal text, or a
value that may be asked for, wherever it stands. A question keeps all words, or leaves out the groups beside what is asked, or the topic; what
a long sentence is about has a name of its own there, not `この人`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clauses import (
    COPULA,
    Endings,
    Sentence,
    Slot,
    Ways,
    add,
    noun_endings,
    particle_of,
    subjects,
    variants,
    verb_endings,
)
from contexts import PEOPLE
from frames import ACTIONS, OTHERS, Frame
from relations import ATTRIBUTES, EQUATIONS, Relation, equation
from values import UNITS, Drawer, number
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

    @property
    def particle(self) -> str:
        """What stands behind the value in a question for it."""
        return self.case or (self.after.removesuffix("、") if len(self.after) < 3 else self.after)

    def asked(self, ask: str) -> str:
        """With an interrogative in place of the value, and nothing before it."""
        if ask in ("なぜ", "どうして"):  # 熱を出した+ため、: なぜ
            return ask
        return ask + particle_of(ask, self.particle, self.after == "、")


@dataclass(frozen=True)
class Group:
    """Tokens that stay together; `aside` may be left out of a question.

    A clause has the `verb` that its last token is a form of, and can be asked about alone: 六時に起きて、 -> 何時に起きますか?
    """

    tokens: list[Token] = field(default_factory=list)
    aside: bool = False
    topic: bool = False
    verb: Verb | None = None
    tense: str = ""  # that of the main clause where there is none


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
# Beside the verb, two spaces between them: whole phrases, which a question may leave out.
_PHRASES = tuple(
    phrase.strip()
    for line in """
    [theme|thing]によると、  [place|town]では、  [thing|goods|produce]の中で  [job]として  [person|role|family]とともに  [person|role|family]と一緒に  [tool|thing]を使って
    [人]で  全員で  [language]で  [relative_time]から  [when]まで  [year]以来  [year]ごろ  [thing]のかわりに  [thing|theme]について  [thing|abstract]のために  [role|person]のために
    [town|region]に向かって  [place]の中で  [円]で  [時間]ほど  [分]ほどで  [年間]にわたって  [日間]かけて  わずか[歳]で  [歳]のときに  [歳]のころ、  [thing|goods]とともに  [thing|goods]を持って
    [color]から[color]に  [incident]の後、  [incident]の前に  [event|festival]の日、  [event|festival]では、  [person]によって  [disease|weather]で  [weather]のため、  [purpose|event]のため、
    [town]と[town]の間で  [town+2]の間で  [thing+2]から  [place]から[place]まで  [thing|material]の上に  今も  今では  いまだに  きょう  きのう  あす、  ここでは、  本日は  当時、  日本で  世界で  町の中で  そのため、  しかし、  また、
    今年も  自分の手で  一人で  大きな声で  朝から晩まで  [weekday]ごとに  秋が深まると、  春になると、  冬の間、  天気のよい日には、  一日に[時間|回|個]  年に[回]  一度に[人|個|つ]
    """.splitlines()
    for phrase in line.split("  ")
    if phrase.strip()
)  # fmt: skip
_LIMITS = (("が", "だけが"), ("を", "だけを"), ("を", "などを"), ("を", "ばかりを"), ("が", "などが"), ("が", "も"), ("を", "も"), ("を", "までを"), ("が", "こそが"))  # fmt: skip
_AGENTS = "person|person|family|role|role|organization"
_ANYTHING = (
    "animal|bird|fish|thing|thing|town|landmark|vehicle|goods|shop|structure|work|festival|food|flower|product|weather|region"
)
_OWNERS = "family|role|town|place|person|when|relative_time|thing|goods|theme|organization"
_OF_MANY = (
    ("landmark", "場所 名所 景色"), ("town|region", "町 都市 地域 所"), ("animal|bird|fish", "生き物 動物"), ("flower|tree", "花 木 植物"), ("food", "料理 食べ物"),
    ("person|role|family", "人 選手 学者 職人 子ども"), ("thing|goods|product", "もの 品 道具"), ("structure|shop", "建物"), ("work", "作品 本 物語"),
)  # fmt: skip
_MOST = (
    "大きな 大きい 小さな 小さい 高い 長い 短い 古い 新しい 有名な 深い 美しい 速い 重い 人気のある 多く売れた よく知られた".split()
)
_SUBJECT_GAPS = {  # what a thing does or is, said before it: 滋賀県にある(琵琶湖)
    kind: [f for f in OTHERS if kind in f.subject.split("|") and f.case == "が" and not f.verb.written.endswith("i")]
    for kind in {kind for f in OTHERS for kind in f.subject.split("|")}
}
_NOUNS = ("予定", "つもり", "はず", "ところ", "そう", "ばかり", "こと", "よう")


class Wild:
    """Draws long sentences."""

    def __init__(self, draw: Drawer):
        self.draw = draw
        self.rng = draw.rng

    def _word(self, kind: str) -> str | None:
        """A word of the dictionary, a common one more often than a rare one; None where no dictionary is at hand."""
        words = self.draw.dictionary.get(kind)
        return words[int(len(words) * self.rng.random() ** 1.5)] if words else None

    def _verb(self, frame: Frame) -> Verb:
        """The verb of a frame, or in two of five cases another one: how to ask does not depend on what it means."""
        other = self._word("verb") if self.rng.random() < 0.4 else None
        return frame.verb if other is None or frame.verb.written.endswith("i") else Verb(other)

    def quantity(self) -> Value:
        """A number with a counter of the dictionary: 四隻, 二十時間ほど."""
        counter = self._word("counter") if self.rng.random() < 0.6 else None
        if counter is None:
            value = self.draw(self.rng.choice(list(UNITS)))
        else:
            value = Value(number(self.rng, 10 ** self.rng.randint(1, 4)) + counter, (f"何{counter}",))
        if self.rng.random() < 0.2:
            about = self.rng.choice(("ほど", "ほど", "ぐらい", "以上", "以下", "近く", "あまり"))
            return Value(value.text + about, (value.asks[0] if value.asks[0] == "いくら" else value.asks[0] + about, *value.asks))
        return value

    def noun_phrase(self, kind: str, after: str, depth: int, case: str = "") -> Token:
        """A value of a type with modifiers, which may belong to it."""
        kind = self.rng.choice(kind.split("|"))
        value, before = self.draw(kind), ""
        said = value.asks[0] in ("何", "誰", "どこ")
        if said and self.rng.random() < 0.06:
            value = self._pair(value, kind)
        elif value.asks[0] == "何" and not case and self.rng.random() < 0.06 and "『" not in value.text:
            return Token("」" + after, value, "「", after.removesuffix("、"))
        limits = [limited for plain, limited in _LIMITS if plain == after] if said and not case else []
        if limits and self.rng.random() < 0.08:
            return Token(self.rng.choice(limits), value, "", after)
        if value.asks[0] in ("何", "どこ", "誰") and self.rng.random() < 0.35:
            before = self._modifier(depth, kind)
            if value.asks[0] == "何" and self.rng.random() < 0.12:
                before = self.quantity().text + "の"
            if value.asks[0] != "誰" and self.rng.random() < 0.3:
                value, before = Value(before + value.text, value.asks, value.noun), ""
        elif value.text[0].isdigit() and self.rng.random() < 0.1:
            before = self.rng.choice(("約", "およそ", "毎年"))
        return Token(after, value, before, case)

    def _pair(self, one: Value, kind: str) -> Value:
        """Two of a type, asked for as one or as two: 水と二酸化炭素, 何と何 or 何."""
        link, ask = self.rng.choice(("と", "と", "や", "、", "または")), one.asks[0]
        return Value(one.text + link + self.draw(kind).text, (f"{ask}と{ask}", ask) if link == "と" else (ask,))

    def _modifier(self, depth: int, kind: str = "") -> str:
        draw = self.rng.random()
        if draw < 0.4:
            known = self._word("adjective") if self.rng.random() < 0.5 else None
            return known or self.rng.choice(ADJECTIVES)
        if draw < 0.7 or not depth:
            return self.draw(_OWNERS).text + self.rng.choice(("の", "の", "にある"))
        of_kind = ACTIONS if kind in PEOPLE else _SUBJECT_GAPS.get(kind, ())
        if of_kind and self.rng.random() < 0.5:  # 豆腐屋を営む(田中さん), 滋賀県にある(琵琶湖)
            frame = self.rng.choice(of_kind)
            verb = self._verb(frame)
            said = "".join(token.text for token in self._elements(frame.elements, depth - 1))
            return said + self.rng.choice(
                (verb.base, verb.past) if verb.base == "ある" else (verb.past, verb.past, verb.base, verb.te + "いる")
            )
        frame = self.rng.choice([f for f in ACTIONS if f.elements and f.elements[-1].endswith("を")])
        inner = "".join(token.text for token in self._elements(frame.elements[:-1], depth - 1))
        who = self.draw("family|role|person").text + "が" if self.rng.random() < 0.6 else ""
        verb = self._verb(frame)
        return who + inner + self.rng.choice((verb.past, verb.past, verb.base, verb.te + "いる"))

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

    def _phrase(self, pattern: str) -> list[Token]:
        """The tokens of a phrase: literal text and values, each with what stands behind it."""
        first, *rest = re.split(r"\[([^\]]+)\]", pattern)
        if not rest:
            return [Token(first)]
        kinds, afters = rest[::2], rest[1::2]
        tokens = [
            Token(after, self._pair(self.draw(kind[:-2]), kind[:-2]) if kind.endswith("+2") else self.draw(kind))
            for kind, after in zip(kinds, afters, strict=True)
        ]
        return [tokens[0]._replace(before=first), *tokens[1:]]

    def _time(self) -> Token:
        kind = self.rng.choice(
            ("relative_time", "when", "month", "day", "hour", "weekday", "year", "date", "era", "century", "year_month")
        )
        value = self.draw(kind)
        if kind in ("when", "month", "day", "hour", "weekday") and self.rng.random() < 0.2:
            value = Value(self.rng.choice(("来年の", "去年の", "毎年", "今年の", "翌年の", "その年の")) + value.text, ("いつ",))
        return Token("" if kind == "relative_time" else self.rng.choice(("に", "に", "に", "、")), value)

    def _subordinate(self, depth: int) -> Group:
        """A clause before the main one."""
        if self.rng.random() < 0.15:  # 市の人口は8万人で、
            kind = self.rng.choice(("person", "family", "town", "shop", "landmark", "work", "food", "organization"))
            noun, value = self.rng.choice(ATTRIBUTES[kind])
            return Group([Token(f"{self.draw(kind).text}の{noun}は"), self.noun_phrase(value, "で、", 0)], aside=True, tense="is")
        form, link, _ = self.rng.choices(_LINKS, [weight for *_, weight in _LINKS])[0]
        frame = self.rng.choice(ACTIONS)
        tokens = self._elements(frame.elements, depth)
        if self.rng.random() < 0.2:
            tokens.insert(0, self._time())
        if link in ("とき、", "ので、", "ため、", "間に、", "が、", "と、", "ように、") and self.rng.random() < 0.5:
            tokens.insert(0, self.noun_phrase("family|role|person", "が", 0))
        verb = self._verb(frame)
        said = {
            "te": verb.te, "stem": verb.stem, "past": verb.past, "base": verb.base, "te いる": verb.te + "いる", "te から": verb.te + "から",
            "polite": verb.form("past", True),
        }[form]  # fmt: skip
        reason = {"ため、": 0.5, "ので、": 0.5, "ために": 0.6}.get(link)
        if reason is not None and self.rng.random() < reason:
            cause = "".join(token.text for token in tokens) + said
            if self.rng.random() < 0.6:  # ため may belong to the answer
                cause, link = cause + link.rstrip("、に"), link[len(link.rstrip("、に")) :]
            return Group([Token(link, Value(cause, ("なぜ", "どうして")))], aside=True)
        clause_tense = {"past": "past", "polite": "past", "base": "present", "te いる": "lasting"}.get(form, "")
        return Group([*tokens, Token(said + link)], form != "te" or link != "", verb=verb, tense=clause_tense)

    def _predicate(self, verb: Verb) -> Verb:
        """The verb with what may stand behind it: 読まれる, お待ちする, 読み始める."""
        voice = self.rng.random()
        if voice < 0.16 and not verb.written.endswith("i") and not verb.base.endswith("れる"):
            changed = verb.passive if voice < 0.1 else verb.causative if voice < 0.13 else None
            if changed is None:  # お待ちする, ご案内する
                stem = verb.base.removesuffix("する") if verb.base.endswith("する") else verb.stem
                polite = self.rng.choice(("する", "いたす5", "いただく5", "になる5"))
                changed = Verb(("ご" if verb.base.endswith("する") else "お") + stem + polite)
            verb = changed
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
        subject = frame.subject if other else _AGENTS if self.rng.random() < 0.7 else _ANYTHING
        groups = []
        if self.rng.random() < 0.92:
            particle = "は" if frame.case != "が" or self.rng.random() < 0.85 else "が"
            comma = self.rng.choice(("", "", "", "、"))
            groups.append(Group([self.noun_phrase(subject, particle + comma, depth, frame.case)], topic=particle == "は"))
        if self.rng.random() < 0.45:
            time = self._time()
            first = self.rng.random() < 0.4
            groups.insert(0 if first else len(groups), Group([time], aside=True))
        if self.rng.random() < 0.5:
            clause = self._subordinate(depth)
            first = self.rng.random() < 0.5 or clause.tense == "is"
            groups.insert(0 if first else len(groups), clause)
        if self.rng.random() < 0.15:
            particle = self.rng.choice(("で", "で", "では", "の近くで"))
            groups.append(Group([self.noun_phrase("place|town|landmark|organization", particle, depth)], aside=True))
        while self.rng.random() < 0.3:
            tokens = self._phrase(self.rng.choice(_PHRASES))
            groups.insert(0 if tokens[-1].text.endswith("、") else self.rng.randint(0, len(groups)), Group(tokens, aside=True))
        elements = self._elements(frame.elements, depth)
        if len(elements) > 1 and self.rng.random() < 0.15:
            elements = elements[1:]
        groups += [Group([token]) for token in elements]
        if self.rng.random() < 0.08:
            groups.append(Group([Token("", self.quantity())]))
        if self.rng.random() < 0.15:
            adverb = self._word("adverb") if self.rng.random() < 0.5 else None
            groups.insert(self.rng.randint(0, len(groups)), Group([Token(adverb or self.rng.choice(ADVERBS))], aside=True))
        return groups, frame

    def sentence(self) -> Sentence:
        """A long sentence and its slots."""
        draw = self.rng.random()
        if draw < 0.05:
            return self._two_relations()
        if draw < 0.13:
            kind = self.rng.choice([e[0] for e in EQUATIONS]).split("|")[0]
            subject = self.draw(kind)
            described = Value(self._modifier(1) + subject.text, subject.asks, subject.noun)
            return equation(self.draw, kind, described).sentence(self.rng)
        if draw < 0.17:
            return self._superlative()
        groups, frame = self.groups()
        chosen = self._verb(frame)
        verb, polite = self._predicate(chosen), self.rng.random() < 0.65
        tense = self.rng.choices(("past", "present", "lasting", "not"), (6, 3, 1.5, 0.4) if verb is chosen else (6, 3, 0.5, 0.3))[0]
        if verb.written.endswith("i") or (tense == "lasting" and verb.base.endswith("いる")):
            tense = "present"
        plain, courteous = verb.form(tense, False), verb.form(tense, True)
        endings = verb_endings(courteous, plain, polite, (0.1, 0.08))
        said = courteous if polite else plain
        if self.rng.random() < 0.06:
            noun = self.rng.choice(_NOUNS)
            said = plain + noun + ("です" if polite else "だ")
            endings = noun_endings(plain + noun, polite)
        elif self.rng.random() < 0.1 and len(groups) > 1:
            return self._cleft(groups, plain, polite, endings, tense)
        text, slots = "", []
        for g, group in enumerate(groups):
            for t, token in enumerate(group.tokens):
                if token.value and token.value.asks:
                    ways = self._ways(groups, g, t, endings, plain, polite, tense)
                    slots.append(Slot(token.value.text, len(text) + len(token.before), ways))
                text += token.text
        return Sentence(text + said + "。", tuple(slots))

    def _two_relations(self) -> Sentence:
        """高さは38メートルで、幅は5メートルです."""
        kind = self.rng.choice(list(ATTRIBUTES))
        subject, polite = self.draw(kind), self.rng.random() < 0.65
        pairs = self.rng.sample(ATTRIBUTES[kind], 2)
        one, two = (Relation(subject, noun, self.draw(value)) for noun, value in pairs)
        owner = "" if self.rng.random() < 0.8 else self.rng.choice(ADJECTIVES)
        head = f"{owner}{subject.text}の{one.noun}は"
        middle = self.rng.choice(("で、", "で、", "、"))
        between = f"{head}{one.value.text}{middle}{two.noun}は"
        slots = tuple(
            Slot(relation.value.text, start, relation.ways(False, polite))
            for relation, start in ((one, len(head)), (two, len(between)))
            if relation.value.asks
        )
        return Sentence(f"{between}{two.value.text}{'です' if polite else 'だ'}。", slots)

    def _superlative(self) -> Sentence:
        """滋賀県にある琵琶湖は、日本でいちばん大きな湖です."""
        kind, nouns = self.rng.choice(_OF_MANY)
        subject, where = self.draw(kind), self.draw(self.rng.choice(("region", "town", "place", "school", "organization")))
        if self.rng.random() < 0.6:
            where = Value(self.rng.choice(("日本", "世界", "国内", "県内", "町", "東日本", "この国", "アジア")), ("どこ",))
        noun = subject.noun if kind == "landmark" and subject.noun != "場所" else self.rng.choice(nouns.split())
        rest = (
            self.rng.choice(("で", "で", "の中で")) + self.rng.choice(("いちばん", "一番", "最も")) + self.rng.choice(_MOST) + noun
        )
        before = self._modifier(1, kind) if self.rng.random() < 0.4 else ""
        polite = self.rng.random() < 0.65
        copula = "です" if polite else self.rng.choice(("だ", "である"))
        of_subject: Ways = {}
        of_place: Ways = {}
        for e, how in COPULA[polite]:
            for w, weight in variants(subject):
                for form, often in (("{p}は{w}{e}", 3.0), ("{w}が{p}{e}", 2.0), ("{p}なのは{w}{e}", 0.3)):
                    add(of_subject, form.format(p=where.text + rest, w=w, e=e), how * weight * often)
            for name, weight in subjects(subject):
                add(of_place, ("" if name is None else f"{name}は") + "どこ" + rest + e, how * weight)
        if self.rng.random() < 0.35:
            head = f"{where.text}{rest}は{self.rng.choice(('', '、'))}{before}"
            slots = Slot(where.text, 0, of_place), Slot(subject.text, len(head), of_subject)
            return Sentence(f"{head}{subject.text}{copula}。", slots)
        head = f"{before}{subject.text}は{self.rng.choice(('', '、'))}"
        slots = Slot(subject.text, len(before), of_subject), Slot(where.text, len(head), of_place)
        return Sentence(f"{head}{where.text}{rest}{copula}。", slots)

    def _ways(self, groups: list[Group], g: int, t: int, endings: Endings, plain: str, polite: bool, tense: str) -> Ways:
        """The right questions for a token."""
        ways: Ways = self._alone(groups, g, t, tense, polite)
        token = groups[g].tokens[t]
        assert token.value is not None
        if groups[g].tense == "is":
            return ways
        for kept, weight in self._kept(groups, g):
            for ask, usual in variants(token.value):
                body = "".join(
                    token.asked(ask) if group is groups[g] and i == t else o.text
                    for group in kept
                    for i, o in enumerate(group.tokens)
                )
                for ending, how in endings:
                    add(ways, body + ending, weight * usual * how)
                case = token.particle
                timely = re.match("いつ|何(年|月|日|時|曜日)|どこ", ask) and case in ("に", "で", "")
                if len(groups[g].tokens) == 1 and (case in ("が", "を", "") or timely):
                    rest = self._before_noun([group for group in kept if group is not groups[g]])
                    for ending, how in COPULA[polite]:
                        add(ways, f"{rest}{plain}のは{ask}{ending}", 0.05 * weight * usual * how)
        return ways

    @staticmethod
    def _alone(groups: list[Group], g: int, t: int, tense: str, polite: bool) -> Ways:
        """The questions that ask about a clause alone: 祖母は何時に起きますか, for 祖母は六時に起きて、花に水をやります."""
        ways: Ways = {}
        group = groups[g]
        token = group.tokens[t]
        said = [o.text for o in group.tokens]
        topic = next((other.tokens[0] for other in groups if other.topic), None)
        named: list[tuple[str, float]] = [("", 1.0)]
        if topic is not None and not any(o.particle == "が" for o in group.tokens):
            named = [(topic.text, 1.0), ("", dict(subjects(topic.value))[None])]
        for ask, usual in variants(token.value):  # type: ignore[arg-type]
            if group.tense == "is":
                for ending, how in COPULA[polite]:
                    add(ways, "".join(said[:t]) + ask + ending, usual * how)
            elif group.verb is not None:
                body = "".join([*said[:t], token.asked(ask), *said[t + 1 : -1]])
                verb, when = group.verb, group.tense or tense
                for ending, how in verb_endings(verb.form(when, True), verb.form(when, False), polite, (0.1, 0.08)):
                    for name, weight in named:
                        add(ways, name + body + ending, 4.0 * usual * how * weight)
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
        beside = [group for i, group in enumerate(groups) if i != g and group.aside]
        yield groups, 1.0
        needed = [group for i, group in enumerate(groups) if i == g or not group.aside]
        if beside:
            yield needed, 0.35
        if len(beside) > 1:
            for out in beside:
                yield [group for group in groups if group is not out], 0.1
        topic = next((group for i, group in enumerate(needed) if group.topic and group is not groups[g]), None)
        if topic is not None:
            unsaid = dict(subjects(topic.tokens[0].value))[None]
            yield [group for group in needed if group is not topic], 0.4 * unsaid

    def _cleft(self, groups: list[Group], plain: str, polite: bool, endings: Endings, tense: str) -> Sentence:
        """A sentence whose predicate is one of its elements: 庭で遊んだのは妹です."""
        single = {i: group.tokens[0] for i, group in enumerate(groups) if len(group.tokens) == 1 and group.tokens[0].value}
        usable = [i for i, token in single.items() if token.particle in ("が", "を", "")]
        if not usable:
            return Sentence("".join(o.text for group in groups for o in group.tokens) + plain + "。", ())
        g = self.rng.choice(usable)
        token = groups[g].tokens[0]
        rest = self._before_noun([group for i, group in enumerate(groups) if i != g]) + plain + "のは"
        comma = self.rng.choice(("", "", "、"))
        fact = "のこと" if token.value.asks[0] in ("いつ", "何年") and self.rng.random() < 0.5 else ""  # type: ignore[union-attr]
        text = (
            rest
            + comma
            + token.before
            + token.value.text
            + fact
            + self.rng.choice(("です。", "でした。") if polite else ("だ。", "である。"))
        )  # type: ignore[union-attr]
        ways = self._ways(groups, g, 0, endings, plain, polite, tense)
        for ask, usual in variants(token.value):  # type: ignore[arg-type]
            for ending, how in COPULA[polite]:
                add(ways, rest + ask + ending, 2.0 * usual * how)
        return Sentence(text, (Slot(token.value.text, len(rest) + len(comma) + len(token.before), ways),))  # type: ignore[union-attr]
