"""Japanese verbs and adjectives: dictionary form and class -> the forms that statements and questions need.

Classes are written behind the dictionary form: `食べる1` (vowel stem), `読む5` (consonant stem), `高いi` (adjective), `発表する` and `来る`.
"""

from dataclasses import dataclass
from functools import cached_property

# Ending of a consonant-stem verb -> those of its continuative form, te-form and negative stem.
_GODAN = {
    "う": ("い", "って", "わ"), "く": ("き", "いて", "か"), "ぐ": ("ぎ", "いで", "が"), "す": ("し", "して", "さ"), "つ": ("ち", "って", "た"),
    "ぬ": ("に", "んで", "な"), "ぶ": ("び", "んで", "ば"), "む": ("み", "んで", "ま"), "る": ("り", "って", "ら"),
}  # fmt: skip
_PAST = {"て": "た", "で": "だ"}


@dataclass(frozen=True)
class Verb:
    """`Verb("読む5")`; its plain present is `base`."""

    written: str

    @property
    def base(self) -> str:
        """The dictionary form: 読む."""
        return self.written.rstrip("15i")

    @cached_property
    def _forms(self) -> tuple[str, str, str]:
        base = self.base
        if self.written.endswith("1") or base.endswith("来る"):
            return base[:-1], base[:-1] + "て", base[:-1]
        if self.written.endswith("5"):
            stem, te, negative = (base[:-1] + end for end in _GODAN[base[-1]])
            return (
                stem,
                base[:-1] + "って" if base.endswith(("行く", "いく")) else te,
                base[:-2] if base.endswith("ある") else negative,
            )
        if base.endswith("する"):
            return base[:-2] + "し", base[:-2] + "して", base[:-2] + "し"
        raise ValueError(f"{self.written}: neither 1, 5 nor i behind it, nor する or 来る")

    @property
    def stem(self) -> str:
        """The continuative form: 読み."""
        return self._forms[0]

    @property
    def te(self) -> str:
        """The te-form: 読んで."""
        return self._forms[1]

    @property
    def past(self) -> str:
        """The plain past: 読んだ."""
        return self.te[:-1] + _PAST[self.te[-1]]

    @property
    def passive(self) -> "Verb":
        """読まれる; of a verb of any class but an adjective."""
        return self._with("れる", "られる")

    @property
    def causative(self) -> "Verb":
        """読ませる."""
        return self._with("せる", "させる")

    def _with(self, consonant: str, vowel: str) -> "Verb":
        if self.base.endswith("来る"):
            return Verb(self.base[:-1] + vowel + "1")
        if self.base.endswith("する") and not self.written[-1].isdigit():
            return Verb(self.base[:-2] + "さ" + consonant + "1")
        return Verb(self._forms[2] + (consonant if self.written.endswith("5") else vowel) + "1")

    def form(self, tense: str, polite: bool) -> str:
        """The predicate in one of the tenses past, present, lasting (ている), lasted (ていた), not, was not, wish and can."""
        if self.written.endswith("i"):
            plain = self.base[:-1] + "かった" if tense in ("past", "lasted") else self.base
            return plain + "です" if polite else plain
        plain, courteous = {
            "past": (self.past, self.stem + "ました"),
            "present": (self.base, self.stem + "ます"),
            "lasting": (self.te + "いる", self.te + "います"),
            "lasted": (self.te + "いた", self.te + "いました"),
            "not": (self._forms[2] + "ない", self.stem + "ません"),
            "was not": (self._forms[2] + "なかった", self.stem + "ませんでした"),
            "wish": (self.stem + "たい", self.stem + "たいです"),
            "can": (self.base + "ことができる", self.base + "ことができます"),
        }[tense]
        return courteous if polite else plain
