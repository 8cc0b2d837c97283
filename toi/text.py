"""Normalization of Japanese text, and where each character went.

`normalize` is what a model sees of a text; `align` also says where every character of the raw text
went, so that an annotated span can be carried over. Pure functions, no state.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import neologdn

# C0/C1 controls and the two Unicode line separators: never in a line of a TSV. Those that end or
# indent a line become a space, the others vanish. Lone surrogates cannot be written as UTF-8.
_SPACES = dict.fromkeys([*range(0x09, 0x0E), *range(0x1C, 0x20), 0x85, 0x2028, 0x2029], " ")
_DROPPED = dict.fromkeys(c for c in [*range(0x20), *range(0x7F, 0xA0), 0x200B, 0xFEFF] if c not in _SPACES)
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_CONTROLS = {**_SPACES, **_DROPPED, **_SURROGATES}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\ufeff\ud800-\udfff]")

# Characters that no step changes and that do not change their neighbours, so that a text may be cut
# between any two of them. The first range behaves as あ does, the second as `a` (neologdn drops a space beside the
# first but keeps one between two of the second).
_JAPANESE = "ぁ-ゖァ-ヺ一-龥、。々「」『』"
_LATIN = "0-9A-Za-z"
_CHANGING = re.compile(f"[^{_JAPANESE}{_LATIN}]+")
_IS_JAPANESE = re.compile(f"[{_JAPANESE}]")

_OPEN, _CLOSE = "（(", "）)"
_PAIR = re.compile("[（()）]")


@dataclass(frozen=True)
class Normalization:
    """What is done to a text beside NFKC and neologdn. Saved in `task.json`."""

    lowercase: bool = False
    remove_brackets: bool = False

    def __call__(self, text: str) -> str:
        """The normalized text; see `normalize` and `remove_brackets`."""
        if self.remove_brackets:
            text = cut(text, bracketed(text))
        return normalize(text, lowercase=self.lowercase)

    def aligned(self, text: str, keep: tuple[int, int] | None = None) -> "Aligned":
        """Normalize `text` and remember where its characters went.

        `keep` is a raw span (the answer) that `remove_brackets` must leave alone.
        """
        if not self.remove_brackets:
            return align(text, lowercase=self.lowercase)
        spans = bracketed(text, keep)
        inner = align(cut(text, spans), lowercase=self.lowercase)
        outer = cut_offsets(len(text), spans)
        return Aligned(text, inner.text, tuple(inner.offsets[at] for at in outer))


def normalize(text: str, lowercase: bool = False) -> str:
    """Newlines to spaces, NFKC, neologdn with tildes kept; idempotent, without control characters.

    >>> normalize("５〜７月は ﾋﾟｱﾉ　を\\n弾く")
    '5~7月はピアノを弾く'

    No tab or line break is left. The result is empty only where the text has nothing visible.
    """
    while True:
        changed = _step(text, lowercase)
        if changed == text:
            return text
        text = changed  # one step may make work for the next: NFKC after neologdn's half-width kana


def _step(text: str, lowercase: bool) -> str:
    if _CONTROL.search(text):
        text = text.translate(_CONTROLS)
    text = unicodedata.normalize("NFKC", text)
    # neologdn deletes tildes unless told otherwise: 5〜7月 would become 57月.
    text = neologdn.normalize(text, tilde="normalize").strip()
    return text.lower() if lowercase else text


@dataclass(frozen=True)
class Aligned:
    """A raw text, its normalized text, and `offsets[i]`: the boundary that raw boundary `i` became.

    `offsets` has `len(raw) + 1` entries and never decreases.
    """

    raw: str
    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The normalized span of the raw span `[start, end)`, without spaces at its ends.

        Where several raw characters became one (か + ゛ -> が) the whole of it belongs to the span.
        Raises ValueError if nothing of the span is left.
        """
        if not 0 <= start < end <= len(self.raw):
            raise ValueError(f"span [{start}, {end}) is not within a text of {len(self.raw)} characters")
        low, high = self.offsets[start], self.offsets[end]
        if low == high and self.raw[start:end].strip():  # a part of a composed character: take all of it
            begin = bisect_left(self.offsets, low)
            before = self.offsets[begin - 1] if begin else low
            if begin and self._composed(begin - 1, end):
                low = before
            else:
                after = bisect_right(self.offsets, high)
                if after < len(self.offsets) and self._composed(start, after):
                    high = self.offsets[after]
        while low < high and self.text[low] == " ":
            low += 1
        while low < high and self.text[high - 1] == " ":
            high -= 1
        if low == high:
            raise ValueError(f"nothing is left of {self.raw[start:end]!r} after normalization")
        return low, high

    def _composed(self, start: int, end: int) -> bool:
        """Whether the raw characters become fewer together than apart."""
        apart = sum(len(normalize(c)) for c in self.raw[start:end])
        return len(normalize(self.raw[start:end])) < apart


