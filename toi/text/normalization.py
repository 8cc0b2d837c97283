"""Normalization of Japanese text, and where each character went.

`normalize` is what a model sees of a text; `align` also says where every character of the raw text
went, so that an annotated span can be carried over. Pure functions, no state.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import neologdn

from toi.text.edits import Edit, bracketed, outermost, substitute, substituted_offsets

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
JAPANESE = "ぁ-ゖァ-ヺ一-龥、。々「」『』"
LATIN = "0-9A-Za-z"
_CHANGING = re.compile(f"[^{JAPANESE}{LATIN}]+")
_IS_JAPANESE = re.compile(f"[{JAPANESE}]")

SEPARATOR = r"\[(?:SEP|sep)\]"  # what JSQuAD has between title and body
_SEPARATOR = re.compile(rf"\s*{SEPARATOR}\s*")
_SEPARATOR_IN_LINE = re.compile(rf"[^\S\r\n]*{SEPARATOR}[^\S\r\n]*")
_LINE_BREAK = re.compile("\r\n|\r|\n")
METHODS = ("full", "nfkc", "none")


@dataclass(frozen=True)
class Normalization:
    """What is done to a text. Saved in `task.json`.

    `method` full is NFKC and neologdn; nfkc is that alone, none nothing but that CRLF and CR become LF. These two leave tabs,
    spaces and `[SEP]` as they are, and are for tasks with line breaks.
    """

    lowercase: bool = False
    remove_brackets: bool = False
    separator: str = "<|n|>"  # stands for the [SEP] that JSQuAD has between title and body
    line_breaks: bool = False  # kept: each line is normalized by itself
    method: str = "full"  # one of METHODS

    def __call__(self, text: str) -> str:
        """The normalized text."""
        if self.method == "none" and not (self.remove_brackets or self.lowercase or "\r" in text):
            return text
        if self.method != "full":
            return self._lightly(text)
        text = substitute(text, self._edits(text, None))
        return normalize_lines(text, self.lowercase) if self.line_breaks else normalize(text, self.lowercase)

    def aligned(self, text: str, keep: tuple[int, int] | None = None) -> "Aligned":
        """Normalize `text` and remember where its characters went.

        `keep` is a raw span (the answer) that `remove_brackets` must leave alone.
        """
        edits = self._edits(text, keep)
        carry = align_lines if self.line_breaks else align
        if not edits:
            return carry(text, self.lowercase)
        inner = carry(substitute(text, edits), self.lowercase)
        return Aligned(text, inner.text, tuple(inner.offsets[at] for at in substituted_offsets(len(text), edits)))

    def _lightly(self, text: str) -> str:
        if self.remove_brackets:
            text = substitute(text, outermost([Edit(*span) for span in bracketed(text, None)]))
        text = _LINE_BREAK.sub("\n", text) if "\r" in text else text
        text = text if self.method == "none" else unicodedata.normalize("NFKC", text)
        return text.lower() if self.lowercase else text

    def _edits(self, text: str, keep: tuple[int, int] | None) -> list[Edit]:
        edits = []
        if "[SEP]" in text or "[sep]" in text:
            pattern = _SEPARATOR_IN_LINE if self.line_breaks else _SEPARATOR
            edits += [Edit(*match.span(), self.separator) for match in pattern.finditer(text)]
        if self.remove_brackets:
            edits += [Edit(start, end) for start, end in bracketed(text, keep)]
            edits = outermost(edits)
        return edits


def is_text(text: str) -> bool:
    """Whether a string can be written as UTF-8: half of a surrogate pair cannot, which JSON or a command line may bring."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """A line without control characters, which would act on a terminal, but for tabs."""
    return "\t".join([part.translate(_CONTROLS) for part in text.split("\t")])


def printable_lines(text: str) -> str:
    """A text whose lines are each `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def normalize(text: str, lowercase: bool = False) -> str:
    """Newlines to spaces, NFKC, neologdn with tildes kept; idempotent, without control characters.

    >>> normalize("５〜７月は ﾋﾟｱﾉ　を\\n弾く")
    '5~7月はピアノを弾く'

    No tab or line break is left. The result is empty only where the text has nothing visible.
    """
    pieces = _pieces(text, lowercase)
    if pieces is None:
        return _normalize_whole(text, lowercase)
    return "".join([piece for piece, _ in pieces])


def normalize_lines(text: str, lowercase: bool = False) -> str:
    """Every line normalized by itself; CRLF and CR become LF, and empty lines at both ends are dropped.

    >>> normalize_lines("\\n題　名\\r\\n\\r\\n  ﾋﾟｱﾉ\\tを \\n")
    '題名\\n\\nピアノを'

    Empty lines in between stay, and so does the order of lines; the indentation of a line and the spaces at its end do not, nor
    tabs. What else ends a line for Unicode (U+2028, U+0085, form feeds) is a space, as in `normalize`.
    """
    return "\n".join([normalize(line, lowercase) for line in _LINE_BREAK.split(text)]).strip("\n")


def _normalize_whole(text: str, lowercase: bool) -> str:
    """`normalize` without the cache of stretches: what it is defined by."""
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


_Pieces = list[tuple[str, "Sequence[int] | None"]]


def _pieces(text: str, lowercase: bool) -> _Pieces | None:
    """The normalized text in pieces: characters that stay, and the stretches between them that may change.

    A piece that changed comes with the offset, within it, of each boundary of its raw stretch. Most text stays as it is,
    and the stretches ("（", "、2", "ー") are few and return, so they are normalized once and remembered. None where a
    stretch acts on its neighbours (a voicing mark): then only the whole can be normalized.
    """
    pieces: _Pieces = []
    done = 0
    for match in _CHANGING.finditer(text):
        start, end = match.span()
        if start > done:
            pieces.append((text[done:start].lower() if lowercase else text[done:start], None))
        before = _stand_in(text[start - 1]) if start else ""
        after = _stand_in(text[end]) if end < len(text) else ""
        stretch = _stretch(before, match.group(), after, lowercase)
        if stretch is None:
            return None
        pieces.append(stretch)
        done = end
    if done < len(text):
        pieces.append((text[done:].lower() if lowercase else text[done:], None))
    return pieces


def _stand_in(neighbour: str) -> str:
    """A neighbour's representative, so that stretches can be remembered."""
    return "あ" if _IS_JAPANESE.match(neighbour) else "a"


@lru_cache(maxsize=1 << 16)
def _stretch(before: str, stretch: str, after: str, lowercase: bool) -> tuple[str, tuple[int, ...]] | None:
    """A stretch normalized between its neighbours, and the offset in it of each raw boundary; None if it acts on them."""
    if len(stretch) > 64 or "Σ" in stretch:  # its lower case depends on the whole word
        return None
    # A mark that composes with what stands before it (a combining accent, a half-width voicing mark).
    if unicodedata.combining(unicodedata.normalize("NFKD", stretch)[0]):
        return None
    whole = _normalize_whole(before + stretch + after, lowercase)
    if len(whole) < len(before) + len(after) or not (whole.startswith(before) and whole.endswith(after)):
        return None
    inner = whole[len(before) : len(whole) - len(after)]
    # A prefix may be longer than it is in the whole, where it ends in a space or a mark still to compose.
    sizes = [len(_normalize_whole(before + stretch[:i], lowercase)) - len(before) for i in range(len(stretch))]
    offsets = [*(min(max(size, 0), len(inner)) for size in sizes), len(inner)]
    return inner, tuple(_never_falling(offsets))


def _never_falling(offsets: list[int]) -> list[int]:
    """The offsets, lowered where a later one is lower."""
    for i in range(len(offsets) - 2, -1, -1):
        offsets[i] = min(offsets[i], offsets[i + 1])
    return offsets


@dataclass(frozen=True)
class Aligned:
    """A raw text, its normalized text, and `offsets[i]`: the boundary that raw boundary `i` became.

    `offsets` has `len(raw) + 1` entries and never decreases.
    """

    raw: str
    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The normalized span of the raw span `[start, end)`, without spaces and line breaks at its ends.

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
        while low < high and self.text[low] in " \n":
            low += 1
        while low < high and self.text[high - 1] in " \n":
            high -= 1
        if low == high:
            raise ValueError(f"nothing is left of {self.raw[start:end]!r} after normalization")
        return low, high

    def _composed(self, start: int, end: int) -> bool:
        """Whether the raw characters become fewer together than apart."""
        apart = sum(len(normalize(c)) for c in self.raw[start:end])
        return len(normalize(self.raw[start:end])) < apart


def align(text: str, lowercase: bool = False) -> Aligned:
    """`normalize`, with the offsets."""
    pieces = _pieces(text, lowercase)
    if pieces is None:
        return _align_whole(text, lowercase)
    offsets: list[int] = []
    at = 0
    for piece, inner in pieces:
        if inner is None:
            offsets.extend(range(at, at + len(piece)))
        else:
            offsets.extend([at + offset for offset in inner[:-1]])
        at += len(piece)
    offsets.append(at)
    return Aligned(text, "".join([piece for piece, _ in pieces]), tuple(offsets))


def align_lines(text: str, lowercase: bool = False) -> Aligned:
    """`normalize_lines`, with the offsets."""
    lines: list[str] = []
    offsets: list[int] = []
    at = done = 0
    for match in (*_LINE_BREAK.finditer(text), None):
        start, end = match.span() if match else (len(text), len(text))
        line = align(text[done:start], lowercase)
        lines.append(line.text)
        offsets.extend([at + offset for offset in line.offsets[:-1]])
        at += len(line.text)
        offsets.extend([at] * (end - start))  # CR and LF together become one LF
        at, done = at + 1, end
    offsets.append(at - 1)
    whole = "\n".join(lines)
    kept = whole.strip("\n")
    dropped = len(whole) - len(whole.lstrip("\n"))
    return Aligned(text, kept, tuple([min(max(offset - dropped, 0), len(kept)) for offset in offsets]))


def _align_whole(text: str, lowercase: bool) -> Aligned:
    """`align` of any text at all: an offset is the length of the normalized prefix. Quadratic, and rarely needed."""
    whole = _normalize_whole(text, lowercase)
    sizes = [min(len(_normalize_whole(text[:i], lowercase)), len(whole)) for i in range(len(text))]
    return Aligned(text, whole, tuple(_never_falling([*sizes, len(whole)])))
