"""Contexts: a few sentences about somebody or something."""

import random
from collections.abc import Sequence

import invented
from clauses import Sentence
from frames import ACTIONS, OTHERS, Frame, Sentences
from relations import ATTRIBUTES, EQUATIONS, Relation, equation, relation
from values import TIMES, UNITS, Drawer
from words import TYPES, Value

LEADS = ("また、", "なお、", "そして、", "ちなみに、", "さらに、", "その後、", "一方、", "実は、")
# What a context is about, and how often.
KINDS = {
    "person": 30, "family": 9, "role": 6, "town": 8, "region": 3, "shop": 6, "organization": 6, "landmark": 7, "festival": 4, "event": 2, "work": 5,
    "thing": 5, "goods": 3, "food": 3, "product": 1, "animal": 3, "bird": 1, "fish": 1, "flower": 2, "tree": 1, "vehicle": 2, "incident": 2, "structure": 2,
    "place": 2, "school": 1, "institution": 1, "weather": 1, "language": 1, "religion": 1, "abstract": 1, "prize": 1,
}  # fmt: skip
_DESCRIBED = {
    "work": ("小説", "作品", "映画", "曲", "本"), "thing": ("品", "道具", "食べ物", "植物"), "goods": ("品物", "もの", "贈り物"), "food": ("料理", "名物", "菓子"),
    "structure": ("建物",), "landmark": ("名所", "観光地", "場所"), "organization": ("会社", "団体", "学校"), "shop": ("店",), "festival": ("祭り", "行事"),
    "town": ("町", "都市"), "person": ("人", "人物", "武将", "作家", "科学者"), "animal": ("動物",), "product": ("製品",),
}  # fmt: skip
PEOPLE = ("person", "family", "role")


class Contexts:
    """Draws contexts; `dictionary` has real words by type."""

    def __init__(self, rng: random.Random, dictionary: dict[str, Sequence[str]] | None = None):
        self.rng = rng
        self.draw = Drawer(rng, dictionary)
        self.sentences = Sentences(self.draw)
        self._frames = {kind: [f for f in OTHERS if kind in f.subject.split("|")] for kind in KINDS}

    def kind(self) -> str:
        """A kind of thing to write about."""
        return self.rng.choices(list(KINDS), list(KINDS.values()))[0]

    def context(self, length: int, kind: str = "", subject: Value | None = None) -> list[Sentence]:
        """Sentences about one subject; from the second on it may be left unsaid."""
        kind = kind or self.kind()
        subject = subject or self.draw(kind)
        found: list[Sentence] = []
        for i in range(length):
            unsaid = bool(i) and self.rng.random() < 0.5
            sentence = self.sentence(kind, subject, unsaid)
            if any(sentence.text == other.text for other in found):
                continue
            if i and self.rng.random() < 0.15:
                sentence = sentence.behind(self.rng.choice(LEADS))
            found.append(sentence)
        return found

    def sentence(self, kind: str, subject: Value, unsaid: bool) -> Sentence:
        """A sentence about a subject."""
        polite = self.rng.random() < 0.65
        ways = []
        if kind in ATTRIBUTES:
            ways.append((4.0, lambda: relation(self.draw, kind, subject).sentence(self.rng, unsaid)))
        if any(kind in e[0].split("|") for e in EQUATIONS):
            ways.append((1.5, lambda: equation(self.draw, kind, subject).sentence(self.rng, unsaid)))
        if kind in PEOPLE:
            ways.append((7.0, lambda: self._acts(self.rng.choice(ACTIONS), subject, unsaid, polite)))
            ways.append((1.5, lambda: self.sentences.joined(subject, unsaid=unsaid, polite=polite)))
        frames = self._frames.get(kind)
        if frames:
            ways.append((0.5 if kind == "person" else 4.0, lambda: self._acts(self.rng.choice(frames), subject, unsaid, polite)))
        nouns = _DESCRIBED.get(kind)
        if nouns:
            describe = self.sentences.described
            ways.append((1.0, lambda: describe(kind, subject, self.rng.choice(nouns), polite=polite, unsaid=unsaid).sentence()))
        if kind in ("town", "place", "landmark", "shop", "organization", "region") and not unsaid:
            ways.append((1.5, lambda: self.sentences.existence(subject, polite).sentence()))
        return self.rng.choices([make for _, make in ways], [weight for weight, _ in ways])[0]()

    def _acts(self, frame: Frame, subject: Value, unsaid: bool, polite: bool) -> Sentence:
        clause = self.sentences.clause(frame, subject, unsaid=unsaid, polite=polite)
        asked = [i for i, e in clause.said() if e.value and e.value.asks]
        said = clause.cleft(self.rng.choice(asked)) if asked and self.rng.random() < 0.1 else None
        return said or clause.sentence()

    def table(self, length: int) -> list[Sentence]:
        """An entity and its attributes, nouns and values all invented: like the tables of facts."""
        draw, noun = self.rng.choice((
            (invented.town, "町"), (invented.region, "県"), (invented.katakana_word, "国"), (invented.word, ""), (invented.landmark, "山"), (invented.work, "小説"),
        ))  # fmt: skip
        entity = Value(draw(self.rng), ("どこ", f"どの{noun}") if noun in ("町", "県", "国") else ("何",), noun)
        kinds = [*TIMES, *UNITS, "person", "town", "region", "landmark", "organization", "work", "thing", *TYPES]
        nouns = [pair for pairs in ATTRIBUTES.values() for pair in pairs]
        found = []
        for i in range(length):
            name, kind = self.rng.choice(nouns)
            if self.rng.random() < 0.4:
                kanji = self.rng.random() < 0.8
                name, kind = invented.kanji_word(self.rng, 1, 4) if kanji else invented.word(self.rng), self.rng.choice(kinds)
            found.append(Relation(entity, name, self.draw(kind)).sentence(self.rng, bool(i) and self.rng.random() < 0.5))
        return found