def align(text: str, lowercase: bool = False) -> Aligned:
    """`normalize`, with the offsets. Cost: one `normalize` and a cache look-up per changed stretch."""
    normalized = normalize(text, lowercase)
    offsets: list[int] = []
    at = 0  # in the normalized text
    done = 0  # in the raw text
    for match in _CHANGING.finditer(text):
        start, end = match.span()
        # Everything up to here maps one to one; the stretch is normalized between its neighbours.
        before = text[start - 1] if start > done or (start and start == done) else ""
        after = text[end : end + 1]
        offsets.extend(range(at, at + start - done))
        at += start - done
        inner = _stretch(_stand_in(before), match.group(), _stand_in(after), lowercase)
        offsets.extend(at + offset for offset in inner[:-1])
        at += inner[-1]
        done = end
    offsets.extend(range(at, at + len(text) - done + 1))
    if offsets[-1] != len(normalized) or not _agrees(text, normalized, offsets, lowercase):
        offsets = _slow_offsets(text, normalized, lowercase)
    return Aligned(text, normalized, tuple(offsets))


def _stand_in(neighbour: str) -> str:
    """A neighbour's representative, so that stretches can be cached."""
    if not neighbour:
        return ""
    return "あ" if _IS_JAPANESE.match(neighbour) else "a"


@lru_cache(maxsize=1 << 16)
def _stretch(before: str, stretch: str, after: str, lowercase: bool) -> tuple[int, ...]:
    """Offsets inside the normalized stretch, one for each boundary of the raw one.

    The last is the stretch's normalized length; it may be negative where a neighbour was swallowed
    (a lone voicing mark), which the check in `align` then notices.
    """
    outer = len(normalize(before + stretch + after, lowercase)) - len(after)
    sizes = [len(normalize(before + stretch[:i], lowercase)) for i in range(len(stretch))]
    # A prefix may be longer than it is in the whole, where it ends in a space or a mark still to compose.
    offsets = [min(size, outer) - len(before) for size in sizes]
    for i in range(len(offsets) - 2, -1, -1):
        offsets[i] = min(offsets[i], offsets[i + 1])
    return (*offsets, outer - len(before))


def _agrees(text: str, normalized: str, offsets: list[int], lowercase: bool) -> bool:
    """Whether the stretches between changed ones are where the offsets say, and offsets never fall."""
    if offsets[0] < 0 or any(a > b for a, b in pairwise(offsets)):
        return False
    plain = text.lower() if lowercase else text
    if len(plain) != len(text):
        return False
    done = 0
    for match in _CHANGING.finditer(text):
        if plain[done : match.start()] != normalized[offsets[done] : offsets[match.start()]]:
            return False
        done = match.end()
    return plain[done:] == normalized[offsets[done] :]


def _slow_offsets(text: str, normalized: str, lowercase: bool) -> list[int]:
    """Offsets of any text at all: the length of each normalized prefix, made non-decreasing.

    Quadratic, so only for the rare text whose characters compose across a cut.
    """
    offsets = [min(len(normalize(text[:i], lowercase)), len(normalized)) for i in range(len(text))]
    offsets.append(len(normalized))
    for i in range(len(offsets) - 2, -1, -1):
        offsets[i] = min(offsets[i], offsets[i + 1])
    return offsets


def bracketed(text: str, keep: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """Spans of `（...）` and `(...)`, outermost ones, in order; nested and mixed widths included.

    A group that overlaps the span `keep` stays, but groups nested in it that do not overlap are
    given. An unclosed bracket is text.
    """
    groups: list[tuple[int, int]] = []
    opened: list[int] = []
    for match in _PAIR.finditer(text):
        if match.group() in _OPEN:
            opened.append(match.start())
        elif opened:
            groups.append((opened.pop(), match.end()))
    if keep is not None:
        groups = [(start, end) for start, end in groups if end <= keep[0] or keep[1] <= start]
    outermost: list[tuple[int, int]] = []
    for start, end in sorted(groups):
        if not outermost or start >= outermost[-1][1]:
            outermost.append((start, end))
    return outermost


def cut(text: str, spans: list[tuple[int, int]]) -> str:
    """The text without the (ordered, disjoint) spans."""
    pieces, done = [], 0
    for start, end in spans:
        pieces.append(text[done:start])
        done = end
    return "".join([*pieces, text[done:]])


def cut_offsets(length: int, spans: list[tuple[int, int]]) -> list[int]:
    """For each boundary of a text of `length` characters, its boundary after `cut`."""
    offsets: list[int] = []
    removed = done = 0
    for start, end in spans:
        offsets.extend(range(done - removed, start - removed))
        offsets.extend([start - removed] * (end - start))
        removed += end - start
        done = end
    offsets.extend(range(done - removed, length - removed + 1))
    return offsets
