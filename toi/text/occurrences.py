"""Where an answer stands in its context, and which of several places is meant."""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache

from toi.text.normalization import SEPARATOR, Aligned, align, normalize
from toi.text.words import content_words

_SENTENCE_END = re.compile(rf"[。！？!?．\n]+[」』）)”\"]*|{SEPARATOR}\s*")


def find(answer: str, context: str) -> list[tuple[int, int]]:
    """The raw spans of a context that equal `answer` after normalization, in order, not overlapping.

    >>> find("バナナ", "ﾊﾞﾅﾅとバナナ")
    [(0, 5), (6, 9)]
    """
    wanted = normalize(answer)
    if not wanted:
        return []
    aligned = _aligned(context)
    spans = []
    at = aligned.text.find(wanted)
    while at >= 0:
        # From the last boundary at or before the start to the first at or after the end.
        start = bisect_right(aligned.offsets, at) - 1
        end = bisect_left(aligned.offsets, at + len(wanted))
        spans.append((start, end))
        at = aligned.text.find(wanted, at + len(wanted))
    return spans


@lru_cache(maxsize=64)
def _aligned(context: str) -> Aligned:
    return align(context)


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences of a raw text, which together are the text.

    A sentence ends behind 。！？!? (and the brackets or quotation marks that close on it), a line break, or the [SEP] of JSQuAD.
    """
    spans = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        spans.append((start, match.end()))
        start = match.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def choose(context: str, question: str, spans: list[tuple[int, int]]) -> tuple[tuple[int, int], bool]:
    """The span whose sentence shares most content words with the question; the first among equals.

    Also returns whether the choice is open: several spans, in different sentences, share equally many.
    """
    if len(spans) == 1:
        return spans[0], False
    asked = set(content_words(question))
    scores = []
    whole = sentences(context)
    for start, end in spans:
        around = [context[low:high] for low, high in whole if low < end and start < high]
        scores.append((len(asked & set(content_words("".join(around)))), "".join(around)))
    best = max(score for score, _ in scores)
    first = next(i for i, (score, _) in enumerate(scores) if score == best)
    ambiguous = any(score == best and around != scores[first][1] for score, around in scores)
    return spans[first], ambiguous
