from types import SimpleNamespace

import pytest
import torch

from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.training.encoded import TokenRows
from toi.training.losses import cross_entropy
from toi.training.optimizer import make_optimizer, make_schedule
from toi.training.options import LearningOptions
from toi.training.plan import TrainingPlan
from toi.training.setup import make_accelerator
from toi.training.state import State, validated
from train import TrainOptions


def state_of(checkpoint, rows=None, **changes):
    """A State on rows in memory, with the loss and the history of a run that begins."""
    options = TrainOptions(do_train=True, precision="fp32", **changes)
    accelerator = make_accelerator(options)  # another test of this process may have had another precision
    optimizer = make_optimizer(checkpoint.model, LearningOptions(learning_rate=0.1, weight_decay=0.0))
    schedule, plan = make_schedule(optimizer, options, 100), TrainingPlan(options, [1], 1)
    model, optimizer = accelerator.prepare(checkpoint.model, optimizer)
    run = {"history": [], "eval_loss": None}
    return State(options, accelerator, checkpoint, None, rows or {}, cross_entropy, run, plan, model, optimizer, schedule)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_validation_loss_is_per_target_token(tiny, batch_size, fast):
    checkpoint = load(str(tiny))
    model = checkpoint.model
    rows = [Encoded([5, 6, 7, 1], [9, 1]), Encoded([8, 1], [7, 6, 5, 4, 1]), Encoded([5, 1], [1])]
    total = 0.0
    model.eval()
    for row in rows:
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([row.source]), labels=torch.tensor([row.target])).loss
        total += loss.item() * len(row.target)
    if fast:
        checkpoint.family.make_trainable(model, torch.device("cpu"), fp16=False, compiled=False)
    state = state_of(checkpoint)
    assert validated(state, TokenRows.of(rows), batch_size) == {"eval_loss": pytest.approx(total / 8, rel=1e-5)}
    assert model.training


@pytest.mark.parametrize(
    ("metric", "validations", "better", "best", "waited"),
    [
        (None, [(2.0, None), (3.0, None), (2.0, None), (1.0, None)], [1, 0, 0, 1], (1.0, None), 0),
        ("bleu", [(2.0, 5.0), (3.0, 6.0), (1.0, 5.5), (3.5, 6.0)], [1, 1, 0, 0], (3.0, 6.0), 2),
        ("bleu", [(2.0, 0.0), (1.0, 0.0), (1.0, 0.0), (3.0, 0.1)], [1, 1, 0, 1], (3.0, 0.1), 0),  # of equal figures the lower loss
        ("bleu", [(2.0, 5.0), (float("nan"), 5.0), (float("nan"), 4.0)], [1, 0, 0], (2.0, 5.0), 2),
    ],
)
def test_the_best_validation(metric, validations, better, best, waited, tiny):
    state = state_of(load(str(tiny)))
    if metric is not None:
        state.judge, state.options.metric_for_best_model = SimpleNamespace(metric=metric), metric
    found = [{"eval_loss": loss} | ({} if metric is None else {metric: figure}) for loss, figure in validations]
    assert [state.record(validation) for validation in found] == [bool(one) for one in better]
    assert (state.run["eval_loss"], state.run.get("best_metric")) == best
    assert state.progress.waited == waited
    found = [(entry["eval_loss"], entry.get(metric)) for entry in state.run["history"]]
    assert repr(found) == repr(validations)


def test_the_last_validation_is_the_best_where_the_last_model_is_kept(tiny):
    state = state_of(load(str(tiny)), load_best_model_at_end=False)
    assert [state.record({"eval_loss": loss}) for loss in (2.0, 3.0, 2.5)] == [True, True, True]
    assert state.run["eval_loss"] == 2.5


def gradients(model, value):
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


@pytest.mark.parametrize(
    ("loss", "gradient", "skipped"),
    [(1.0, 0.1, 0), (float("nan"), 0.1, 1), (float("inf"), 0.1, 1), (1.0, float("nan"), 1), (1.0, float("-inf"), 1)],
)
def test_a_step_that_is_not_finite_is_skipped(loss, gradient, skipped, tiny):
    checkpoint = load(str(tiny))
    state = state_of(checkpoint)
    before = checkpoint.model.shared.weight.clone()
    gradients(checkpoint.model, gradient)
    norm = state.accelerator.clip_grad_norm_(checkpoint.model.parameters(), 1.0)
    state.apply(loss, norm)
    assert (state.progress.step, state.progress.skipped, state.progress.skipped_in_a_row) == (1, skipped, skipped)
    assert torch.equal(before, checkpoint.model.shared.weight) == bool(skipped)
    assert checkpoint.model.shared.weight.grad is None


def test_twenty_skipped_steps_in_a_row_stop_the_run(tiny):
    checkpoint = load(str(tiny))
    state = state_of(checkpoint)
    for _ in range(19):
        state.apply(float("nan"), 1.0)
    gradients(checkpoint.model, 0.1)
    state.apply(1.0, 1.0)  # one that is finite: counting begins again
    for _ in range(19):
        state.apply(1.0, torch.tensor(float("inf")))
    with pytest.raises(InputError, match="20 steps in a row, up to step 40; lower --learning_rate, or use --precision bf16"):
        state.apply(float("nan"), 1.0)
    assert state.progress.skipped == 39
