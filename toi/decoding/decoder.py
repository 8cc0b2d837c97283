"""Sources -> outputs: which engine searches, what is searched again, and what is shown.

A constraint changes only the outputs that break it: every source is searched without constraints first, and only where a banned
word came out it is searched again, under the automaton of `banned.py`. So the outputs that were clean stay what they were,
both engines agree, and constraints cost little.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from toi.decoding import ctranslate
from toi.decoding.banned import BannedText
from toi.decoding.endings import Constraint
from toi.decoding.engines import Engine, Engines
from toi.decoding.held import HeldText
from toi.decoding.jobs import Job, Output, Stage, job_batches
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import NO_MEMORY, NOT_FINITE, Candidate, SearchPlan
from toi.decoding.vocabulary import Vocabulary
from toi.models.family import Limits
from toi.models.ready import Model
from toi.system.errors import InputError
from toi.system.memory import out_of_memory
from toi.text.folding import fold
from toi.text.holders import BannedAnswer, possible, split_banned

if TYPE_CHECKING:
    import torch

_REMEMBERED = 256  # automata


class Decoder:
    """A model that writes, and what was made ready for it: its translator, its vocabulary, the automata of banned words.

    A model that is loaded is moved to the accelerator of this machine, if it has one, but with a `device` it stays there. Its
    weights must not change from then on.
    """

    def __init__(self, checkpoint: Model, device: "torch.device | None" = None):
        self.checkpoint = checkpoint
        self.engines = Engines(checkpoint, device)
        self.engine = ""  # of the last run, in words
        self._again: Counter[tuple[Stage, str]] = Counter()  # how many sources of the last run were searched again, and by what
        self.cut = 0  # how many sources of the last run were longer than the limit

    @property
    def report(self) -> str:
        """What searched in the last run."""
        why = {Stage.WELL_FORMED: "broken characters", Stage.WITHOUT_WORDS: "banned words"}
        again = [f"{n:,} searched again by {engine}, for {why[stage]}" for (stage, engine), n in sorted(self._again.items())]
        return "; ".join(part for part in (self.engine, *again) if part)

    @property
    def again(self) -> Counter[Stage]:
        """How many sources of the last run were searched again, behind each stage."""
        return sum((Counter({stage: n}) for (stage, _), n in self._again.items()), Counter())

    @property
    def constrained(self) -> int:
        """How many sources of the last run were searched again."""
        return sum(self.again.values())

    @property
    def fingerprint(self) -> str:
        """What the model is: its configuration and weights."""
        return self.engines.fingerprint

    @cached_property
    def automata(self) -> "Automata":
        """What is banned of its outputs."""
        family, pieces = self.checkpoint.family, self.checkpoint.tokenizer.pieces
        if any(i < len(pieces) and pieces[i] for i in family.end_ids):  # what ends an output is no part of its text
            pieces = ["" if i in family.end_ids else piece for i, piece in enumerate(pieces)]
        return Automata(Vocabulary(pieces))

    def decode(
        self,
        sources: Sequence[str],
        options: DecodingOptions,
        batch_size: int = 32,
        banned: Sequence[Iterable[str | BannedAnswer]] | None = None,
    ) -> Iterator[tuple[int, Output]]:
        """The output of each source with its index, in batches of like length: not in order.

        `banned` has words for each source, beside the `bad_words` of all of them; strings are banned as such, answers as words.
        Raises InputError if the engine asked for cannot do it, or one source alone needs more memory than there is.
        """
        words, limits = options.all_bad_words(), limits_of(self.checkpoint, options)
        plan = SearchPlan.of(options, limits.target)
        translator, self.engine = self.engines.choose(options, plan, len(sources))
        encoded = self.checkpoint.family.encode(sources, None, limits)
        self._again, self.cut = Counter(), sum(row.source_cut > 0 for row in encoded)
        own = [split_banned(banned[i]) if banned else ((), ()) for i in range(len(encoded))]
        left = [Job(i, row.source, own[i][0], plan, plan, own[i][1]) for i, row in enumerate(encoded)]
        while left:
            for batch, candidates in self._search(left, words, translator, batch_size, options.max_batch_tokens):
                for job, of_job in zip(batch, candidates, strict=True):
                    if any(math.isnan(candidate.log_prob) for candidate in of_job):
                        raise InputError(f"{self.checkpoint.name}: {NOT_FINITE}")
                    texts = self.checkpoint.tokenizer.decode_batch([self._shown(candidate) for candidate in of_job])
                    job.take(of_job, texts, [*words, *job.words])
                    if job.done:
                        self._again.update([(job.stage, job.engine)] if job.constrained else ())
                        yield job.index, job.output
            left = [job for job in left if not job.done]

    def _shown(self, candidate: Candidate) -> tuple[int, ...]:
        """The ids of an output without that which ends it: some ends are shown elsewhere."""
        ids = candidate.ids
        return ids[:-1] if ids[-1] in self.checkpoint.family.end_ids else ids

    def _search(
        self, jobs: Sequence[Job], words: Sequence[str], translator: ctranslate.Translator | None, batch_size: int, max_tokens: int
    ) -> Iterator[tuple[list[Job], list[list[Candidate]]]]:
        """The candidates of jobs, a batch at a time; those that CTranslate2 can search first."""
        easy = [job for job in jobs if translator is not None and not job.constrained and ctranslate.expressible(job.plan)]
        if translator is not None and easy:
            yield from translator.search_batches(job_batches(easy, translator.fair_size(len(easy), batch_size), max_tokens))
        by_translator = set(map(id, easy))
        hard = [job for job in jobs if id(job) not in by_translator]
        for batch in job_batches(hard, batch_size, max_tokens, alike=self.checkpoint.family.reads_beginnings_once):
            yield batch, self._search_hard(batch, words, self.engines.of(len(hard), batch[0].plan))

    def _constraints(self, words: Sequence[str], job: Job) -> list[Constraint]:
        """What is banned for all sources and for one; bytes that make no character always are."""
        if not job.constrained:
            return []
        if job.stage < Stage.WITHOUT_WORDS:
            return [self.automata.of(())]
        exact = [some for some in (words, job.words) if some] or [()]
        return [*map(self.automata.of, exact), *map(self.automata.held, possible(job.answers, [*words, *job.words]))]

    def _search_hard(self, batch: list[Job], words: Sequence[str], engine: Engine) -> list[list[Candidate]]:
        """As a whole, or in halves where memory is short."""
        for job in batch:
            job.engine = engine.name
        try:
            constraints = [self._constraints(words, job) for job in batch]
            return engine.search([job.ids for job in batch], batch[0].plan, constraints)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise InputError(NO_MEMORY) from error
        # Outside of the except block, which would keep what the failed search holds.
        engine.free()
        half = len(batch) // 2
        return self._search_hard(batch[:half], words, engine) + self._search_hard(batch[half:], words, engine)


class Automata:
    """The automata of banned words of one vocabulary; the last ones are remembered."""

    def __init__(self, vocabulary: Vocabulary):
        self._vocabulary = vocabulary
        self._known: dict[Hashable, Constraint] = {}

    def of(self, words: Iterable[str]) -> Constraint:
        """That of words that are banned as strings."""
        key = tuple(sorted({fold(word) for word in words} - {""}))
        return self._remembered(key, lambda: BannedText(self._vocabulary, key))

    def held(self, answer: BannedAnswer) -> Constraint:
        """That of an answer, banned as a word."""
        if not answer.word or not (answer.holders or answer.is_number):
            return self.of([answer.text])
        return self._remembered((answer.word, answer), lambda: HeldText(self._vocabulary, answer))

    def _remembered(self, key: Hashable, make: Callable[[], Constraint]) -> Constraint:
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = make()
        return self._known[key]


def limits_of(checkpoint: Model, options: DecodingOptions) -> Limits:
    """The most tokens of a source and of an output: those of the options, else those of the model's training."""
    source = options.max_input_length or checkpoint.max_input_length
    return checkpoint.family.within(Limits(source, options.max_target_length or checkpoint.max_target_length))
