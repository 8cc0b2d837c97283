"""Banned text: which tokens an output may not go on with.

A word is banned as text: no output holds it, however it was cut into tokens, in whatever width or case. What counts is
`fold(word) in fold(output)`, so the search has to follow what normalization will make of the tokens while they are written: marks
compose with the letter before them, spaces vanish beside Japanese, runs of ー become one, bytes become characters.

That is done in two steps. `skeleton` maps a text character by character to what no neighbour can change; if a word occurs in a
folded text, its skeleton occurs in the skeleton of the raw text. One automaton over the skeletons of all the words (Aho and
Corasick, 1975) therefore finds every token that could complete a word, and a few that would not. Those few are told apart by
folding the end of the text together with the token. What was found out for a state of the automaton is remembered.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy

from toi.models.tokenizer import Tokenizer
from toi.text.folding import PLAIN, PLAIN_JAPANESE, acts, fold, skeleton, skeleton_of

_BYTE = re.compile("<0x([0-9A-F]{2})>")


class Vocabulary:
    """What each token adds to an output: characters, or one byte of UTF-8.

    `texts[i]` is empty for tokens that are not shown, and for bytes, which are in `bytes`.
    """

    def __init__(self, texts: Sequence[str], byte_tokens: dict[int, int]):
        self.texts, self.bytes = texts, byte_tokens
        self._index()

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """The vocabulary of a tokenizer, `<unk>` included, which is shown as such."""
        pieces = tokenizer.fast.convert_ids_to_tokens(list(range(len(tokenizer))))
        silent = {tokenizer.pad_id, tokenizer.eos_id, *tokenizer.fast.get_added_vocab().values()} - {tokenizer.unk_id}
        texts: list[str] = []
        byte_tokens: dict[int, int] = {}
        for i, piece in enumerate(pieces):
            match = _BYTE.fullmatch(piece)
            if match and i not in silent:
                byte_tokens[i] = int(match[1], 16)
            texts.append("" if match or i in silent else piece.replace("▁", " "))
        return cls(texts, byte_tokens)

    def _index(self) -> None:
        self.skeletons = [skeleton(text) for text in self.texts]
        self._order = sorted((i for i, s in enumerate(self.skeletons) if s), key=self.skeletons.__getitem__)
        self._sorted = [self.skeletons[i] for i in self._order]
        self._holding: dict[str, list[int]] = defaultdict(list)
        for i, s in enumerate(self.skeletons):
            for c in set(s):
                self._holding[c].append(i)
        # Tokens with a mark or ー anywhere, and those that begin with one: they may change what was written before them.
        self.with_marks = [i for i, text in enumerate(self.texts) if any(map(acts, text))]
        self.beginning_with_marks = [i for i in self.with_marks if _begins_with_mark(self.texts[i])]

    def starting_with(self, prefix: str) -> list[int]:
        """Ids of the tokens whose skeleton starts with `prefix`."""
        low = bisect_left(self._sorted, prefix)
        high = bisect_left(self._sorted, prefix + "\U0010ffff", lo=low)
        return self._order[low:high]

    def holding(self, part: str) -> list[int]:
        """Ids of the tokens whose skeleton holds `part`."""
        rarest = min((self._holding.get(c, []) for c in set(part)), key=len)
        return [i for i in rarest if part in self.skeletons[i]]


def _begins_with_mark(text: str) -> bool:
    for c in text:
        if skeleton_of(c):
            return False
        if acts(c):
            return True
    return False


class State(NamedTuple):
    """The end of an output, as far as it matters to what may follow."""

    node: int  # of the automaton
    neighbour: str  # the character before the tail, あ standing for Japanese, a for Latin; empty at the start of the text
    tail: str  # the raw text that a word may have begun in, or that the next character may act on
    run: bytes  # bytes behind the tail: characters only if the whole run is UTF-8


class BannedText:
    """An automaton over some words, and which tokens it forbids in each of its states.

    A token is forbidden where the text written so far, and the token, would hold a word when folded. `always` are ids that
    are forbidden in every state. Words that fold to nothing are left out.
    """

    def __init__(self, vocabulary: Vocabulary, words: Iterable[str]):
        self._vocabulary = vocabulary
        folded = {fold(word) for word in words} - {""}
        # A word that holds another one adds nothing.
        self._words = sorted(folded, key=lambda word: (len(word), word))
        self._hollow = [word for word in self._words if not skeleton(word)]  # of marks only: no automaton can look for them
        # A word that begins with a mark is there or not depending on the very letter before it.
        self._neighbours_matter = any(acts(word[0]) for word in self._words)
        self._build()
        self._interior()
        self.start = State(0, "", "", b"")
        self._forbidden: dict[State, numpy.ndarray] = {}
        self._next: dict[tuple[State, int], State] = {}
        self._completing: dict[int, list[tuple[str, list[int]]]] = {}

    def _build(self) -> None:
        self._goto: list[dict[str, int]] = [{}]
        self._depth = [0]
        self._words_at: dict[int, list[str]] = defaultdict(list)
        for word in self._words:
            node = 0
            for c in skeleton(word):
                if c not in self._goto[node]:
                    self._goto[node][c] = len(self._goto)
                    self._goto.append({})
                    self._depth.append(self._depth[node] + 1)
                node = self._goto[node][c]
            if node:
                self._words_at[node].append(word)
        self._fail = [0] * len(self._goto)
        self._ends = [node in self._words_at for node in range(len(self._goto))]
        queue = list(self._goto[0].values())
        for node in queue:  # breadth first; it grows while it is gone through
            for c, child in self._goto[node].items():
                self._fail[child] = self._step(self._fail[node], c)
                self._ends[child] |= self._ends[self._fail[child]]
                queue.append(child)

    def _step(self, node: int, character: str) -> int:
        while character not in self._goto[node]:
            if not node:
                return 0
            node = self._fail[node]
        return self._goto[node][character]

    def _interior(self) -> None:
        """Tokens with a whole word in them: `always`, or only in some surroundings (`_volatile`)."""
        texts = self._vocabulary.texts
        always: set[int] = set()
        volatile: set[int] = set(self._vocabulary.with_marks) if self._hollow else set()
        for word in self._words:
            wanted = skeleton(word)
            if not wanted:
                continue
            starts_plain = bool(PLAIN.match(word))
            for i in self._vocabulary.holding(wanted):
                if i in always:
                    continue
                first = PLAIN.search(texts[i])
                lead = texts[i][: first.start()] if first else texts[i]
                # From its first plain character on, no surroundings change what a token becomes.
                if word in fold(texts[i][len(lead) :]):
                    always.add(i)
                elif not starts_plain or self._vocabulary.skeletons[i].find(wanted) < len(skeleton(lead)):
                    volatile.add(i)
        self.always = numpy.array(sorted(always), dtype=numpy.int64)
        self._volatile = sorted(volatile - always)
        self._always = always

    def advance(self, state: State, token: int) -> State:
        """The state behind a token."""
        key = (state, token)
        found = self._next.get(key)
        if found is None:
            if len(self._next) >= 1 << 17:
                self._next.clear()
            found = self._next[key] = self._advance(state, token)
        return found

    def _advance(self, state: State, token: int) -> State:
        byte = self._vocabulary.bytes.get(token)
        if byte is not None:
            return state._replace(run=state.run + bytes([byte]))
        text = self._vocabulary.texts[token] if token < len(self._vocabulary.texts) else ""
        return self._feed(self._settled(state), text) if text else state

    def _settled(self, state: State) -> State:
        """The state where the run of bytes is over."""
        return self._feed(state._replace(run=b""), _decoded(state.run)) if state.run else state

    def _feed(self, state: State, text: str) -> State:
        node = state.node
        for c in skeleton(text):
            node = self._step(node, c)
        return self._shortened(node, state.neighbour, state.tail + text)

    def _shortened(self, node: int, neighbour: str, text: str) -> State:
        at, needed = len(text), self._depth[node]
        while at and needed > 0:
            at -= 1
            needed -= len(skeleton_of(text[at]))
        while at and not PLAIN.match(text[at - 1]):
            at -= 1
        while 0 < at < len(text) and acts(text[at]):  # it may compose with what stands before it
            at -= 1
        if not at:
            return State(node, neighbour, text, b"")
        before = text[at - 1]
        if not self._neighbours_matter:
            before = "あ" if PLAIN_JAPANESE.match(before) else "a"
        return State(node, before, text[at:], b"")

    def forbidden(self, state: State) -> numpy.ndarray:
        """Ids that are forbidden in this state, beside those of `always`."""
        found = self._forbidden.get(state)
        if found is None:
            if len(self._forbidden) >= 1 << 14:
                self._forbidden.clear()
            ids = {i for i in self._of_settled(self._settled(state)) if i not in self._always}
            ids.update(self._of_bytes(state))
            found = self._forbidden[state] = numpy.array(sorted(ids), dtype=numpy.int64)
        return found

    def _of_settled(self, state: State) -> Iterator[int]:
        texts = self._vocabulary.texts
        node = state.node
        while node:
            for word, ids in self._begun_at(node):
                for i in ids:
                    if i not in self._always and word in self._folded(state, texts[i]):
                        yield i
            node = self._fail[node]
        for i in self._volatile:
            if self._holds_word(state, texts[i]):
                yield i
        if self._ends[state.node] or (self._hollow and state.tail):
            for i in self._vocabulary.beginning_with_marks:
                if self._holds_word(state, texts[i]):
                    yield i

    def _of_bytes(self, state: State) -> Iterator[int]:
        before = state._replace(run=b"")
        for i, byte in self._vocabulary.bytes.items():
            text = _decoded(state.run + bytes([byte]))
            if self._may_complete(state.node, text) and self._holds_word(before, text):
                yield i

    def _begun_at(self, node: int) -> list[tuple[str, list[int]]]:
        """For a node but the root: the words that it has begun, with the tokens that may complete each."""
        found = self._completing.get(node)
        if found is None:
            found = []
            below = [node]
            for n in below:
                below += self._goto[n].values()
                for word in self._words_at.get(n, ()) if n != node else ():
                    if ids := self._vocabulary.starting_with(skeleton(word)[self._depth[node] :]):
                        found.append((word, ids))
            self._completing[node] = found
        return found

    def _may_complete(self, node: int, text: str) -> bool:
        if self._hollow or self._ends[node]:
            return True
        for c in skeleton(text):
            node = self._step(node, c)
            if self._ends[node]:
                return True
        return False

    def _folded(self, state: State, text: str) -> str:
        """The folded end of the text, without what stands for the character before it."""
        return fold(state.neighbour + state.tail + text)[len(state.neighbour) :]

    def _holds_word(self, state: State, text: str) -> bool:
        folded = self._folded(state, text)
        if self._hollow and any(word in folded for word in self._hollow):
            return True
        node = 0
        for c in skeleton(folded):
            node = self._step(node, c)
            at = node
            while self._ends[at]:
                if any(word in folded for word in self._words_at.get(at, ())):
                    return True
                at = self._fail[at]
        return False


def _decoded(run: bytes) -> str:
    """A run of byte tokens as tokenizers decode it: as a whole, or one replacement character for each byte."""
    try:
        return run.decode("utf-8")
    except UnicodeDecodeError:
        return "\ufffd" * len(run)
