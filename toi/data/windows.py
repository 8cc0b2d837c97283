"""Long contexts -> the whole sentences around the answer."""

from dataclasses import replace

from toi.data.examples import Answer, Example
from toi.text.normalization import align, align_lines
from toi.text.occurrences import sentences


def window(example: Example, max_length: int, line_breaks: bool = False) -> Example:
    """The Example with a context of at most `max_length` characters (of the normalized text) around its first answer.

    Whole sentences are taken, nearest first, on both sides in turn. Only where the sentences of the answer alone are
    longer are they cut, again around the answer; the answer itself is never cut. Answers outside the window are
    dropped. An Example without an offset stays as it is: nobody knows where to look. `line_breaks` says that normalization keeps
    them: then they count.
    """
    context = example.context
    if not example.answers or example.answers[0].start is None:
        return example
    aligned = align_lines(context) if line_breaks else align(context)
    if len(aligned.text) <= max_length:
        return example
    start = example.answers[0].start
    end = start + len(example.answers[0].text)
    low, high = _around(context, aligned.offsets, start, end, max_length)
    answers = [
        Answer(answer.text, answer.start - low)
        for answer in example.answers
        if answer.start is not None and low <= answer.start and answer.start + len(answer.text) <= high
    ]
    return replace(example, context=context[low:high], answers=tuple(answers))


def _around(context: str, offsets: tuple[int, ...], start: int, end: int, max_length: int) -> tuple[int, int]:
    """The raw span of whole sentences around the span `[start, end)`, at most `max_length` normalized characters long."""
    spans = sentences(context)
    first = next(i for i, (_, stop) in enumerate(spans) if start < stop)
    last = next((i for i in range(first, len(spans)) if end <= spans[i][1]), len(spans) - 1)

    def length(i: int, j: int) -> int:
        return offsets[spans[j][1]] - offsets[spans[i][0]]

    if length(first, last) > max_length:
        return _cut(offsets, spans[first][0], spans[last][1], start, end, max_length)
    grown = True
    while grown:
        grown = False
        if first > 0 and length(first - 1, last) <= max_length:
            first, grown = first - 1, True
        if last + 1 < len(spans) and length(first, last + 1) <= max_length:
            last, grown = last + 1, True
    return spans[first][0], spans[last][1]


def _cut(offsets: tuple[int, ...], low: int, high: int, start: int, end: int, max_length: int) -> tuple[int, int]:
    """A span within `[low, high)` with the answer in its middle, at most `max_length` normalized characters or the answer."""
    while offsets[high] - offsets[low] > max_length and (low < start or high > end):
        if high - end >= start - low:
            high -= 1
        else:
            low += 1
    return low, high
