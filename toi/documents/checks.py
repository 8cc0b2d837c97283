"""What is wrong with a pair: each check says what it found, and thresholds say what is dropped for it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from toi.documents.candidates import Candidate
from toi.documents.options import DocumentOptions
from toi.documents.pairs import Pair, by_quality
from toi.documents.phrases import placed_words
from toi.scoring.hallucination import hallucinated_words
from toi.scoring.overlap import ngrams, shared
from toi.text.holders import BannedAnswer
from toi.text.normalization import normalize
from toi.text.words import content_words

_CHECKS = ROUND_TRIP, OTHER_KIND, BROKEN, MADE_UP, LEAKED, VAGUE, UNLIKELY, SAME, BEYOND = (
    "round_trip",
    "asks_otherwise", "broken_brackets", "made_up_words", "answer_leaked", "vague", "log_prob", "same_question", "max_pairs",
)  # fmt: skip
_CLOSING = dict(zip("」』)》〉”", "「『(《〈“", strict=True))  # after normalization
# Words that point to what only the passage says, where no name stands behind them.
_POINTING = re.compile(
    "(?<!ど)[こそあ]の(?!ほか|他|よう|うち|間|ため|まま)|[こそ]れ(?=[らはがをにのでと])|[こそあ]こ(?=で|に|は|の|から|へ)|[こそ]ちら|"
    "同(?:氏|社|国|県|市|町|村|区|校|大学|作|書|人物|曲|年|月|日|時|所|地)|前者|後者|彼女?(?=[はがのをにら])|当(?:時|社|該|人)|本(?:書|作|人|校|社)"
)
_ENDING = re.compile(r"か?[?？]$")
_COUNTED = re.compile(r"(?:何|[0-9][0-9,.]*)(?:平方|立方)?[ァ-ヺー]+")  # 何メートル and 12平方キロメートル name nothing
_KATAKANA = re.compile("[ァ-ヺー・]{3,}")
_PLACE = re.compile("[一-龥ァ-ヺー][市町村県]$")
_COUNTERS = "人|個|つ|本|冊|枚|台|回|円|歳|匹|頭|度|メートル|キロ|トン"
_FILLER = {"何", "誰", "どこ", "いつ", "名前", "もの", "こと", "人", "場所", "年", "呼ぶ", "言う", "いう", "どれ", "何人"}
_LEAST_WORDS = 2  # of a question without a name: 作者は誰ですか? asks about anything


def judged(pair: Pair) -> Pair:
    """The pair with what can be said of it alone: made-up words, whether it leaks, whether it is vague."""
    passage = pair.passage
    asked = _ENDING.sub("", normalize(pair.question))  # with it いつ is いつか, another word
    made_up, _ = hallucinated_words(asked, f"{passage.title} {passage.context}")
    leaked = BannedAnswer.of(pair.answer, passage.context).is_leaked(pair.question)
    return replace(pair, made_up=tuple(dict.fromkeys(made_up)), leaked=leaked, vague=vagueness(pair.question))


def vagueness(question: str) -> str:
    """Why a question only makes sense beside its passage: the words that point, or too few words; empty where it does.

    >>> [vagueness(q) for q in ("この人はどこで生まれましたか?", "作者は誰ですか?", "この『海の歌』の作者は誰ですか?")]
    ['この', '作者', '']
    """
    text = _COUNTED.sub("何", normalize(question))
    if _has_name(text):
        return ""
    pointing = _POINTING.search(text)
    if pointing is not None:
        return pointing.group()
    said = [word for word in dict.fromkeys(content_words(text)) if word not in _FILLER]
    return "" if len(said) >= _LEAST_WORDS else " ".join(said) or text


def _has_name(text: str) -> bool:
    """Whether a text names something: a proper noun, a quoted title, Latin letters, a word in katakana that no dictionary has."""
    if re.search("『[^』]+』|「[^」]+」|[A-Za-z][A-Za-z0-9.\\-]{1,}", text):
        return True
    words = placed_words(text)
    return any(word.is_proper or (not word.is_known and _KATAKANA.fullmatch(word.surface)) for word in words)


def asks_otherwise(question: str, candidate: Candidate) -> str:
    """The interrogative of a question that asks for another kind of answer: 誰 for a date or a place; empty where it fits.

    Only what the rules know for sure counts: dates, numbers, titles, what ends as a place does, and a surname with a given name.
    MeCab's other classes of names do not: 雨宮 of 雨宮鉄道 is a surname to it.
    """
    is_place, is_person = _PLACE.search(candidate.text) is not None, _is_full_name(candidate.text)
    unlike = {
        "誰|どなた": candidate.kind in ("date", "number", "title") or is_place,
        "どこ(?!の)": candidate.kind in ("date", "number", "title") or is_person,
        "どこの": candidate.kind in ("date", "number", "title"),  # どこの人
        "いつ|何(?:年|月|日|時|世紀|曜日)(?!間|ぶり|後)": candidate.kind in ("number", "title") or is_place or is_person,
        f"いくら|いくつ|何(?:{_COUNTERS})": candidate.kind in ("date", "title") or is_place or is_person,
    }
    asked = [(match.start(), match.group(), other) for pattern, other in unlike.items() if (match := re.search(pattern, question))]
    return min(asked)[1] if asked and min(asked)[2] else ""


def is_balanced(text: str) -> bool:
    """Whether all brackets of a text are closed in their order.

    >>> [is_balanced(text) for text in ("『海(上)』の作者は?", "何』の作者は?", "『海の作者は?")]
    [True, False, False]
    """
    opened = []
    for character in text:
        if character in _CLOSING.values():
            opened.append(character)
        elif character in _CLOSING and (not opened or opened.pop() != _CLOSING[character]):
            return False
    return not opened


def _is_full_name(text: str) -> bool:
    """Whether a text is a person's surname and given name, one word each: 唐沢芳江."""
    return [word.pos[1:4] for word in placed_words(text)] == [("固有名詞", "人名", "姓"), ("固有名詞", "人名", "名")]


