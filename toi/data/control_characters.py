"""Control characters, which are no text: they are refused with their place, or removed and counted."""

import re
from collections.abc import Callable, Sequence

from toi.system.errors import InputError

# C0 and C1 but for tabs and line breaks, and halves of surrogate pairs: none is text, and UTF-8 cannot write the latter.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def without_control(texts: Sequence[str], place: str, removed: Callable[[int], object] | None) -> Sequence[str]:
    """The texts of a record without control characters, the same object if there were none; `removed` is called with how many were.

    Without `removed` raises InputError, beginning with `place`, for the first of them.
    """
    if all(map(str.isprintable, texts)) or not any(map(_CONTROL.search, texts)):  # the first is faster, and false for line breaks
        return texts
    if removed is None:
        found = next(match for text in texts if (match := _CONTROL.search(text)))
        before = found.string[max(0, found.start() - 10) : found.start()]
        what = f"the control character U+{ord(found.group()):04X} behind {before!r}"
        raise InputError(f"{place}: {what}; remove it, or give --remove_control_characters")
    removed(sum(len(_CONTROL.findall(text)) for text in texts))
    return [_CONTROL.sub("", text) for text in texts]
