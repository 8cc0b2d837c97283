"""An answer as a word: where it stands in a text by itself, and where inside a longer word of its context.

In 桃太郎は桃から生まれた the answer 桃 is not what 桃太郎 says, so a question may say 桃太郎. Longer words are those of MeCab
(桃太郎, 県庁), and runs of katakana, of digits (1,000 and 3.14 are one) and of other letters, as they stand in the context. Of
numbers that holds everywhere: 3 in 13 is not 3, whether or not the context knows of 13. All texts are compared folded.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from toi.text.folding import fold
from toi.text.normalization import normalize
from toi.text.words import mecab_words

Span = tuple[int, int]

NUMERALS = "0123456789,."
_NUMBER = r"[0-9]+(?:[.,][0-9]+)*"
_KATAKANA = "[ァ-ヺㇰ-ㇿ][ァ-ヺㇰ-ㇿー]*"
_KANJI = r"\u3005-\u3007\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF"
_KANJI_OR_HIRAGANA = re.compile(f"[ぁ-ゖ{_KANJI}]")
# Latin, Greek, Hangul, ...: what is a letter, and not Japanese.
_LETTERS = rf"(?:(?![ぁ-ヿㇰ-ㇿ{_KANJI}])[^\W\d_])+"
_RUN = re.compile(f"{_NUMBER}|{_KATAKANA}|{_LETTERS}")


@dataclass(frozen=True)
class BannedAnswer:
    """An answer that an output must not hold, but for inside of `holders`, which are folded."""

    text: str
    holders: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: str, context: str) -> "BannedAnswer":
        """The answer, and the longer words of its (raw) context."""
        return cls(answer, holders(answer, context))

    @cached_property
    def word(self) -> str:
        """The folded answer; empty where nothing of it shows."""
        return fold(self.text)

    @property
    def is_number(self) -> bool:
        """Whether longer numbers hold the answer, in the context or not."""
        return re.fullmatch(_NUMBER, self.word) is not None

    def held_by(self, text: str) -> list[Span]:
        """The spans of the holders in a folded text."""
        return [span for holder in self.holders for span in places(holder, text)]

    def bare(self, text: str) -> list[Span]:
        """The spans in a folded text where the answer stands, and no longer word around it."""
        spans = places(self.word, text)
        if not spans:
            return []
        held = self.held_by(text) + ([match.span() for match in _RUN.finditer(text)] if self.is_number else [])
        held = [(low, high) for low, high in held if high - low > len(self.word)]
        return [(start, end) for start, end in spans if not any(low <= start and end <= high for low, high in held)]

    def is_leaked(self, text: str) -> bool:
        """Whether a (raw) text holds the answer by itself."""
        return bool(self.bare(fold(text)))


def places(word: str, text: str) -> list[Span]:
    """The spans of a word in a text, overlapping ones too; none for an empty word."""
    spans = []
    at = text.find(word) if word else -1
    while at >= 0:
        spans.append((at, at + len(word)))
        at = text.find(word, at + 1)
    return spans


def holders(answer: str, context: str) -> tuple[str, ...]:
    """The longer words of a context that hold the answer, folded, in their order in the alphabet.

    >>> holders("桃", "桃太郎は桃から生まれた。")
    ('桃太郎',)
    >>> holders("3", "13人のうち3人、3.14")
    ('13', '3.14')
    """
    wanted = fold(answer)
    if not wanted or wanted not in fold(context):
        return ()
    return tuple(sorted(word for word in _words_of(context) if wanted in word and word != wanted))


@lru_cache(maxsize=64)  # the questions of a paragraph share its context
def _words_of(context: str) -> frozenset[str]:
    """The words of MeCab and the runs of a context, folded. Runs end at spaces, even at those that normalization drops."""
    words = (word.surface for word in mecab_words(normalize(context)))
    runs = _RUN.findall(unicodedata.normalize("NFKC", context))
    return frozenset(map(fold, [*runs, *(word for word in words if _KANJI_OR_HIRAGANA.search(word))]))


def leaks(output: str, answers: Sequence[str], context: str) -> bool:
    """Whether a question about a context holds one of its answers, as a word."""
    folded = fold(output)  # only where it holds an answer at all is the context cut into words
    return any(BannedAnswer.of(a, context).bare(folded) for a in answers if places(fold(a), folded))


def split_banned(words: Iterable[str | BannedAnswer]) -> tuple[tuple[str, ...], tuple[BannedAnswer, ...]]:
    """What is banned as a string, and what is banned as a word."""
    words = tuple(words)
    exact = tuple(word for word in words if isinstance(word, str))
    return exact, tuple(word for word in words if not isinstance(word, str))


def possible(answers: Sequence[BannedAnswer], words: Iterable[str]) -> list[BannedAnswer]:
    """The answers with those of their longer words that hold none of the (exactly banned) words, and no other answer by itself."""
    folded = [fold(word) for word in words]
    return [
        replace(answer, holders=tuple(holder for holder in answer.holders if not _is_barred(holder, folded, answers)))
        for answer in answers
    ]


def _is_barred(holder: str, words: Iterable[str], answers: Iterable[BannedAnswer]) -> bool:
    return any(word and word in holder for word in words) or any(answer.bare(holder) for answer in answers)
