"""An output that is shown while it is written: greedy search or sampling, a token at a time.

What was shown is never taken back, so nothing is searched again: a token that is banned where it comes is chosen anew there, among
those that are not, and all before it stays. Greedy search finds what `Decoder.decode` finds so. A sample is that of `decode` as
long as nothing in it is banned; behind a token that was, it is another one.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

import numpy

from toi.decoding.arrays import Array, Arrays
from toi.decoding.decoder import Decoder
from toi.decoding.endings import Constraint
from toi.decoding.engines import Engine
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import NO_MEMORY, NOT_FINITE, SearchPlan
from toi.decoding.scores import Endings, advanced, log_probabilities, without_banned
from toi.models.family import Past, Steps
from toi.models.pieces import Spelling
from toi.system.errors import InputError
from toi.system.memory import out_of_memory


def streams(options: DecodingOptions) -> bool:
    """Whether outputs can be shown while they are written: beams may change what they have, and CTranslate2 writes whole ones."""
    plan = SearchPlan.of(options, 1)
    return (plan.do_sample or plan.beams == 1) and options.backend != "ctranslate2" and options.compute_type != "int8"


class Stream:
    """Outputs of a decoder's model, one after another, in parts.

    What the last one had read is kept: of a source that begins as that did, only what is new is read.
    """

    def __init__(self, decoder: Decoder):
        self._decoder = decoder
        self._past: tuple[Engine, Past] | None = None
        self.ended = True  # whether the model itself ended the last output

    def write(
        self, source: Sequence[int], options: DecodingOptions, max_length: int, number: int = 0
    ) -> Generator[str, None, None]:
        """The text of an output, a part for each token, which may be empty; spaces at both ends are left out.

        The options must be such that `streams`. `number` is that of a sample: each is another one. Who stops before the end closes
        the iterator. Raises InputError where the model computes NaN or memory is short.
        """
        plan = replace(SearchPlan.of(options, max_length), first=number)
        engine = self._decoder.engines.streaming(options, plan)
        family, banned = self._decoder.checkpoint.family, [self._decoder.automata.of(options.all_bad_words())]
        past = self._past[1] if self._past and self._past[0] is engine else None
        spelling, held = Spelling(self._decoder.checkpoint.tokenizer.pieces), ""
        self._past, self.ended = None, False
        begun = False
        try:
            with engine.writing(source, past) as (steps, arrays):
                read = list(source)
                for token in tokens(steps, arrays, family.end_ids, source, plan, banned):
                    if token in family.end_ids:
                        self.ended = True
                        break
                    self._past = engine, Past(read, steps)
                    text = held + spelling.add(token)
                    text = text if begun else text.lstrip()
                    shown = text.rstrip()
                    begun, held = begun or bool(shown), text[len(shown) :]
                    yield shown
                    read = [*read, token]
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise InputError(NO_MEMORY) from error


def tokens(
    steps: Steps, arrays: Arrays, end_ids: Sequence[int], source: Sequence[int], plan: SearchPlan, constraints: Sequence[Constraint]
) -> Iterator[int]:
    """The tokens of one output, each as soon as it is chosen; an end is the last. They stop where the constraints leave nothing.

    Raises InputError where the model computes NaN.
    """
    written = numpy.zeros((1, 0), dtype=numpy.int64)
    endings: Endings = tuple(banned.start for banned in constraints)
    choose = _chooser(arrays, plan, source)
    logits = steps.start()
    for length in range(plan.max_length):
        _, ranked = log_probabilities(arrays, logits, written, plan, end_ids)
        last, token = length + 1 == plan.max_length, choose(ranked, length)
        if math.isnan(ranked[0, token].item()):
            raise InputError(NOT_FINITE)
        open_ = without_banned(arrays, ranked, [constraints], [endings], end_ids, last)
        if open_[0, token].item() == -math.inf:
            token = choose(open_, length)
            if open_[0, token].item() == -math.inf:
                return
        yield token
        if last or token in end_ids:
            return
        endings = advanced(constraints, endings, token)
        written = numpy.append(written, [[token]], axis=1)
        logits = steps.step(written[:, -1])


def _chooser(arrays: Arrays, plan: SearchPlan, source: Sequence[int]) -> Callable[[Array, int], int]:
    """What chooses a token of log-probabilities (1, vocabulary), at a place of the output."""
    if not plan.do_sample:
        return lambda log_probs, _: int(arrays.top(log_probs, 1)[1][0, 0])
    import torch

    from toi.decoding.sampling import draw, random_numbers

    random = torch.tensor(random_numbers(plan, plan.first, source))
    return lambda log_probs, length: int(draw(log_probs, random[length : length + 1].to(log_probs.device), plan))
