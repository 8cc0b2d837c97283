"""A source on its way to an output: what was found for it, and whether it has to be searched again."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from toi.decoding.plan import Candidate, SearchPlan
from toi.models.alike import common, side_by_side
from toi.models.batches import sorted_batches
from toi.text.folding import clean
from toi.text.holders import BannedAnswer
from toi.text.normalization import normalize

_MORE = 3  # how often a source is searched more widely, for further outputs that differ


@dataclass(frozen=True)
class Text:
    """One output of the model. `log_prob` is its log-probability in nats, given that it is not empty.

    `score` is that divided by its length in tokens to the power of the length penalty, by which outputs are ranked.
    """

    text: str
    score: float
    log_prob: float


@dataclass(frozen=True)
class Output:
    """What the model wrote for one source: `text` and `score` are those of the first of `texts`, the best.

    `text` is None, and the score minus infinity, where nothing was found that holds no banned word.
    """

    text: str | None
    score: float
    texts: tuple[Text, ...] = ()  # different after normalization; as many as were asked for, if the model has them
    constrained: bool = False  # searched again, because a banned word had come out


class Stage(IntEnum):
    """What the outputs of a search must not hold. Each stage is entered only where the one before brought such an output."""

    FREE = 0
    WELL_FORMED = 1  # no bytes that make no character
    WITHOUT_WORDS = 2  # no banned words either


@dataclass
class Job:
    """A source in tokens, how to search for it next, and what is there so far."""

    index: int
    ids: list[int]
    words: tuple[str, ...]  # banned for this source alone
    first_plan: SearchPlan
    plan: SearchPlan
    answers: tuple[BannedAnswer, ...] = ()  # banned as words, not as strings
    stage: Stage = Stage.FREE
    done: bool = False
    texts: dict[str, Text] = field(default_factory=dict)  # by what they are after normalization
    rounds: int = 0
    engine: str = ""  # of the last search, if it was not CTranslate2

    def take(self, candidates: Sequence[Candidate], texts: Sequence[str], banned: Sequence[str]) -> None:
        """Note what a search found. Then the job is done, or wants another search: wider, or of the next stage."""
        wanted = self.plan.samples
        for text, candidate, is_clean in zip(texts, candidates, self._clean(texts, self.stage, banned), strict=True):
            key = normalize(text)
            # The best output may be an empty one, unless words are banned: then it would say that there is none.
            may_be_empty = wanted == 1 and self.stage < Stage.WITHOUT_WORDS
            shown = (key or may_be_empty) and (is_clean or self.stage == Stage.FREE)
            if shown and key not in self.texts and len(self.texts) < wanted:
                score = candidate.log_prob / len(candidate.ids) ** self.plan.length_penalty
                self.texts[key] = Text(text, score, candidate.log_prob)
        if len(self.texts) < wanted and wanted > 1 and self.rounds < _MORE:
            self.rounds += 1
            self.plan = self.plan.wider()
            return
        for stage in [stage for stage in Stage if stage > self.stage]:
            are_clean = self._clean([text.text for text in self.texts.values()], stage, banned)
            if not all(are_clean):
                # Begin anew, with what was clean.
                self.texts = {key: text for (key, text), is_clean in zip(self.texts.items(), are_clean, strict=True) if is_clean}
                self.stage, self.plan, self.rounds = stage, self.first_plan, 0
                return
        self.done = True

    def _clean(self, texts: Sequence[str], stage: Stage, banned: Sequence[str]) -> list[bool]:
        """Whether each text holds nothing that a stage forbids: the last check, on the text that is shown."""
        if stage < Stage.WITHOUT_WORDS:
            return clean(texts, ())
        leaks = [any(answer.is_leaked(text) for answer in self.answers) for text in texts]
        return [is_clean and not leak for is_clean, leak in zip(clean(texts, banned), leaks, strict=True)]

    @property
    def constrained(self) -> bool:
        """Whether the search is one under constraints, which CTranslate2 does not do."""
        return self.stage > Stage.FREE

    @property
    def output(self) -> Output:
        """The output of a job that is done."""
        best = sorted(self.texts.values(), key=lambda text: -text.score)
        if not best:
            return Output(None, -math.inf, (), self.constrained)
        return Output(best[0].text, best[0].score, tuple(best), self.constrained)


def usual_batch_size(num_beams: int) -> int:
    """How many sources are searched together where nobody says: more without beams, since every step reads all weights."""
    return 32 if num_beams > 1 else 64


def job_batches(jobs: Sequence[Job], batch_size: int, max_batch_tokens: int, *, alike: bool = False) -> Iterator[list[Job]]:
    """Jobs of one plan, of like length, the longest first: at most `batch_size`, and `max_batch_tokens` with the padding.

    With `alike`, jobs whose sources begin alike go together, as long as the longest of them, and what a source begins with as the
    one before it does counts once.
    """
    plans = {job.plan: None for job in jobs}
    for plan in plans:
        of_plan = sorted((job for job in jobs if job.plan == plan), key=lambda job: job.index)
        if alike:
            yield from _alike_batches(of_plan, batch_size, max_batch_tokens)
            continue
        for indices in sorted_batches([len(job.ids) for job in of_plan], batch_size, max_batch_tokens):
            yield [of_plan[i] for i in indices]


def _alike_batches(jobs: Sequence[Job], batch_size: int, max_batch_tokens: int) -> Iterator[list[Job]]:
    order, lengths = side_by_side([job.ids for job in jobs])
    batch: list[Job] = []
    tokens = 0
    for i in sorted(range(len(order)), key=lambda i: -lengths[i]):
        job = jobs[order[i]]
        more = len(job.ids) - (common(batch[-1].ids, job.ids) if batch else 0)
        if batch and (len(batch) == batch_size or tokens + more > max_batch_tokens):
            yield batch
            batch, tokens, more = [], 0, len(job.ids)
        batch.append(job)
        tokens += more
    if batch:
        yield batch
