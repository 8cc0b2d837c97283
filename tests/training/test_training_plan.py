import numpy
import pytest

from toi.models.contexts import Contexts
from toi.training.options import LearningOptions
from toi.training.plan import TrainingPlan, optimizer_steps

LENGTHS = [i * 7 % 13 + 1 for i in range(100)]
PLANS = [
    # options, processes, rows of a batch, tokens of a batch, steps, what is said
    ({}, 1, 8, None, 52, "52 steps of 8 rows"),
    ({"num_train_epochs": 1}, 1, 8, None, 13, "13 steps of 8 rows"),
    ({}, 2, 16, None, 28, "28 steps of 16 rows"),
    ({"gradient_accumulation_steps": 3}, 1, 8, None, 20, "20 steps of 24 rows"),
    ({"gradient_accumulation_steps": 100}, 2, 16, None, 4, "4 steps of 1600 rows"),
    ({"max_steps": 1234}, 1, 8, None, 1234, "1,234 steps of 8 rows"),
    ({"max_steps": 7, "max_tokens_per_batch": 40}, 3, 24, 120, 7, "7 steps of up to 120 source tokens"),
]


@pytest.mark.parametrize(("changes", "processes", "rows", "tokens", "steps", "said"), PLANS)
def test_the_steps_of_a_run(changes, processes, rows, tokens, steps, said):
    plan = TrainingPlan(LearningOptions(**changes), LENGTHS, processes)
    assert (plan.batch_size, plan.max_tokens, plan.total_steps, str(plan)) == (rows, tokens, steps, said)


VALIDATIONS = [
    # options, steps of an epoch, those of the first two that are followed by a validation
    ({}, 5, [5, 10]),
    ({"eval_steps": 4}, 5, [4, 8]),  # and behind each epoch, which is not said here
    ({"evals_per_epoch": 1}, 5, [5, 10]),
    ({"evals_per_epoch": 2}, 5, [3, 5, 8, 10]),
    ({"evals_per_epoch": 4}, 10, [3, 5, 8, 10, 13, 15, 18, 20]),
    ({"evals_per_epoch": 3}, 3, [1, 2, 3, 4, 5, 6]),
    ({"evals_per_epoch": 9}, 2, [1, 2, 3, 4]),
]


@pytest.mark.parametrize(("changes", "steps", "expected"), VALIDATIONS)
def test_when_a_model_is_validated(changes, steps, expected):
    plan = TrainingPlan(LearningOptions(**changes), LENGTHS, 1)
    assert [step for step in range(1, 2 * steps + 1) if plan.validates(step, (step - 1) % steps + 1, steps)] == expected


def test_steps_of_token_budgets_are_counted_as_they_are_cut():
    options = LearningOptions(max_tokens_per_batch=40, num_train_epochs=3, gradient_accumulation_steps=2)
    plan = TrainingPlan(options, LENGTHS, 1)
    assert plan.total_steps == sum(len(plan.steps_of_epoch(epoch)) for epoch in (1, 2, 3))
    assert str(plan) == f"{plan.total_steps:,} steps of up to 80 source tokens"


def test_every_epoch_has_every_row_in_an_order_of_its_own():
    plan = TrainingPlan(LearningOptions(), LENGTHS, 1)
    epochs = [[i for step in plan.steps_of_epoch(epoch) for batch in step for i in batch] for epoch in (1, 2, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(100))
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2]
    other = TrainingPlan(LearningOptions(seed=1), LENGTHS, 1)
    assert [i for step in other.steps_of_epoch(1) for batch in step for i in batch] != epochs[0]


def test_processes_share_the_steps_of_one():
    one = TrainingPlan(LearningOptions(per_device_train_batch_size=12), LENGTHS, 1)
    three = TrainingPlan(LearningOptions(per_device_train_batch_size=4), LENGTHS, 3)
    assert one.steps_of_epoch(2) == three.steps_of_epoch(2)


def test_a_step_has_the_same_rows_however_it_is_cut():
    lengths = [i * 7 % 13 for i in range(100)]
    whole = optimizer_steps(lengths, 32, 1, 1, 0)
    for batch_size, accumulation in ((8, 4), (16, 2), (1, 32)):
        cut = optimizer_steps(lengths, batch_size, accumulation, 1, 0)
        assert max(len(batch) for step in cut for batch in step) == batch_size
        assert [[i for batch in step for i in batch] for step in cut] == [step[0] for step in whole]


@pytest.mark.parametrize("accumulation", [1, 3])
def test_steps_of_a_token_budget(accumulation):
    lengths = [i * 7 % 13 + 1 for i in range(100)]
    steps = optimizer_steps(lengths, 8, accumulation, 1, 0, 40)
    assert sorted(i for step in steps for batch in step for i in batch) == list(range(100))
    for step in steps:
        assert len(step) <= accumulation
        assert sum(max(lengths[i] for i in batch) * len(batch) for batch in step) <= 40 * accumulation


GROUPS = numpy.arange(120) * 7 % 40  # three rows each
CONTEXTS = Contexts(GROUPS, numpy.full(120, 20), 30 + GROUPS)


def test_steps_of_contexts_have_the_same_rows_however_they_are_cut_and_shared_out():
    """Three rows of each context in one step, one batch and one process, wherever the numbers allow it."""
    cuts = [(24, 1, 1), (12, 1, 2), (6, 4, 1)]  # rows of a batch, batches of a step, processes
    options = [LearningOptions(per_device_train_batch_size=rows, gradient_accumulation_steps=n) for rows, n, _ in cuts]
    plans = [TrainingPlan(one, CONTEXTS.widths, cut[2], CONTEXTS) for one, cut in zip(options, cuts, strict=True)]
    whole = plans[0]
    for plan, (_, batches, processes) in zip(plans, cuts, strict=True):
        assert plan.total_steps == 4 * 5
        for step, expected in zip(plan.steps_of_epoch(2), whole.steps_of_epoch(2), strict=True):
            assert sorted(i for batch in step for i in batch) == sorted(expected[0])
            assert len(step) == batches
            for batch in step:
                for rank in range(processes):
                    groups = GROUPS[batch[rank::processes]]
                    assert len(set(groups.tolist())) == len(groups) / 3
    assert whole.steps_of_epoch(1) != whole.steps_of_epoch(2)


def test_steps_of_contexts_with_a_token_budget():
    options = LearningOptions(max_tokens_per_batch=150, gradient_accumulation_steps=2, num_train_epochs=2)
    plan = TrainingPlan(options, CONTEXTS.widths, 1, CONTEXTS)
    assert plan.total_steps == sum(len(plan.steps_of_epoch(epoch)) for epoch in (1, 2))
    for step in plan.steps_of_epoch(1):
        for batch in step:
            groups = set(GROUPS[batch].tolist())
            assert sum(CONTEXTS.widths[batch]) - 20 * (len(batch) - len(groups)) <= 150