def failed(pair: Pair, options: DocumentOptions, allow_answer: bool) -> tuple[str, ...]:
    """The checks that a judged pair does not pass, by itself."""
    found = []
    if pair.round_trip_f1 is not None and pair.round_trip_f1 < options.min_round_trip_f1:
        found.append(ROUND_TRIP)
    if len(pair.made_up) > options.max_made_up_words:
        found.append(MADE_UP)
    if pair.leaked and not allow_answer:
        found.append(LEAKED)
    if pair.vague and not options.keep_vague:
        found.append(VAGUE)
    if asks_otherwise(normalize(pair.question), pair.candidate):
        found.append(OTHER_KIND)
    if not is_balanced(normalize(pair.question)):
        found.append(BROKEN)
    if options.min_log_prob is not None and pair.log_prob < options.min_log_prob:
        found.append(UNLIKELY)
    return tuple(found)


def checked_pairs(pairs: Sequence[Pair], options: DocumentOptions, allow_answer: bool = False) -> list[Pair]:
    """The judged pairs, in their order, with what they are dropped for, and ranks.

    Of pairs that pass by themselves, the better is kept where two ask the same: a question that was asked before, of whatever
    answer (one of both is wrong, or asks for less), or a similar one with the same answer. Then the best `max_pairs` are kept.
    """
    found = {pair.id: replace(pair, dropped=failed(pair, options, allow_answer)) for pair in pairs}
    kept: list[Pair] = []
    asked: dict[str, Pair] = {}
    by_answer: dict[str, list[tuple[Counter, Pair]]] = {}
    for pair in sorted((one for one in found.values() if not one.dropped), key=by_quality):
        question = normalize(pair.question)
        grams = ngrams(question, 2)
        alike = by_answer.setdefault(normalize(pair.answer), [])
        same = asked.get(question) or next((one for g, one in alike if _f1(g, grams) > options.max_similarity), None)
        if same is not None:
            found[pair.id] = replace(pair, same_as=same.id, dropped=(SAME,))
        elif options.max_pairs is not None and len(kept) >= options.max_pairs:
            found[pair.id] = replace(pair, dropped=(BEYOND,))
        else:
            asked[question] = pair
            alike.append((grams, pair))
            kept.append(pair)
            found[pair.id] = replace(pair, rank=len(kept))
    return list(found.values())


def _f1(one: Counter, other: Counter) -> float:
    total = one.total() + other.total()
    return 2 * shared(one, other) / total if total else 0.0


def counts_of(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many pairs are kept, and how many each check drops; one pair may be dropped for several."""
    counts = Counter(reason for pair in pairs for reason in pair.dropped)
    return {"kept": sum(not pair.dropped for pair in pairs), **{reason: counts[reason] for reason in _CHECKS}}
