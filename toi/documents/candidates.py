"""What of a passage could be the answer of a question: by rules over MeCab's words, each with what it is and why it was taken.

霧沢一は1987年に白浜市で『海』を書いた。     霧沢一 (name), 1987年 (date), 白浜市 (name), 『海』 (title)
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Literal, NamedTuple, get_args

from toi.documents.dates import dates
from toi.documents.phrases import Placed, noun_runs, placed_words
from toi.documents.weights import log_odds
from toi.text.normalization import normalize
from toi.text.occurrences import sentences

CandidateKind = Literal["date", "number", "title", "name", "term", "phrase"]
CANDIDATE_KINDS: tuple[CandidateKind, ...] = get_args(CandidateKind)


@dataclass(frozen=True)
class Candidate:
    """A possible answer: `text` is the passage's `context[start:end]`. `weight` is the log-odds that somebody asks for it."""

    text: str
    start: int
    end: int
    kind: str
    why: str
    weight: float


class Found(NamedTuple):
    """A span that a rule takes, before it is weighed."""

    start: int
    end: int
    kind: CandidateKind
    why: str


_TITLES = re.compile("『[^『』\n]{1,60}』|「[^「」\n]{1,40}」|“[^“”\n]{1,60}”|《[^《》\n]{1,60}》|〈[^〈〉\n]{1,40}〉")
_ABOUT = re.compile("(?:約|およそ|ほぼ|第|全|計|最大|最低|総勢|推定|合計|のべ|延べ|わずか)$")
_LIMIT = re.compile("(?:以上|以下|以内|未満|程度|前後|あまり|余り|ほど|強|弱|ずつ|間|目|半)")
_UNIT = re.compile(r"(?:[a-zA-Zμ°℃％%㎞㎡㎏][a-zA-Z/²³0-9]{0,4}|[㌀-㏿])")
_LEADS = ("接続詞", "副詞", "記号", "感動詞", "フィラー")
_TOPICS = ("は", "が", "の", "には", "では", "に", "で")
_LONGEST_BEGINNING = 14  # characters
_KATAKANA = re.compile("[ァ-ヺー・=＝゠\\-‐]+")
_LATIN = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ0-9０-９.\-&'’]+")


def candidates(text: str, most: int, others: Sequence[Found] = (), first: Sequence[Found] = ()) -> list[Candidate]:
    """The likeliest answers in a passage, at most `most`, the likeliest first.

    `others` are spans that something else found and that are weighed too; `first` those that come before all, in their order.
    Of spans with the same text, after normalization, the first among the likeliest is taken.
    """
    whole = normalize(text)
    best: dict[str, Candidate] = {}
    leading = {normalize(text[one.start : one.end]): i for i, one in reversed(list(enumerate(first)))}
    for one in [*first, *found_spans(text), *others]:
        said = text[one.start : one.end]
        key = normalize(said)
        if not key:
            continue
        weight = log_odds(text, one.start, one.end, one.kind, one.why, whole.count(key))
        if key not in best or (weight > best[key].weight and key not in leading):
            best[key] = Candidate(said, one.start, one.end, one.kind, one.why, weight)
    order = sorted(best, key=lambda key: (leading.get(key, len(leading)), -best[key].weight, best[key].start, best[key].end))
    return [best[key] for key in order[:most]]


def found_spans(text: str) -> list[Found]:
    """What the rules take of a text; the first rule that takes a span says what it is."""
    words = placed_words(text)
    found: dict[tuple[int, int], Found] = {}
    for rule in (_dates, _titles, _numbers, _names, _terms, _beginnings, _phrases):
        for one in rule(text, words):
            found.setdefault((one.start, one.end), one)
    figures = [one for one in found.values() if one.kind in ("date", "number")]
    return sorted(one for one in found.values() if not any(_is_cut_from(one, figure) for figure in figures))


def _is_cut_from(one: Found, figure: Found) -> bool:
    """Whether a span is a part of a date or a number that says nothing by itself: 200円 of 7,200円, メートル."""
    inside = figure.start <= one.start and one.end <= figure.end and one.end - one.start < figure.end - figure.start
    return inside and one.kind != "date" and (one.start > figure.start or one.kind in ("name", "term"))


