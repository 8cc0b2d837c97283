"""What is to be said of an output, beside its score."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toi.scoring.hallucination import check_hallucination
from toi.text.folding import banned_words
from toi.text.holders import BannedAnswer, split_banned


@dataclass(frozen=True)
class Verdict:
    """`banned_words` that it holds (none, if the search did its work), whether it gives the answer away, and words of its own.

    `answer_leaked` is None where no answer was given.
    """

    banned_words: tuple[str, ...]
    answer_leaked: bool | None
    hallucinated: tuple[str, ...]


def verdict(
    text: str, reference: str, bad_words: Iterable[str | BannedAnswer] = (), answers: Sequence[BannedAnswer] = ()
) -> Verdict:
    """Judge an output by the text that it is about. All comparisons are after normalization, without regard to case."""
    words, banned_answers = split_banned(bad_words)
    held = banned_words(text, words) | {answer.text for answer in banned_answers if answer.is_leaked(text)}
    return Verdict(
        tuple(sorted(held)),
        any(answer.is_leaked(text) for answer in answers) if answers else None,
        tuple(sorted(check_hallucination(text, reference))),
    )
