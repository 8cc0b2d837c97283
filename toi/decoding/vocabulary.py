"""What each token adds to an output, and where to find the tokens that may complete a word."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence

import numpy

from toi.models.pieces import Piece, split_run
from toi.text.folding import acts, fold, skeleton, skeleton_of


class Vocabulary:
    """The pieces of a tokenizer (`toi.models.tokenizer.Tokenizer.pieces`).

    `texts[i]` is empty for tokens that are not shown, and for those whose bytes are a part of characters, which are in `bytes`.
    """

    def __init__(self, pieces: Sequence[Piece]):
        self.texts = ["" if isinstance(piece, bytes) else piece for piece in pieces]
        self.bytes = {i: piece for i, piece in enumerate(pieces) if isinstance(piece, bytes)}
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
        self.shown = [i for i, text in enumerate(self.texts) if text]
        self.silent = [i for i, text in enumerate(self.texts) if not text and i not in self.bytes]
        self.without_skeleton = [i for i in self.shown if not self.skeletons[i]]  # spaces and marks
        self._broken: dict[bytes, numpy.ndarray] = {}

    def starting_with(self, prefix: str) -> list[int]:
        """Ids of the tokens whose skeleton starts with `prefix`."""
        low = bisect_left(self._sorted, prefix)
        high = bisect_left(self._sorted, prefix + "\U0010ffff", lo=low)
        return self._order[low:high]

    def writing(self, rest: str) -> list[int]:
        """Ids of the tokens whose skeleton starts with `rest` or is a beginning of it; without a rest those with a mark first."""
        if not rest:
            return self.beginning_with_marks
        parts = {rest[:count] for count in range(1, len(rest))}
        return self.starting_with(rest) + [i for part in parts for i in self._equal_to(part)]

    def can_write(self, folded: str) -> bool:
        """Whether each character of a folded text, but for spaces, is a token or in bytes."""
        single = set(self.bytes.values())
        return all(
            any(fold(self.texts[i]) == c for i in (self._equal_to(skeleton_of(c)) if skeleton_of(c) else self.without_skeleton))
            or {bytes([byte]) for byte in c.encode()} <= single
            for c in set(folded) - {" "}
        )

    def _equal_to(self, whole: str) -> list[int]:
        return self._order[bisect_left(self._sorted, whole) : bisect_right(self._sorted, whole)]

    def holding(self, part: str) -> list[int]:
        """Ids of the tokens whose skeleton holds `part`."""
        rarest = min((self._holding.get(c, []) for c in set(part)), key=len)
        return [i for i in rarest if part in self.skeletons[i]]

    def breaking(self, run: bytes) -> numpy.ndarray:
        """Ids of the tokens behind which a run of bytes (the beginning of a character, or nothing) would make no character."""
        if run not in self._broken:
            ids = [i for i, piece in self.bytes.items() if split_run(run + piece) is None]
            self._broken[run] = numpy.array(sorted([*ids, *(self.shown if run else ())]), dtype=numpy.int64)
        return self._broken[run]


def _begins_with_mark(text: str) -> bool:
    for c in text:
        if skeleton_of(c):
            return False
        if acts(c):
            return True
    return False