def _dates(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    for start, end in dates(text):
        said = text[start:end]
        why = (
            "century" if "世紀" in said else "decade" if "年代" in said else "time of day" if "時" in said
            else "day" if "日" in said else "month" if "月" in said else "year"
        )  # fmt: skip
        yield Found(start, end, "date", why)


def _titles(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    for match in _TITLES.finditer(text):
        yield Found(*match.span(), "title", f"quoted with {match.group()[0]}{match.group()[-1]}")


def _numbers(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    """Numbers with what counts them, and with 約 and 以上 around them."""
    at = 0
    while at < len(words):
        if not words[at].is_number or words[at].surface in "・":
            at += 1
            continue
        end = at + 1
        while end < len(words) and words[end].start == words[end - 1].end and _goes_on(words, end):
            end += 1
        first, behind = at, end
        start, stop = words[at].start, words[end - 1].end
        unit = _UNIT.match(text, stop)
        if unit is not None:
            stop = unit.end()
        else:
            while behind < len(words) and words[behind].start == stop and words[behind].pos[1:3] == ("接尾", "助数詞"):
                stop = words[behind].end
                behind += 1
            if behind == end and behind < len(words) and words[behind].start == stop and _counts(words[behind]):
                stop = words[behind].end
        counted = stop > words[end - 1].end
        limit = _LIMIT.match(text, stop) if counted else None
        if limit is not None:
            stop = limit.end()
        about = _ABOUT.search(text, max(0, start - 4), start)
        if about is not None:
            start = about.start()
        yield Found(start, stop, "number", "a number and its counter" if counted else "a number")
        at = max(behind, first + 1)


def _goes_on(words: Sequence[Placed], at: int) -> bool:
    """Whether a number goes on: with a digit, or with a point or comma and a digit behind it."""
    if words[at].is_number:
        return True
    behind = words[at + 1] if at + 1 < len(words) else None
    return words[at].surface in ".,．，" and behind is not None and behind.is_number and behind.start == words[at].end


def _counts(word: Placed) -> bool:
    return word.pos[0] == "名詞" and word.pos[1] in ("接尾", "一般", "サ変接続") and not word.is_number


_PROPER = {"人名": "a name of a person", "地域": "a name of a place", "組織": "a name of an organization", "一般": "a name"}


def _names(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    """Proper nouns with what belongs to them; words in katakana and in Latin letters, which mostly are names."""
    for first, end in noun_runs(words):
        run = words[first:end]
        start, stop = run[0].start, run[-1].end
        said = text[start:stop]
        if _KATAKANA.fullmatch(said) and len(said) > 1:
            yield Found(start, stop, "name", "katakana")
        elif _LATIN.fullmatch(said) and not any(word.is_number for word in run[:1]):
            yield Found(start, stop, "name", "Latin letters")
        kinds = [word.pos[2] for word in run if word.is_proper]
        if kinds and not any(word.is_number for word in run):
            yield Found(start, stop, "name", _PROPER.get(kinds[0], "a name"))
        yield from _parts(text, run)


def _parts(text: str, run: Sequence[Placed]) -> Iterator[Found]:
    """The names within a longer run: 霧沢一 in 医師霧沢一, イギリス in イギリス海軍."""
    at = 0
    while at < len(run):
        is_katakana = bool(_KATAKANA.fullmatch(run[at].surface)) and len(run[at].surface) > 1
        if not (run[at].is_proper or is_katakana):
            at += 1
            continue
        end = at + 1
        while end < len(run) and (
            (run[end].is_proper and run[end].pos[2] == run[at].pos[2]) or (is_katakana and _KATAKANA.fullmatch(run[end].surface))
        ):
            end += 1
        if (at, end) != (0, len(run)):
            why = _PROPER.get(run[at].pos[2], "a name") if run[at].is_proper else "katakana"
            yield Found(run[at].start, run[end - 1].end, "name", f"{why}, in a longer word")
            if end < len(run) and run[end].is_suffix and end + 1 < len(run):
                yield Found(run[at].start, run[end].end, "name", f"{why} and a suffix, in a longer word")
        at = end


def _terms(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    """Runs of nouns: compounds, and single nouns that are no verbs with する."""
    for first, end in noun_runs(words):
        run = words[first:end]
        if all(word.is_number or word.surface in ".," for word in run):
            continue
        if end - first > 1:
            why = "a compound with a number" if any(word.is_number for word in run) else "a compound noun"
            yield Found(run[0].start, run[-1].end, "term", why)
        elif run[0].pos[1] in ("一般", "固有名詞", "アルファベット"):
            yield Found(run[0].start, run[0].end, "term", "a noun")
        elif run[0].pos[1] == "サ変接続":
            yield Found(run[0].start, run[0].end, "term", "a noun of an action")


def _beginnings(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    """What a sentence begins with, up to its first particle: names whose words no dictionary has (舟灯し祭り, 岬見灯台)."""
    at = 0
    for _, end in sentences(text):
        of_sentence = [word for word in words[at:] if word.end <= end]
        at += len(of_sentence)
        while of_sentence and of_sentence[0].pos[0] in _LEADS:
            of_sentence = of_sentence[1:]
        said = list(takewhile(lambda word: word.pos[0] not in ("助詞", "助動詞", "記号"), of_sentence))
        followed = of_sentence[len(said) : len(said) + 1]
        if said and followed and followed[0].surface in _TOPICS and any(word.is_noun for word in said):
            start, stop = said[0].start, said[-1].end
            if 2 <= stop - start <= _LONGEST_BEGINNING:
                yield Found(start, stop, "name", "what a sentence begins with")


def _phrases(text: str, words: Sequence[Placed]) -> Iterator[Found]:
    """Two runs with の between them."""
    runs = list(noun_runs(words))
    for (first, end), (second, last) in pairwise(runs):
        if second == end + 1 and words[end].surface == "の" and words[second].start == words[end].end:
            yield Found(words[first].start, words[last - 1].end, "phrase", "two nouns with の")
