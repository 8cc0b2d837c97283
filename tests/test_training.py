import pytest
import torch
from accelerate import Accelerator

from toi.batching import Encoded
from toi.checkpoint import load
from toi.errors import InputError
from toi.training import check_finite, learning_rate_share, make_optimizer, mixed_precision, optimizer_steps, validation_loss

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
    decayed, others = make_optimizer(model, name, 0.1, 0.5).param_groups
    assert decayed["weight_decay"] == 0.5
    assert others["weight_decay"] == 0
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("norm" in names[id(p)] or "relative_attention_bias" in names[id(p)] for p in others["params"])
    assert len(others["params"]) == 9  # 2 + 3 norms in the blocks, 2 final norms, 2 position biases
    assert len(decayed["params"]) + len(others["params"]) == len(names)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_validation_loss_is_per_target_token(tiny, batch_size):
    model = load(str(tiny)).model
    rows = [Encoded([5, 6, 7, 1], [9, 1]), Encoded([8, 1], [7, 6, 5, 4, 1]), Encoded([5, 1], [1])]
    total = 0.0
    model.eval()
    for row in rows:
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([row.source]), labels=torch.tensor([row.target])).loss
        total += loss.item() * len(row.target)
    found = validation_loss(model, rows, batch_size, 0, 0, Accelerator(mixed_precision="no"))
    assert found == pytest.approx(total / 8, rel=1e-5)
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


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(loss):
    check_finite(1.0, 1)
    with pytest.raises(InputError, match="not finite at step 7; lower --learning_rate"):
        check_finite(loss, 7)
