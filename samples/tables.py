"""Facts of a table, said in several ways: those of `facts.py`, and invented ones of the same columns.

坊っちゃんは夏目漱石が書きました。   坊っちゃんの作者は夏目漱石です。   (the novel, its author)
"""

import random
from collections.abc import Callable, Sequence

import facts
import invented
from clauses import Clause, Element, Sentence, Slot, Ways, add
from contexts import LEADS
from relations import Relation
from values import Drawer
from verbs import Verb
from words import ADJECTIVES, Value

_CASES = {"は": ("は", "が"), "を": ("は", "を"), "では": ("では", "で")}  # of a topic: its particle, and that before a noun


class Fact:
    """A cell of a table, with all ways to say it and to ask for it."""

    def __init__(self, domain: facts.Domain, entity: str, attribute: facts.Attribute, value: str):
        self.subject = Value(entity, domain.asks, domain.noun)
        self.value = Value(value, attribute.asks)
        self.relation = Relation(self.subject, attribute.noun, self.value)
        self._patterns = attribute.clauses

    def clauses(self, polite: bool = True, unsaid: bool = False) -> list[Clause]:
        """The ways to say it with a verb."""
        found = []
        for pattern in self._patterns:
            first, second, verb = pattern.split(" ")
            verb, tense = verb.split(":")
            particle, case = _CASES[first[1:]]
            topic = Element(self._named(first), particle, topic=True, case=case)
            elements = topic, Element(self._named(second), second[1:])
            found.append(Clause(elements, Verb(verb), tense, polite, unsaid and first[0] == "x"))
        return found

    def _named(self, pattern: str) -> Value:
        return self.subject if pattern[0] == "x" else self.value

    def sentence(self, rng: random.Random, unsaid: bool) -> Sentence:
        """One way to say it, whose slots have all ways to ask: those of the sentence first."""
        clauses = self.clauses(rng.random() < 0.65, unsaid)
        by_verb = bool(clauses) and rng.random() < 0.4
        sentence = rng.choice(clauses).sentence() if by_verb else self.relation.sentence(rng, unsaid)
        return Sentence(sentence.text, tuple(slot._replace(ways=self._all(slot)) for slot in sentence.slots))

    def _all(self, slot: Slot) -> Ways:
        of_subject = slot.text == self.subject.text
        ways = dict(slot.ways)
        others = [self.relation.ways(of_subject)] + [
            clause.ways(int((clause.elements[0].value is self.subject) != of_subject)) for clause in self.clauses()
        ]
        for other in others:
            scale = 0.3 * sum(slot.ways.values()) / sum(other.values()) / len(others)
            for question, weight in other.items():
                add(ways, question, scale * weight)
        return ways


def fact_context(rng: random.Random, domain: facts.Domain, entity: str, row: Sequence[str], length: int) -> list[Sentence]:
    """One to three facts of an entity, `row` being its values; from the second on the entity may be left unsaid."""
    pairs = list(zip(domain.attributes, row, strict=True))
    rng.shuffle(pairs)
    sentences: list[Sentence] = []
    for attribute, value in pairs[:length]:
        unsaid = bool(sentences) and rng.random() < 0.5
        sentence = Fact(domain, entity, attribute, value).sentence(rng, unsaid)
        sentences.append(sentence.behind(rng.choice(LEADS[:5])) if sentences and rng.random() < 0.2 else sentence)
    return sentences


_SEAS = tuple("海 湾 洋 灘 水道 海峡 湖".split())


class InventedTables:
    """Draws rows of the tables' columns that nobody has: towns, currencies, heights and authors that do not exist."""

    def __init__(self, draw: Drawer):
        self.draw = draw
        self.rng = draw.rng
        self._columns: dict[str, Callable[[], str]] = {
            "県": lambda: self._stem() + "県", "国": self._country, "元素": self._element, "山": self._mountain, "川": lambda: self._foreign(0.4) + "川",
            "小説": self._title, "県庁所在地": lambda: self._stem() + "市", "地方区分": lambda: self._stem() + "地方", "首都": lambda: self._foreign(0.7),
            "通貨": self._currency, "地域": self._part_of_the_world, "元素記号": self._symbol, "原子番号": lambda: f"{self.rng.randint(1, 120)}番",
            "標高": lambda: f"{self.rng.randint(100, 9000)}メートル", "所在地": lambda: self._foreign(0.35) if self.rng.random() < 0.4 else self._stem() + "県",
            "長さ": lambda: f"{self.rng.randint(50, 7000)}キロメートル", "河口": lambda: self._foreign(0.3) + self.rng.choice(_SEAS),
            "作者": lambda: self.draw("person").text, "発表年": lambda: f"{self.rng.randint(1700, 2030)}年",
        }  # fmt: skip

    def context(self) -> list[Sentence]:
        """One to three facts of an entity."""
        domain = self.rng.choice(facts.DOMAINS)
        row = [self._columns[attribute.noun]() for attribute in domain.attributes]
        return fact_context(self.rng, domain, self.entity(domain), row, self.rng.randint(1, len(row)))

    def entity(self, domain: facts.Domain) -> str:
        """A name that is not in the table."""
        name = self._columns[domain.noun]()
        while name in domain.rows:
            name = self._columns[domain.noun]()
        return name

    def _stem(self) -> str:
        known = self.draw.dictionary.get("town")
        if known and self.rng.random() < 0.5:
            return self.rng.choice(known).rstrip("市町村区県")
        return invented.kanji_word(self.rng) if self.rng.random() < 0.85 else invented.hiragana_word(self.rng)

    def _foreign(self, share: float) -> str:
        return invented.katakana_word(self.rng, 2, 8) if self.rng.random() < share else self._stem()

    def _country(self) -> str:
        return self._foreign(0.85) + self.rng.choice(("", "", "", "", "王国", "共和国", "国"))

    def _currency(self) -> str:
        name = invented.katakana_word(self.rng, 2, 5)
        return f"{self._country()}・{name}" if self.rng.random() < 0.4 else name

    def _part_of_the_world(self) -> str:
        whole = invented.katakana_word(self.rng, 3, 6) + self.rng.choice(("", "", "大陸", "海"))
        return (
            self.rng.choice(("東", "西", "南", "北", "南東", "中央", "中部", "南部")) + whole if self.rng.random() < 0.8 else whole
        )

    def _element(self) -> str:
        if self.rng.random() < 0.6:
            return invented.katakana_word(self.rng, 2, 7)
        return invented.kanji_word(self.rng, 1, 2) + self.rng.choice(("素", "素", ""))

    def _symbol(self) -> str:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return self.rng.choice(letters) + (self.rng.choice(letters.lower()) if self.rng.random() < 0.8 else "")

    def _mountain(self) -> str:
        if self.rng.random() < 0.3:
            return invented.katakana_word(self.rng, 3, 7)
        return self._foreign(0.2) + self.rng.choice(("山", "山", "岳", "ヶ岳"))

    def _title(self) -> str:
        draw = self.rng.random()
        if draw < 0.4:
            return self.draw("work").text.strip("『』")
        if draw < 0.7:
            return self.rng.choice(ADJECTIVES) + self.draw("thing|place|animal|landmark|shop").text
        return self.draw("thing|place|town|family").text + "の" + self.draw("thing|place|animal|when").text
