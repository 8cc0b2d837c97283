"""Words that a text brings in by itself."""

from collections.abc import Sequence

from toi.text import normalize
from toi.tokens import content_words

STOP_WORDS = ("でしょう", "どんな", "どちら", "さて")


def check_hallucination(candidate: str, reference: str, stop_words: Sequence[str] | None = None) -> set[str]:
    """The content words (dictionary forms) of `candidate` that are in neither `reference` nor the stop words.

    >>> sorted(check_hallucination("日本で高い山はどこでしょう?", "富士山は日本の山です。"))
    ['高い']
    """
    known = {*content_words(reference), *(STOP_WORDS if stop_words is None else stop_words)}
    text = normalize(reference)
    return {word for word in content_words(candidate) if word not in known and word not in text}
