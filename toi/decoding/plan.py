"""How to search for outputs, and what a search finds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from toi.decoding.endings import Constraint
from toi.decoding.options import DecodingOptions, NBestOptions

NO_MEMORY = "one source alone needs more memory than there is; lower --max_input_length, --num_beams or --num_return_sequences"
NOT_FINITE = "the model computes NaN; its weights are damaged"
Constraints = Sequence[Sequence[Constraint]]  # of each source


@dataclass(frozen=True)
class Candidate:
    """An output in tokens, the end-of-sequence id included if it was written.

    `log_prob` is what the model gives it, given that it is not empty: the sum over its tokens, in nats.
    `rank` is what the search orders by: the log-probability with the penalties asked for, over length ** length_penalty.
    """

    ids: tuple[int, ...]
    log_prob: float
    rank: float


@dataclass(frozen=True)
class SearchPlan:
    """How to search. `groups` divide the beams; with `do_sample`, `samples` outputs are drawn instead, from number `first` on."""

    beams: int = 4
    groups: int = 1
    diversity_penalty: float = 0.0
    length_penalty: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    max_length: int = 64
    num_hypotheses: int = 1
    do_sample: bool = False
    samples: int = 1
    first: int = 0
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int = 42

    @classmethod
    def of(cls, options: DecodingOptions, max_length: int) -> "SearchPlan":
        """How to search for what the options ask. A beam search has a beam for each output that is wanted, at least."""
        wanted = options.num_return_sequences if isinstance(options, NBestOptions) else 1
        groups = options.num_beam_groups
        if options.diversity_penalty and groups == 1:
            groups = wanted
        fewest = options.num_beams if options.do_sample else max(options.num_beams, wanted)
        beams = math.ceil(fewest / groups) * groups
        return cls(
            beams=beams, groups=groups, diversity_penalty=options.diversity_penalty, length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty, no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=max_length, num_hypotheses=1 if wanted == 1 else beams, do_sample=options.do_sample, samples=wanted,
            temperature=options.temperature, top_k=options.top_k, top_p=options.top_p, seed=options.seed,
        )  # fmt: skip

    def wider(self) -> "SearchPlan":
        """The same with twice as many beams in every group, or with as many further samples."""
        if self.do_sample:
            return replace(self, first=self.first + self.samples)
        return replace(self, beams=self.beams * 2, num_hypotheses=self.num_hypotheses * 2)
