"""Japanese text -> words: MeCab with the IPADIC dictionary."""

from functools import cache, lru_cache
from typing import Any, NamedTuple

from toi.text.normalization import normalize

# IPADIC's parts of speech of words that carry what is said; 名詞 without the kinds that only point or count on.
_CONTENT = ("名詞", "動詞", "形容詞", "副詞")
_EMPTY = ("非自立", "代名詞", "接尾")
COMMON = {"する", "ある", "いる", "なる", "れる", "られる"}  # in every other sentence


class Word(NamedTuple):
    """A word as MeCab sees it: its surface, its part of speech in four steps, its dictionary form, whether a dictionary has it."""

    surface: str
    pos: tuple[str, ...]
    base: str
    is_known: bool = True


@cache
def _mecab() -> Any:
    import fugashi
    import ipadic

    return fugashi.GenericTagger(ipadic.MECAB_ARGS)


def mecab_tokens(text: str) -> list[str]:
    """The surface forms, in order: those that sacreBLEU's `ja-mecab` counts. White space is never a part of one."""
    return " ".join([word.surface for word in _mecab()(_without_nul(text.strip()))]).split()


def mecab_words(text: str) -> tuple[Word, ...]:
    """The words of a text with their parts of speech and dictionary forms, in order."""
    words = []
    for word in _mecab()(_without_nul(text)):
        feature = word.feature
        base = feature[6] if len(feature) > 6 and feature[6] != "*" else word.surface
        words.append(Word(word.surface, tuple(feature[:4]), base, not word.is_unk))
    return tuple(words)


@lru_cache(maxsize=1 << 14)
def content_words(text: str) -> tuple[str, ...]:
    """The dictionary forms of nouns, verbs, adjectives and adverbs of the normalized text, in order."""
    return tuple(
        word.base
        for word in mecab_words(normalize(text))
        if word.pos[0] in _CONTENT and word.pos[1] not in _EMPTY and word.base not in COMMON
    )


def _without_nul(text: str) -> str:
    """MeCab takes a C string, which ends at the first NUL: what is behind one would be lost in silence."""
    return text.replace("\0", " ")
