"""What a person reads of a run, with and without a metric that decided."""

import struct

import pytest
from conftest import drawing

from toi.training import run_report
from toi.training.options import METRICS
from toi.training.run_report import metric_of, write_log, write_model_card


def run_by(metric):
    """What `run.json` holds of a run of two validations, the second of which was the best."""
    history = [
        {"epoch": i, "step": 5 * i, "train_loss": 3.0 - i, "eval_loss": 1.0 + i, "learning_rate": 0.1} for i in (1, 2)
    ]  # fmt: skip
    run = {"history": history, "best_epoch": 2, "best_step": 10, "eval_loss": 3.0}
    options = dict.fromkeys(run_report._SHOWN, 1)
    run["options"] = {**options, "model_name_or_path": "base", "from_scratch": False, "data_dir": "data"}
    if metric is not None:
        for entry, figure in zip(history, (0.25, 0.5), strict=True):
            entry[metric] = figure
        run["best_metric"], run["options"]["metric_for_best_model"] = 0.5, metric
    return run


LOGS = {
    None: "epoch,step,train_loss,eval_loss,learning_rate\n1,5,2.0,2.0,0.1\n2,10,1.0,3.0,0.1\n",
    "bleu": "epoch,step,train_loss,eval_loss,bleu,learning_rate\n1,5,2.0,2.0,0.25,0.1\n2,10,1.0,3.0,0.5,0.1\n",
}
BEST = {
    None: "Best epoch 2, validation loss per target token 3.0000.",
    "bleu": "Best epoch 2 by `bleu` on dev (0.5000), validation loss per target token 3.0000.",
}


@pytest.mark.parametrize("metric", [None, "bleu"])
def test_the_log_and_the_card(metric, tmp_path):
    run = run_by(metric)
    write_log(tmp_path, run["history"])
    assert (tmp_path / "log.csv").read_text() == LOGS[metric]
    write_model_card(tmp_path, run, None, {}, "T5")
    assert BEST[metric] in (tmp_path / "README.md").read_text().splitlines()


def test_a_metric_has_a_place_in_the_picture(tmp_path):
    heights = {}
    for metric in (None, "exact_match"):
        with drawing():
            run_report.draw_training(tmp_path, run_by(metric))
        heights[metric] = struct.unpack(">I", (tmp_path / "training.png").read_bytes()[20:24])[0]
    assert heights["exact_match"] > heights[None]


def test_what_decided():
    assert [metric_of(run_by(metric)) for metric in (None, *METRICS)] == [None, "exact_match", "bleu", "rougeL"]


def test_the_card_names_the_samples_and_what_is_read(tmp_path):
    """Only of a run that had them."""
    run = run_by(None)
    write_model_card(tmp_path, run, None, {}, "T5")
    plain = (tmp_path / "README.md").read_text()
    assert "samples.md" not in plain
    assert "neftune" not in plain
    run["history"][-1]["samples"] = {"a": "桃"}
    run["options"] |= {"neftune_noise_alpha": 5.0, "token_mask_probability": 0.0}
    write_model_card(tmp_path, run, None, {}, "T5")
    card = (tmp_path / "README.md").read_text()
    assert "\n\nWhat it wrote for some rows of dev as it learnt stands in [samples.md](samples.md).\n\n| option | value |" in card
    assert "| neftune_noise_alpha | 5.0 |" in card
    assert "token_mask_probability" not in card
