"""Search with CTranslate2: a model is converted once (toi/decoding/conversion.py), and searched by several threads.

Token ids are given as they are (the tokens of the converted model are called "0", "1", ...), so that only our tokenizer turns
text into ids.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from toi.decoding.conversion import converted
from toi.decoding.jobs import Job
from toi.decoding.plan import NO_MEMORY, Candidate, SearchPlan
from toi.models.ready import Model, ReadyModel, remember
from toi.system.errors import InputError
from toi.system.memory import out_of_memory

_FEWEST = 12  # smaller batches are slower than what is waited for
_Searched = tuple[list[Job], list[list[Candidate]]]


def obstacle(checkpoint: Model) -> str | None:
    """Why CTranslate2 cannot run this model here; None if it can."""
    try:
        import ctranslate2  # noqa: F401
    except ImportError as error:
        return f"ctranslate2 is not installed ({error}); pip install ctranslate2"
    if isinstance(checkpoint, ReadyModel):
        return None
    from toi.models.pretrained import is_quantized

    if is_quantized(checkpoint.model):
        return "its weights are held in few bits"
    return checkpoint.family.obstacle(checkpoint.model)


def expressible(plan: SearchPlan) -> bool:
    """Whether CTranslate2 finds exactly what our own search finds (tests/decoding/test_ctranslate.py).

    With a length penalty, or for several outputs, it stops as soon as so many candidates are finished: a model that is
    sure of a long output finishes short and bad ones first, and its best is not among them.
    """
    plain = plan.repetition_penalty == 1 and not plan.no_repeat_ngram_size and plan.length_penalty == 0
    return plain and not plan.do_sample and plan.groups == 1 and plan.num_hypotheses == 1


class Translator:
    """A converted model, ready to search."""

    def __init__(self, checkpoint: Model, fingerprint: str, compute_type: str, threads: int):
        """`threads` batches are searched at the same time, each by one thread: faster than many threads for one batch."""
        import ctranslate2

        ctranslate2.set_log_level(40)  # errors only
        self._threads = threads
        options = {
            "device": "cpu", "compute_type": compute_type, "inter_threads": threads, "intra_threads": 1, "max_queued_batches": -1,
        }  # fmt: skip
        try:
            folder = converted(checkpoint, fingerprint)
            self._translator = ctranslate2.Translator(str(folder), **options)
        except (RuntimeError, IndexError, ValueError) as error:
            if out_of_memory(error):
                raise
            # Damaged in a way that its sizes do not show.
            folder = converted(checkpoint, fingerprint, anew=True)
            self._translator = ctranslate2.Translator(str(folder), **options)
        if not isinstance(checkpoint, ReadyModel):
            remember(checkpoint, folder, fingerprint)  # only now it is known to be whole

    def fair_size(self, rows: int, batch_size: int) -> int:
        """How many rows to put in a batch: at most `batch_size`, and few enough that no thread waits long for another."""
        return min(batch_size, max(_FEWEST, math.ceil(rows / (4 * self._threads))))

    def search_batches(self, batches: Iterable[list[Job]]) -> Iterator[_Searched]:
        """The candidates of batches of jobs of one plan each; several batches are under way at a time."""
        running: deque[tuple[list[Job], list[Any]]] = deque()
        for batch in batches:
            running.append((batch, self._start(batch)))
            if len(running) > 2 * self._threads:
                yield from self._end(*running.popleft())
        while running:
            yield from self._end(*running.popleft())

    def _start(self, batch: Sequence[Job]) -> list[Any]:
        plan = batch[0].plan
        return self._translator.translate_batch(
            [[str(i) for i in job.ids] for job in batch],
            asynchronous=True, beam_size=plan.beams, num_hypotheses=plan.num_hypotheses, length_penalty=plan.length_penalty,
            max_decoding_length=plan.max_length, min_decoding_length=1, max_input_length=0, return_scores=True,
            return_end_token=True,
        )  # fmt: skip

    def _end(self, batch: list[Job], running: list[Any]) -> Iterator[_Searched]:
        """The candidates of a batch, or of its halves where memory is short."""
        try:
            results = [future.result() for future in running]
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise InputError(NO_MEMORY) from error
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                yield from self._end(part, self._start(part))
            return
        yield batch, [[_candidate(*pair, batch[0].plan) for pair in zip(r.hypotheses, r.scores, strict=True)] for r in results]


def _candidate(tokens: Sequence[str], score: float, plan: SearchPlan) -> Candidate:
    ids = tuple(map(int, tokens))
    return Candidate(ids, score * len(ids) ** plan.length_penalty, score)
