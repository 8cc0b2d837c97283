"""Which rows make which step of the optimizer."""

import math
from functools import cached_property

from toi.models.batches import Lengths, shuffled_batches
from toi.models.contexts import Contexts, fill, rows_of, shared_out
from toi.training.options import PAIR_LOSSES, LearningOptions


class TrainingPlan:
    """The steps of a run: the same ones for any number of processes, and however they are cut into batches."""

    def __init__(self, options: LearningOptions, widths: Lengths, processes: int, contexts: Contexts | None = None):
        """`widths`: how many tokens each training row costs in a batch, (rows,); rows of one context stay in one step."""
        self._options, self._widths, self._processes, self._contexts = options, widths, processes, contexts

    @property
    def batch_size(self) -> int:
        """Rows of a batch, over all processes."""
        return self._options.per_device_train_batch_size * self._processes

    @property
    def max_tokens(self) -> int | None:
        """Tokens of a batch, over all processes, where batches are measured so."""
        budget = self._options.max_tokens_per_batch
        return None if budget is None else budget * self._processes

    @cached_property
    def total_steps(self) -> int:
        """The steps of the whole run."""
        options = self._options
        if options.max_steps:
            return options.max_steps
        if self.max_tokens is None:
            steps = math.ceil(len(self._widths) / (self.batch_size * options.gradient_accumulation_steps))
            return options.num_train_epochs * steps
        # How many batches an epoch has depends on how it is shuffled.
        return sum(len(self.steps_of_epoch(epoch)) for epoch in range(1, options.num_train_epochs + 1))

    def validates(self, step: int, step_of_epoch: int, steps_of_epoch: int) -> bool:
        """Whether the model is validated behind a step (from 1 on) of the run and its epoch, beside the end of the epoch."""
        if self._options.eval_steps:
            return step % self._options.eval_steps == 0
        parts = self._options.evals_per_epoch or 1
        return step_of_epoch * parts // steps_of_epoch > (step_of_epoch - 1) * parts // steps_of_epoch

    def steps_of_epoch(self, epoch: int) -> list[list[list[int]]]:
        """The batches of an epoch (from 1 on), grouped by steps of the optimizer."""
        options = self._options
        accumulation, seed = options.gradient_accumulation_steps, options.seed
        if self._contexts is not None:
            how = self.batch_size, accumulation, seed, epoch - 1, self.max_tokens, self._processes
            return steps_of_contexts(self._contexts, *how)
        return optimizer_steps(self._widths, self.batch_size, accumulation, seed, epoch - 1, self.max_tokens)

    def __str__(self) -> str:
        accumulation = self._options.gradient_accumulation_steps
        if self.max_tokens is not None:
            return f"{self.total_steps:,} steps of up to {self.max_tokens * accumulation:,} source tokens"
        unit = "pairs" if self._options.loss in PAIR_LOSSES else "rows"
        return f"{self.total_steps:,} steps of {self.batch_size * accumulation} {unit}"


def optimizer_steps(
    lengths: Lengths, batch_size: int, accumulation: int, seed: int, epoch: int, max_tokens: int | None = None
) -> list[list[list[int]]]:
    """The batches of an epoch, in groups that make one step of the optimizer each.

    A step has `batch_size * accumulation` rows, or with `max_tokens` as many as have that many padded tokens times `accumulation`;
    which ones does not depend on how they are cut into batches.
    """
    budget = None if max_tokens is None else max_tokens * accumulation
    steps = shuffled_batches(lengths, batch_size * accumulation, seed, epoch, budget)
    if budget is None:
        return [[rows[i : i + batch_size] for i in range(0, len(rows), batch_size)] for rows in steps]
    return [[part for k in range(accumulation) if (part := rows[k::accumulation])] for rows in steps]


def steps_of_contexts(
    contexts: Contexts, batch_size: int, accumulation: int, seed: int, epoch: int, max_tokens: int | None, processes: int
) -> list[list[list[int]]]:
    """The same, rows that begin alike in one step, and there in one batch and one process, where they fit.

    With `max_tokens` what rows share counts once, nothing is padded, and a step may have a batch more.
    """
    if max_tokens is not None:
        budgeted = contexts.steps_of_tokens(max_tokens * accumulation, seed, epoch)
        return [[shared_out(batch, processes) for batch in contexts.cut(step, max_tokens)] for step in budgeted]
    steps = []
    for step in contexts.steps(batch_size * accumulation, seed, epoch):
        count = len(rows_of(step))
        batches, _ = fill(step, [min(batch_size, count - i) for i in range(0, count, batch_size)])
        steps.append([shared_out(batch, processes) for batch in batches])
    return steps
