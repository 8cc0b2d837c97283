"""A banned answer in a search: which tokens it forbids, though it may stand inside longer words of its context.

While 桃太郎 is written 桃 stands there by itself, and what matters is what may still follow. An occurrence is open where it lies in
an end of the text that begins a longer word of the context, and the rest of that word, written behind the text, would complete
it (for words whose characters the vocabulary has one by one). As everywhere (`banned.py`), what counts is the text so far,
folded: that a later voicing mark could change a letter is no way out. A number is begun only for the sake of one in the
context, though any longer one may be written at a stroke.
"""

from collections.abc import Iterator

import numpy

from toi.decoding.endings import Ending, Endings
from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import split_run
from toi.text.folding import PLAIN, fold, skeleton, skeleton_of
from toi.text.holders import NUMERALS, BannedAnswer


class HeldText(Endings):
    """Which tokens an answer forbids behind each ending.

    A token is forbidden where the text written so far, and the token, would hold the answer by itself where it is not open; as the
    last token also where it is. The output may not end where an occurrence is open.
    """

    def __init__(self, vocabulary: Vocabulary, answer: BannedAnswer):
        super().__init__(vocabulary, [answer.word, *answer.holders])
        self._answer = answer
        self._word = skeleton(answer.word)
        # A word that the vocabulary cannot write must not be begun: there would be no way on.
        self._holders = [(holder, skeleton(holder)) for holder in answer.holders if vocabulary.can_write(holder)]
        self._holding = vocabulary.holding(self._word) if self._word else vocabulary.with_marks
        self.always = numpy.array([], dtype=numpy.int64)
        self._forbidden: dict[tuple[Ending, bool], numpy.ndarray] = {}

    def may_end(self, ending: Ending) -> bool:
        """Whether the output may end behind an ending."""
        return not self._answer.bare(self._folded(ending, ""))

    def forbidden(self, ending: Ending, last: bool = False) -> numpy.ndarray:
        """Ids that are forbidden behind an ending; `last`: no other token may follow."""
        key = (ending, last)
        if key not in self._forbidden:
            if len(self._forbidden) >= 1 << 14:
                self._forbidden.clear()
            ids = set(self._of_bytes(ending, last))
            if not self.may_end(ending):
                ids.update(self._but_for_the_rest(ending, last))
            elif not ending.run:
                ids.update(i for i in self._may_hold(ending) if self._is_lost(ending, self._vocabulary.texts[i], last))
            self._forbidden[key] = numpy.array(sorted(ids), dtype=numpy.int64)
        return self._forbidden[key]

    def _of_bytes(self, ending: Ending, last: bool) -> Iterator[int]:
        for i, piece in self._vocabulary.bytes.items():
            text, _ = split_run(ending.run + piece) or ("", b"")
            if self._is_lost(ending, text, last):
                yield i

    def _may_hold(self, ending: Ending) -> set[int]:
        """The tokens that could complete an occurrence, hold one, or take one out of its longer word."""
        vocabulary, tail = self._vocabulary, skeleton(ending.tail)
        ids = set(self._holding)
        for count in range(1, len(self._word)):
            if tail.endswith(self._word[:count]):
                ids.update(vocabulary.starting_with(self._word[count:]))
        if tail.endswith(self._word):
            ids.update(vocabulary.beginning_with_marks)
        if self._answer.word in self._folded(ending, ""):
            ids.update(self._changing(ending))
        return ids

    def _changing(self, ending: Ending) -> list[int]:
        """The tokens that may change the last letter of a text."""
        # Behind other letters it is more than marks: the parts of a letter of Hangul.
        return self._vocabulary.beginning_with_marks if PLAIN.match(ending.tail[-1]) else self._vocabulary.shown

    def _but_for_the_rest(self, ending: Ending, last: bool) -> set[int]:
        """Where an occurrence is open: all tokens but those that write on at a longer word, or make it another letter."""
        vocabulary, tail = self._vocabulary, skeleton(ending.tail)
        may = {*vocabulary.without_skeleton, *self._changing(ending)}
        for _, whole in self._holders:
            for count in range(len(whole) + 1):
                if tail.endswith(whole[:count]):
                    may.update(vocabulary.writing(whole[count:]))
        if self._answer.is_number:
            may.update(i for numeral in NUMERALS for i in vocabulary.starting_with(numeral))
        right = {i for i in may if not self._is_lost(ending, vocabulary.texts[i], last)} if not ending.run else set()
        return {*vocabulary.shown, *(vocabulary.silent if last else ())} - right

    def _is_lost(self, ending: Ending, text: str, last: bool) -> bool:
        """Whether the answer would stand by itself behind an ending and more text, where nothing (the last: more) can mend it."""
        folded = self._folded(ending, text)
        bare = self._answer.bare(folded)
        return bool(bare) and (last or bare[0][0] < self._open_from(folded, ending, text))

    def _open_from(self, folded: str, ending: Ending, text: str) -> int:
        """Where the longest end of the text begins that begins a longer word; the length of the text if none does."""
        first = len(folded)
        for holder, _ in self._holders:
            for count in range(len(self._answer.word), len(holder)):
                rest = holder[count:]
                # A space written behind new lets it become new york, but not newyorker.
                if folded.endswith(holder[:count]) and self._folded(ending, text + rest) == folded + rest:
                    first = min(first, len(folded) - count)
        return first

    def _tail_at(self, node: int, neighbour: str, text: str) -> int:
        at, found = super()._tail_at(node, neighbour, text), -1
        whole = fold(neighbour + text)
        held = self._answer.held_by(whole)
        while at not in (0, found):  # not within a longer word, nor, for a number, within one
            found = at
            while at and self._answer.is_number and (skeleton_of(text[at - 1])[-1:] or "-") in NUMERALS:
                at = self._settled(text, at - 1)
            end = len(fold(neighbour + text[:at]))
            if at and any(low < end < high for low, high in held):
                at = self._settled(text, at - 1)
        return at
