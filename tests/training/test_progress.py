import math

import pytest

from toi.training.progress import Pace, Progress

FULL = {
    "epoch": 2, "step": 7, "steps_of_epoch_done": 1, "waited": 0, "skipped": 3, "skipped_in_a_row": 1, "loss_sum": 1.5, "tokens": 4,
    "seen": 9,
}  # fmt: skip


def test_there_and_back():
    assert Progress.from_json(Progress(**FULL).to_json()) == Progress(**FULL)
    assert Progress(**FULL).to_json() == FULL
    assert Progress.from_json({**FULL, "processes": 2, "run": {}}) == Progress(**FULL)
    assert Progress.from_json({**FULL, "loss_sum": 2}).loss_sum == 2


BAD = [
    ({}, "epoch is missing"),
    ([], "epoch is missing"),
    (None, "epoch is missing"),
    ("step", "epoch is missing"),
    (3, "epoch is missing"),
    ({name: value for name, value in FULL.items() if name != "seen"}, "seen is missing"),
    ({**FULL, "step": None}, "step is missing"),
    ({**FULL, "step": "7"}, "step is '7'"),
    ({**FULL, "step": 7.0}, "step is 7.0"),
    ({**FULL, "step": -1}, "step is -1"),
    ({**FULL, "step": True}, "step is True"),
    ({**FULL, "tokens": [4]}, r"tokens is \[4\]"),
    ({**FULL, "loss_sum": "1.5"}, "loss_sum is '1.5'"),
    ({**FULL, "loss_sum": -0.5}, "loss_sum is -0.5"),
    ({**FULL, "loss_sum": False}, "loss_sum is False"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_what_is_not_progress(value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Progress.from_json(value)


def test_the_loss_since_the_last_validation_is_per_token():
    progress = Progress(epoch=1, skipped=2)
    assert progress.train_loss is None
    progress.count(2.0, 10, 3)
    progress.count(5.0, 5, 2)
    assert progress.train_loss == pytest.approx(45 / 15)
    for loss in (math.nan, math.inf):
        progress.count(loss, 100, 4)  # a step that was skipped: its rows were seen
    assert progress.train_loss == pytest.approx(45 / 15)
    assert (progress.tokens, progress.seen) == (15, 13)
    progress.validated(better=False)
    progress.validated(better=False)
    assert (progress.waited, progress.train_loss, progress.tokens, progress.seen) == (2, None, 0, 0)
    progress.validated(better=True)
    assert progress == Progress(epoch=1, skipped=2)


def test_the_first_step_says_nothing_of_the_pace():
    pace = Pace()
    pace.count(100.0, 8, 500)
    assert pace.of(pace.rows) is None
    pace.count(2.0, 8, 500)
    pace.count(3.0, 4, 100)
    assert (pace.of(pace.rows), pace.of(pace.tokens)) == (12 / 5, 600 / 5)
