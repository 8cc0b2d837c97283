"""Texts as banned words are looked for in them: without differences of width, case and spacing."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from toi.text.normalization import JAPANESE, LATIN, normalize

BROKEN = "\ufffd"  # what bytes become that make no character: banned in every output
PLAIN_JAPANESE = re.compile(f"[{JAPANESE}]")
PLAIN = re.compile(f"[{JAPANESE}{LATIN}]")
_ALL_PLAIN = re.compile(f"[{JAPANESE}{LATIN}]*")


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """The text as banned words are compared: normalized, without a difference between upper and lower case.

    >>> fold("ﾊﾞﾅﾅ　ＡＢＣ")
    'バナナabc'
    """
    if _ALL_PLAIN.fullmatch(text):
        return text.lower()
    folded = normalize(text)
    while (changed := normalize(folded.casefold())) != folded:
        folded = changed
    return folded


def banned_words(text: str, words: Iterable[str]) -> set[str]:
    """The words that occur in a text, both folded."""
    folded = fold(text)
    return {word for word in words if fold(word) in folded}


def skeleton(text: str) -> str:
    """What of a text is the same whatever stands beside each character: `skeleton(fold(x)) == skeleton(x)`.

    Letters without voicing marks and accents; no spaces, and neither ー nor -, of which several become one.

    >>> skeleton("スキー　が Ä")
    'スキかa'
    """
    return "".join([skeleton_of(character) for character in text])


@lru_cache(maxsize=1 << 17)
def skeleton_of(character: str) -> str:
    """The skeleton of one character; empty where it has none."""
    decomposed = unicodedata.normalize("NFKD", fold(character))
    return "".join(c for c in decomposed if c not in "ー-" and not c.isspace() and not unicodedata.combining(c))


@lru_cache(maxsize=1 << 16)
def acts(character: str) -> bool:
    """Whether a character has no skeleton, and yet shows: a mark, or ー."""
    return not skeleton_of(character) and bool(normalize(character))


def clean(texts: Sequence[str], words: Iterable[str]) -> list[bool]:
    """Whether each text is free of the words, and of broken bytes: the last check, on the text that is shown."""
    folded = [BROKEN, *(word for word in map(fold, words) if word)]
    return [not any(word in text for word in folded) for text in map(fold, texts)]
