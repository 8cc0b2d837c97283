"""Noun phrases of a text by MeCab's parts of speech: words with their places, and runs of them that belong together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toi.text.words import mecab_words

_NO_PART = {"非自立", "代名詞", "特殊", "接続詞的", "動詞非自立的", "引用文字列", "ナイ形容詞語幹"}
_JOINTS = set("・=＝゠-‐－.．&＆'’")  # within a name: ジョン・ミッチェル


class Placed(NamedTuple):
    """A word and where it stands."""

    surface: str
    pos: tuple[str, ...]
    start: int
    end: int
    is_known: bool = True  # whether the dictionary has it

    @property
    def is_number(self) -> bool:
        """Whether it is a digit or a numeral."""
        return self.pos[:2] == ("名詞", "数")

    @property
    def is_proper(self) -> bool:
        """Whether it is a name."""
        return self.pos[:2] == ("名詞", "固有名詞")

    @property
    def is_suffix(self) -> bool:
        """Whether it only stands behind other nouns: 市, 氏, 人."""
        return self.pos[:2] == ("名詞", "接尾")

    @property
    def is_noun(self) -> bool:
        """Whether it can be a part of a noun phrase."""
        if self.pos[0] == "名詞":
            return self.pos[1] not in _NO_PART
        return self.pos[:2] == ("記号", "アルファベット") or self.pos[0] == "接頭詞"


def placed_words(text: str) -> list[Placed]:
    """The words of a text with their spans; MeCab leaves out spaces and line breaks."""
    found, at = [], 0
    for word in mecab_words(text):
        start = text.find(word.surface, at)
        if start < 0:  # a NUL, which MeCab saw as a space
            continue
        at = start + len(word.surface)
        found.append(Placed(word.surface, (*word.pos, "*", "*")[:4], start, at, word.is_known))
    return found


def noun_runs(words: Sequence[Placed]) -> Iterator[tuple[int, int]]:
    """The longest runs of nouns, as places in `words`: what is written without a space, and joints between two nouns."""
    at = 0
    while at < len(words):
        if not words[at].is_noun or words[at].is_suffix:
            at += 1
            continue
        end = at + 1
        while end < len(words) and words[end].start == words[end - 1].end:
            if words[end].is_noun:
                end += 1
            elif words[end].surface in _JOINTS and end + 1 < len(words) and _joins(words, end):
                end += 2
            else:
                break
        if any(word.pos[0] != "接頭詞" for word in words[at:end]):
            yield at, end
        at = end


def _joins(words: Sequence[Placed], at: int) -> bool:
    before, behind = words[at - 1], words[at + 1]
    return behind.is_noun and behind.start == words[at].end and not (before.is_number ^ behind.is_number)
