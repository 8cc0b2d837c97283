"""Japanese text -> words, by MeCab with the IPADIC dictionary."""

from functools import cache, lru_cache
from typing import Any

from toi.text import normalize

# IPADIC's parts of speech of words that carry what is said; 名詞 without the kinds that only point or count on.
_CONTENT = ("名詞", "動詞", "形容詞", "副詞")
_EMPTY = ("非自立", "代名詞", "接尾")
_COMMON = {"する", "ある", "いる", "なる", "れる", "られる"}  # in every other sentence


@cache
def _mecab() -> Any:
    import fugashi
    import ipadic

    return fugashi.GenericTagger(ipadic.MECAB_ARGS)


def mecab_tokens(text: str) -> list[str]:
    """The surface forms, in order."""
    return [word.surface for word in _mecab()(text)]


@lru_cache(maxsize=1 << 14)
def content_words(text: str) -> tuple[str, ...]:
    """The dictionary forms of nouns, verbs, adjectives and adverbs of the normalized text, in order."""
    words = []
    for word in _mecab()(normalize(text)):
        feature = word.feature
        if feature[0] in _CONTENT and feature[1] not in _EMPTY:
            base = feature[6] if len(feature) > 6 else "*"
            base = word.surface if base == "*" else base
            if base not in _COMMON:
                words.append(base)
    return tuple(words)
