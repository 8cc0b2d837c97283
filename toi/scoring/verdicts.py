"""What is to be said of an output, beside its score."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toi.scoring.hallucination import check_hallucination, leaks
from toi.text.folding import banned_words


@dataclass(frozen=True)
class Verdict:
    """`banned_words` that it holds (none, if the search did its work), whether it gives the answer away, and words of its own.

    `answer_leaked` is None where no answer was given.
    """

    banned_words: tuple[str, ...]
    answer_leaked: bool | None
    hallucinated: tuple[str, ...]


def verdict(text: str, reference: str, bad_words: Iterable[str] = (), answers: Sequence[str] = ()) -> Verdict:
    """Judge an output by the text that it is about. All comparisons are after normalization, without regard to case."""
    return Verdict(
        tuple(sorted(banned_words(text, bad_words))),
        leaks(text, answers) if answers else None,
        tuple(sorted(check_hallucination(text, reference))),
    )
