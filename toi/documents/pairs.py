"""A question and its answer, where they stand in a document, and what the checks found out about them."""

from dataclasses import dataclass
from typing import Any

from toi.documents.candidates import Candidate
from toi.documents.passages import Passage


@dataclass(frozen=True)
class Pair:
    """A question about a candidate of a passage. What a check did not look at is None.

    `log_prob` is the log-probability of the question in nats, `score` that by which outputs of a search are ranked.
    """

    id: str
    passage: Passage
    candidate: Candidate
    question: str
    score: float
    log_prob: float
    read: str | None = None  # what the reader answered
    round_trip_f1: float | None = None  # of that with our answer, by characters, 0 to 1
    made_up: tuple[str, ...] = ()  # words that the passage does not have
    leaked: bool = False  # whether the question holds its answer
    vague: str = ""  # why it only makes sense beside its passage
    same_as: str = ""  # the id of a better pair that asks the same
    dropped: tuple[str, ...] = ()  # the checks that it did not pass
    rank: int | None = None  # among all that are kept, the best first, from 1 on

    @property
    def answer(self) -> str:
        """The answer as it stands in the document."""
        return self.candidate.text

    @property
    def start(self) -> int:
        """The character of the document's extracted text at which the answer begins."""
        return self.passage.start + self.candidate.start

    def to_json(self) -> dict[str, Any]:
        """All columns, flat; `answer_start` counts in the context, `start` in the extracted text of the document."""
        passage, candidate = self.passage, self.candidate
        return {
            "id": self.id, "rank": self.rank, "question": self.question, "answer": self.answer, "answer_start": candidate.start,
            "context": passage.context, "title": passage.title, "document": passage.document, "page": passage.page,
            "paragraph": passage.paragraph, "passage": passage.number, "start": self.start, "end": self.start + len(self.answer),
            "kind": candidate.kind, "why": candidate.why, "weight": round(candidate.weight, 4), "score": round(self.score, 6),
            "log_prob": round(self.log_prob, 6), "read": self.read,
            "round_trip_f1": None if self.round_trip_f1 is None else round(self.round_trip_f1, 6), "made_up": list(self.made_up),
            "leaked": self.leaked, "vague": self.vague, "same_as": self.same_as, "dropped": list(self.dropped),
        }  # fmt: skip


def by_quality(pair: Pair) -> tuple[float, float, str]:
    """What pairs are ranked by: how well the reader found the answer, then how likely the question is; ties by id."""
    return (-(pair.round_trip_f1 or 0.0), -pair.score, pair.id)
