import pytest
import torch
from accelerate import Accelerator

from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.training.encoded import TokenRows
from toi.training.losses import cross_entropy
from toi.training.optimizer import learning_rate_share, make_optimizer, make_schedule, mixed_precision
from toi.training.plan import TrainingPlan, optimizer_steps
from toi.training.state import State, validation_loss
from train import TrainOptions

SCHEDULE = [
    # kind, step, warm-up, total, share of the learning rate
    ("linear", 0, 0, 4, 1.0),
    ("linear", 2, 0, 4, 0.5),
    ("linear", 4, 0, 4, 0.0),
    ("linear", 0, 3, 10, 0.25),
    ("linear", 2, 3, 10, 0.75),
    ("linear", 3, 3, 10, 1.0),
    ("linear", 10, 10, 10, 0.0),
    ("linear", 99, 3, 10, 0.0),
    ("constant", 0, 3, 10, 0.25),
    ("constant", 3, 3, 10, 1.0),
    ("constant", 10, 3, 10, 1.0),
    ("cosine", 1, 3, 10, 0.5),
    ("cosine", 0, 0, 4, 1.0),
    ("cosine", 1, 0, 4, 0.5 + 0.5**1.5),
    ("cosine", 2, 0, 4, 0.5),
    ("cosine", 4, 0, 4, 0.0),
]


@pytest.mark.parametrize(("kind", "step", "warmup", "total", "expected"), SCHEDULE)
def test_the_share_of_the_learning_rate(kind, step, warmup, total, expected):
    assert learning_rate_share(kind, step, warmup, total) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_no_decay_on_norms_and_position_biases(name, tiny):
    model = load(str(tiny)).model
    decayed, others = make_optimizer(model, name, 0.1, 0.5, load(str(tiny)).family.undecayed).param_groups
    assert decayed["weight_decay"] == 0.5
    assert others["weight_decay"] == 0
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("norm" in names[id(p)] or "relative_attention_bias" in names[id(p)] for p in others["params"])
    assert len(others["params"]) == 9  # 2 + 3 norms in the blocks, 2 final norms, 2 position biases
    assert len(decayed["params"]) + len(others["params"]) == len(names)


def state_of(checkpoint, rows=None, **changes):
    """A State on rows in memory, with the loss and the history of a run that begins."""
    options = TrainOptions(do_train=True, precision="fp32", **changes)
    accelerator = Accelerator(mixed_precision="no")
    optimizer = make_optimizer(checkpoint.model, "adamw", 0.1, 0.0)
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
    assert validation_loss(state, TokenRows.of(rows), batch_size) == pytest.approx(total / 8, rel=1e-5)
    assert model.training


def test_a_step_has_the_same_rows_however_it_is_cut():
    lengths = [i * 7 % 13 for i in range(100)]
    whole = optimizer_steps(lengths, 32, 1, 1, 0)
    for batch_size, accumulation in ((8, 4), (16, 2), (1, 32)):
        cut = optimizer_steps(lengths, batch_size, accumulation, 1, 0)
        assert max(len(batch) for step in cut for batch in step) == batch_size
        assert [[i for batch in step for i in batch] for step in cut] == [step[0] for step in whole]


def test_precision_names():
    assert mixed_precision("fp32") == "no"
    assert mixed_precision("bf16") == "bf16"
    assert mixed_precision("auto") in ("no", "bf16")


@pytest.mark.parametrize("accumulation", [1, 3])
def test_steps_of_a_token_budget(accumulation):
    lengths = [i * 7 % 13 + 1 for i in range(100)]
    steps = optimizer_steps(lengths, 8, accumulation, 1, 0, 40)
    assert sorted(i for step in steps for batch in step for i in batch) == list(range(100))
    for step in steps:
        assert len(step) <= accumulation
        assert sum(max(lengths[i] for i in batch) * len(batch) for batch in step) <= 40 * accumulation


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


def test_fp16_is_for_gpus(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        mixed_precision("fp16")
