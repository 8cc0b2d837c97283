"""Banned text: which tokens an output may not go on with.

A word is banned as text: no output holds it, however it was cut into tokens, in whatever width or case. What counts is
`fold(word) in fold(output)`, so the search has to follow what normalization will make of the tokens while they are written: marks
compose with the letter before them, spaces vanish beside Japanese, runs of ー become one, bytes become characters.

That is done in two steps. `skeleton` maps a text character by character to what no neighbour can change; if a word occurs in a
folded text, its skeleton occurs in the skeleton of the raw text. One automaton over the skeletons of all the words
therefore finds every token that could complete a word, and a few that would not. Those few are told apart by
folding the end of the text together with the token. What was found out for an ending is remembered.

Bytes that make no character are banned with every word: what is banned must not drive a model to write half of one.
"""

from collections.abc import Iterable, Iterator

import numpy

from toi.decoding.endings import Ending, Endings
from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import split_run
from toi.text.folding import BROKEN, PLAIN, fold, skeleton


class BannedText(Endings):
    """Which tokens some words forbid behind each ending.

    A token is forbidden where the text written so far, and the token, would hold a word when folded, or bytes that make no
    character. `always` are ids that are forbidden everywhere. Words that fold to nothing are left out.
    """

    def __init__(self, vocabulary: Vocabulary, words: Iterable[str]):
        folded = ({fold(word) for word in words} | {BROKEN}) - {""}
        self._words = sorted(folded, key=lambda word: (len(word), word))
        super().__init__(vocabulary, self._words)
        self._hollow = [word for word in self._words if not skeleton(word)]  # of marks only: no automaton can look for them
        always, volatile = _holding(vocabulary, self._words)
        self._volatile = sorted({*volatile, *(vocabulary.with_marks if self._hollow else ())} - always)
        self._always = frozenset(always)
        self.always = numpy.array(sorted(always), dtype=numpy.int64)
        self._forbidden: dict[Ending, numpy.ndarray] = {}
        self._completing: dict[int, list[tuple[str, list[int]]]] = {}

    def may_end(self, ending: Ending) -> bool:
        """Whether the output may end behind an ending: a word would never have been written."""
        return True

    def forbidden(self, ending: Ending, last: bool = False) -> numpy.ndarray:
        """Ids that are forbidden behind this ending, beside those of `always`; the same ones for the last token."""
        if ending not in self._forbidden:
            if len(self._forbidden) >= 1 << 14:
                self._forbidden.clear()
            ids = {i for i in self._of_texts(ending) if i not in self._always} if not ending.run else set()
            ids.update(self._of_bytes(ending))
            words = numpy.array(sorted(ids), dtype=numpy.int64)
            self._forbidden[ending] = numpy.union1d(words, self._vocabulary.breaking(ending.run))
        return self._forbidden[ending]

    def _of_texts(self, ending: Ending) -> Iterator[int]:
        texts = self._vocabulary.texts
        for node in self._automaton.suffixes(ending.node):
            for word, ids in self._begun_at(node):
                for i in ids:
                    if i not in self._always and word in self._folded(ending, texts[i]):
                        yield i
        for i in self._volatile:
            if self._holds_word(ending, texts[i]):
                yield i
        if self._automaton.ends[ending.node] or (self._hollow and ending.tail):
            for i in self._vocabulary.beginning_with_marks:
                if self._holds_word(ending, texts[i]):
                    yield i

    def _of_bytes(self, ending: Ending) -> Iterator[int]:
        for i, piece in self._vocabulary.bytes.items():
            text, _ = split_run(ending.run + piece) or ("", b"")
            if text and self._may_complete(ending.node, text) and self._holds_word(ending, text):
                yield i

    def _begun_at(self, node: int) -> list[tuple[str, list[int]]]:
        """For a node but the root: the words that it has begun, with the tokens that may complete each."""
        if node not in self._completing:
            depth = self._automaton.depth[node]
            begun = ((word, skeleton(word)[depth:]) for word in self._automaton.words_begun(node))
            self._completing[node] = [(word, ids) for word, rest in begun if (ids := self._vocabulary.starting_with(rest))]
        return self._completing[node]

    def _may_complete(self, node: int, text: str) -> bool:
        if self._hollow or self._automaton.ends[node]:
            return True
        return any(self._automaton.ends[behind] for behind in self._automaton.walk(node, text))

    def _holds_word(self, ending: Ending, text: str) -> bool:
        folded = self._folded(ending, text)
        if self._hollow and any(word in folded for word in self._hollow):
            return True
        for node in self._automaton.walk(0, folded):
            for end in self._automaton.suffixes(node) if self._automaton.ends[node] else ():
                if any(word in folded for word in self._automaton.words_at.get(end, ())):
                    return True
        return False


def _holding(vocabulary: Vocabulary, words: Iterable[str]) -> tuple[set[int], set[int]]:
    """Tokens with a whole word in them: always, and only in some surroundings."""
    texts = vocabulary.texts
    always: set[int] = set()
    volatile: set[int] = set()
    for word in words:
        wanted = skeleton(word)
        if not wanted:
            continue
        starts_plain = bool(PLAIN.match(word))
        for i in vocabulary.holding(wanted):
            if i in always:
                continue
            first = PLAIN.search(texts[i])
            lead = texts[i][: first.start()] if first else texts[i]
            # From its first plain character on, no surroundings change what a token becomes.
            if word in fold(texts[i][len(lead) :]):
                always.add(i)
            elif not starts_plain or vocabulary.skeletons[i].find(wanted) < len(skeleton(lead)):
                volatile.add(i)
    return always, volatile
