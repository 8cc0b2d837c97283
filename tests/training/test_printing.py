from types import SimpleNamespace

import pytest
import torch

from toi.training.options import LearningOptions
from toi.training.plan import TrainingPlan
from toi.training.printing import headline, postfix, table_row
from toi.training.progress import Pace, Progress
from toi.training.samples import Sample


def state(**changes):
    """What is printed of a State."""
    accelerator = SimpleNamespace(mixed_precision="no", device=torch.device("cpu"))
    known = {
        "accelerator": accelerator, "checkpoint": SimpleNamespace(model=torch.nn.Linear(1000, 1234)), "progress": Progress(),
        "plan": TrainingPlan(LearningOptions(max_steps=1200), [5] * 9, 1), "pace": Pace(),
        "schedule": SimpleNamespace(get_last_lr=lambda: [0.000123]), "run": {"history": []},
        "figures": (), "sampler": None, "options": SimpleNamespace(output_dir="out/model"),
    }  # fmt: skip
    return SimpleNamespace(**{**known, **changes})


@pytest.mark.parametrize(("precision", "said"), [("no", "fp32"), ("bf16", "bf16"), ("fp16", "fp16")])
def test_the_headline(precision, said):
    one = state()
    one.accelerator.mixed_precision = precision
    assert headline(one).splitlines() == [
        f"1.2M parameters, 1,200 steps of 8 rows, precision {said}, on cpu",
        "epoch    step  train loss    dev loss   rows/s",
    ]


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        ((0, 0, None, 9.87654, 0.0), "    0       0                  9.8765      0.0"),
        ((3, 1234, 0.5, 0.25, 1234.56), "    3   1,234      0.5000      0.2500   1234.6"),
    ],
)
def test_a_row_of_the_table_stands_under_its_head(entry, row):
    last = dict(zip(("epoch", "step", "train_loss", "eval_loss", "rows_per_second"), entry, strict=True))
    one = state(run={"history": [{"epoch": 9}, last]})
    assert table_row(one, better=False) == row
    assert table_row(one, better=True) == f"{row}  saved"
    assert len(row) == len(headline(one).splitlines()[1])


def test_a_judge_has_a_column():
    last = {"epoch": 3, "step": 1234, "train_loss": 0.5, "eval_loss": 0.25, "exact_match": 0.75, "rows_per_second": 9.0}
    one = state(figures=("exact_match",), run={"history": [last]})
    assert headline(one).splitlines()[1] == "epoch    step  train loss    dev loss  exact_match   rows/s"
    assert table_row(one, better=False) == "    3   1,234      0.5000      0.2500       0.7500      9.0"


def test_samples_are_asked_once_and_stand_below_each_validation():
    last = {"epoch": 3, "step": 1234, "train_loss": 0.5, "eval_loss": 0.25, "samples": {"b": "桃", "a": ""}, "rows_per_second": 9.0}
    sampler = SimpleNamespace(samples=[Sample("a", "県庁は?", "甲府"), Sample("b", "特産は?", "桃")])
    one = state(sampler=sampler, run={"history": [last]})
    assert headline(one).splitlines()[:3] == [
        "samples of dev; what the model writes for them stands below each validation, and in out/model/samples.md:",
        "  1  県庁は? -> 甲府",
        "  2  特産は? -> 桃",
    ]
    assert table_row(one, better=True).splitlines()[1:] == ["  1  (nothing)", "  2  桃"]


def test_beside_the_progress_bar():
    assert postfix(state()) == {"lr": "1.2e-04", "tokens/s": "0"}
    progress, pace = Progress(skipped=2, loss_sum=5.0, tokens=4), Pace(seconds=2.0, tokens=3000)
    assert postfix(state(progress=progress, pace=pace)) == {"loss": "1.2500", "lr": "1.2e-04", "tokens/s": "1,500", "skipped": "2"}
