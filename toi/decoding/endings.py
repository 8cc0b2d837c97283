"""The end of an output, as far as it matters to banned text: what is remembered of the tokens that were written."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy

from toi.decoding.automaton import WordAutomaton
from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import split_run
from toi.text.folding import PLAIN, PLAIN_JAPANESE, acts, fold, skeleton_of


class Ending(NamedTuple):
    """The end of an output, as far as it matters to what may follow."""

    node: int  # of the automaton
    neighbour: str  # the character before the tail, あ standing for Japanese, a for Latin; empty at the start of the text
    tail: str  # the raw text that a word may have begun in, or that the next character may act on
    run: bytes  # behind the tail: the beginning of a character


class Constraint(Protocol):
    """What an output must not hold, for a search: which tokens it may not go on with, and where it may not end."""

    start: Ending
    always: numpy.ndarray  # ids that are forbidden everywhere

    def advance(self, ending: Ending, token: int) -> Ending:
        """The ending behind a token."""

    def forbidden(self, ending: Ending, last: bool = False) -> numpy.ndarray:
        """Ids that are forbidden behind an ending, beside those of `always`; `last`: no other token may follow."""

    def may_end(self, ending: Ending) -> bool:
        """Whether the output may end behind an ending."""


class Endings:
    """The endings of outputs, for an automaton over some folded words: how they go on with tokens."""

    def __init__(self, vocabulary: Vocabulary, words: Iterable[str]):
        words = list(words)
        self._vocabulary = vocabulary
        # A word that begins with a mark is there or not depending on the very letter before it.
        self._neighbours_matter = any(acts(word[0]) for word in words)
        self._automaton = WordAutomaton(words)
        self.start = Ending(0, "", "", b"")
        self._next: dict[tuple[Ending, int], Ending] = {}

    def advance(self, ending: Ending, token: int) -> Ending:
        """The ending behind a token."""
        key = (ending, token)
        if key not in self._next:
            if len(self._next) >= 1 << 17:
                self._next.clear()
            self._next[key] = self._advance(ending, token)
        return self._next[key]

    def _advance(self, ending: Ending, token: int) -> Ending:
        piece = self._vocabulary.bytes.get(token)
        if piece is None:
            text = self._vocabulary.texts[token] if token < len(self._vocabulary.texts) else ""
            return self._feed(ending, text) if text else ending
        text, run = split_run(ending.run + piece) or ("", b"")
        return (self._feed(ending, text) if text else ending)._replace(run=run)

    def _feed(self, ending: Ending, text: str) -> Ending:
        *_, node = (ending.node, *self._automaton.walk(ending.node, text))
        return self._shortened(node, ending.neighbour, ending.tail + text)

    def _shortened(self, node: int, neighbour: str, text: str) -> Ending:
        at = self._tail_at(node, neighbour, text)
        if not at:
            return Ending(node, neighbour, text, b"")
        before = text[at - 1]
        if not self._neighbours_matter:
            before = "あ" if PLAIN_JAPANESE.match(before) else "a"
        return Ending(node, before, text[at:], b"")

    def _tail_at(self, node: int, neighbour: str, text: str) -> int:
        """Where the tail of a text begins."""
        at, needed = len(text), self._automaton.depth[node]
        while at and needed > 0:
            at -= 1
            needed -= len(skeleton_of(text[at]))
        return self._settled(text, at)

    def _settled(self, text: str, at: int) -> int:
        """The last place, up to `at`, where nothing that follows changes what is before it."""
        while at and not PLAIN.match(text[at - 1]):
            at -= 1
        while 0 < at < len(text) and acts(text[at]):  # it may compose with what stands before it
            at -= 1
        return at

    def _folded(self, ending: Ending, text: str) -> str:
        """The folded end of the text, without what stands for the character before it."""
        return fold(ending.neighbour + ending.tail + text)[len(fold(ending.neighbour)) :]
