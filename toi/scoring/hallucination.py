"""Words that an output made up: they do not occur in what the model was given.

A word counts if it says something by itself: MeCab's nouns, verbs, adjectives, adverbs, adnominals, conjunctions and
interjections (自立語), but not

- what only asks or points: 何, 誰, どこ, いつ, この, それ ... (a question asks for what is not said in it);
- dependent nouns, suffixes, and the verbs that are in every other sentence (する, ある, いる, なる);
- stop words, by default でしょう, どんな, どちら, さて.

A word occurs if the normalized reference has its characters somewhere, or another form of it (走った for 走る). So a
paraphrase and another spelling are hallucinations (よい for 悪い, わるい for 悪い), and where two sentences are cut differently
(山梨 in 山梨県) nothing is wrong.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

from toi.scoring.options import STOP_WORDS
from toi.system.errors import InputError, first_line
from toi.text.normalization import normalize
from toi.text.words import COMMON, mecab_words

WordTokenizer = Literal["mecab", "ginza"]

_CONTENT = {"名詞", "動詞", "形容詞", "副詞", "連体詞", "接続詞", "感動詞"}
_EMPTY = {"非自立", "接尾"}
# Words that ask, but for those that the stop words are to decide on, and words that point (こ・そ・あ・ど).
_ASKING = set(
    "何 なに なん 誰 だれ どなた どこ 何処 いつ 何時 どれ どの どう どういう どうして いかが いかなる なぜ 何故 いくつ 幾つ いくら "
    "いずれ どれほど どれだけ どれくらい どのくらい どのよう 何者 何人 何回 何年 何月 何日 なんで 何で なんという".split()
)
_POINTING = set(
    "これ それ あれ ここ そこ あそこ こちら そちら あちら この その あの こう そう ああ こんな そんな あんな これら それら".split()
)
# Universal parts of speech, for GiNZA.
_UD_CONTENT = {"NOUN", "PROPN", "VERB", "ADJ", "ADV", "NUM", "PRON", "DET", "CCONJ", "INTJ"}


class _Judged(NamedTuple):
    surface: str
    base: str
    counts: bool


def check_hallucination(
    candidate: str,
    reference: str,
    stop_words: Sequence[str] | None = None,
    *,
    content_only: bool = True,
    tokenizer: WordTokenizer = "mecab",
) -> set[str]:
    """The words of `candidate` that do not occur in `reference`, in their dictionary forms.

    `stop_words` never count; None are STOP_WORDS, an empty list is none at all. With `content_only=False` every word but
    punctuation counts. Raises InputError if the tokenizer is not installed.

    >>> sorted(check_hallucination("今日はわるい天気だ", "今日はよい天気だ"))
    ['わるい']
    """
    return set(hallucinated_words(candidate, reference, stop_words, content_only=content_only, tokenizer=tokenizer)[0])


def hallucinated_words(
    candidate: str,
    reference: str,
    stop_words: Sequence[str] | None = None,
    *,
    content_only: bool = True,
    tokenizer: WordTokenizer = "mecab",
) -> tuple[list[str], int]:
    """The hallucinated words in their order, and how many words of the candidate were looked at."""
    words = _words(normalize(candidate), tokenizer)
    stops = STOP_WORDS if stop_words is None else stop_words
    stopped = _stopped([word.surface for word in words], [normalize(stop) for stop in stops])
    looked_at = [
        word
        for i, word in enumerate(words)
        if i not in stopped and word.base not in stops and (word.counts or (not content_only and _is_word(word.surface)))
    ]
    text = normalize(reference)
    missing = [word for word in looked_at if word.surface not in text]
    if missing:  # only then is the (long) reference cut into words, for their dictionary forms
        known = _bases(text, tokenizer)
        missing = [word for word in missing if word.base not in known]
    return [word.base for word in missing], len(looked_at)


def check_tokenizer(tokenizer: WordTokenizer) -> None:
    """Raise InputError, with the line that installs it, if a tokenizer is not there."""
    _words("", tokenizer)


def _stopped(surfaces: Sequence[str], stop_words: Sequence[str]) -> set[int]:
    """The words that together are a stop word: でしょう is でしょ + う for MeCab."""
    stops = {stop for stop in stop_words if stop}
    longest = max(map(len, stops), default=0)
    stopped: set[int] = set()
    for start in range(len(surfaces)):
        joined = ""
        for end in range(start, len(surfaces)):
            joined += surfaces[end]
            if joined in stops:
                stopped.update(range(start, end + 1))
            if len(joined) >= longest:
                break
    return stopped


def _is_word(surface: str) -> bool:
    return any(c.isalnum() for c in surface)


def _words(text: str, tokenizer: WordTokenizer) -> list[_Judged]:
    return _mecab(text) if tokenizer == "mecab" else _ginza(text)


@lru_cache(maxsize=64)  # the questions of a paragraph share its context
def _bases(text: str, tokenizer: WordTokenizer) -> frozenset[str]:
    return frozenset(word.base for word in _words(text, tokenizer))


def _mecab(text: str) -> list[_Judged]:
    return [
        _Judged(
            word.surface,
            word.base,
            word.pos[0] in _CONTENT and word.pos[1] not in _EMPTY and not _says_nothing(word.surface, word.base),
        )
        for word in mecab_words(text)
    ]


def _ginza(text: str) -> list[_Judged]:
    return [
        _Judged(token.text, token.lemma_, token.pos_ in _UD_CONTENT and not _says_nothing(token.text, token.lemma_))
        for token in _ginza_tokenizer()(text)
    ]


def _says_nothing(surface: str, base: str) -> bool:
    return (
        not _is_word(surface)
        or surface in _ASKING
        or surface in _POINTING
        or base in _ASKING
        or base in _POINTING
        or base in COMMON
    )


@cache
def _ginza_tokenizer() -> Any:
    """GiNZA's tagger. Raises InputError with the line that installs it."""
    install = "--hallucination_tokenizer ginza needs GiNZA: pip install ginza ja-ginza"
    try:
        import spacy
    except ImportError:
        raise InputError(install) from None
    try:
        # spaCy 3.8 refuses the split_mode null that ja-ginza 5.2 is configured with; C is what GiNZA does without one.
        return spacy.load("ja_ginza", config={"components": {"compound_splitter": {"split_mode": "C"}}}, exclude=["parser", "ner"])
    except OSError as error:
        raise InputError(f"{install} ({first_line(error)})") from None
