"""`--metric_for_best_model` through train.py, and the perplexity of what was kept."""

import json
import math

import pytest
from safetensors.torch import load_file, save_file
from stopped import stopped_behind
from tiny_causal import byte_level, make_gpt2, make_llama

import train as loop
from toi.data.examples import Row, write_rows
from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.training.options import METRICS
from train import TrainOptions, train

# All that is learnt is to write one target. On dev that is right for one row of four, and the likelier it gets the less likely are
# the long ones of the others: the loss is lowest early, the outputs are best at the end.
RIGHT, OTHER = "趣味は何ですか?", "ABC defg 0123456789「テスト」"
TRAIN = [Row(f"t{i}", f"町{i}の特産品は", RIGHT) for i in range(32)]
DEV = [Row(f"d{i}", f"村{i}の特産品は", RIGHT if i == 0 else OTHER) for i in range(4)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("best-data")
    for name, rows in (("train", TRAIN), ("dev", DEV), ("test", DEV[:2])):
        write_rows(folder / f"{name}.tsv", rows)
    return folder


def options(model, data, output_dir, **changes):
    fast = {
        "num_train_epochs": 6, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "precision": "fp32", "num_beams": 2,
        "max_target_length": 32, "do_train": True,
    }  # fmt: skip
    return TrainOptions(model_name_or_path=str(model), data_dir=str(data), output_dir=str(output_dir), **{**fast, **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny, data):
    """The same run by the loss and by each metric: {metric: (model folder, what `run.json` holds)}."""
    folder, found = tmp_path_factory.mktemp("best"), {}
    for metric in ("eval_loss", *METRICS):
        found[metric] = folder / metric, train(options(tiny, data, folder / metric, metric_for_best_model=metric))
    return found


def column(run, name):
    return [entry[name] for entry in run["history"]]


def test_another_model_is_kept(runs):
    by_loss = runs["eval_loss"][1]
    assert by_loss["eval_loss"] == min(column(by_loss, "eval_loss"))
    for metric in METRICS:
        folder, run = runs[metric]
        best = max(run["history"], key=lambda entry: (entry[metric], -entry["eval_loss"]))
        assert best["epoch"] > by_loss["best_epoch"]
        kept = run["best_epoch"], run["best_step"], run["best_metric"], run["eval_loss"]
        assert kept == (best["epoch"], best["step"], best[metric], best["eval_loss"])
        assert (folder / "model.safetensors").read_bytes() != (runs["eval_loss"][0] / "model.safetensors").read_bytes()


def test_training_is_that_of_a_run_without_it(runs):
    """The same losses with dropout on, and in the end the same weights, optimizer and random state."""
    (folder, run), *others = runs.values()
    assert not set(METRICS) & set(run["history"][0])
    assert "best_metric" not in run
    (last,) = (folder.with_name(f"{folder.name}.checkpoints")).iterdir()
    for other_folder, other in others:
        for name in ("train_loss", "eval_loss", "learning_rate"):
            assert column(other, name) == column(run, name)
        (other_last,) = other_folder.with_name(f"{other_folder.name}.checkpoints").iterdir()
        assert (other_last / "tensors.safetensors").read_bytes() == (last / "tensors.safetensors").read_bytes()


def test_what_is_written(runs):
    folder, run = runs["exact_match"]
    assert (folder / "log.csv").read_text().splitlines()[0] == "epoch,step,train_loss,eval_loss,exact_match,learning_rate"
    saved = json.loads((folder / "run.json").read_text())
    assert saved["history"] == run["history"]
    assert saved["options"]["metric_for_best_model"] == "exact_match"
    assert (saved["best_metric"], saved["metrics"]["eval_exact_match"]) == (0.25, 0.25)
    assert f"Best epoch {run['best_epoch']} by `exact_match` on dev (0.2500), validation" in (folder / "README.md").read_text()
    # No converted model beside those that were judged, and no outputs.
    assert {path.name.split(".")[-1] for path in folder.parent.iterdir()} == {"checkpoints", "eval_loss", *METRICS}
    assert not list(folder.glob("*_output.tsv"))


def test_the_evaluation_says_the_same(runs, data, capsys):
    """And the perplexity of a token is what the validation loss says."""
    folder, run = runs["rougeL"]
    made = options("unused", data, folder, do_train=False, do_eval=True)
    loop.evaluate(made)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if "perplexity" in line] == [
        "token_perplexity", "char_perplexity",
    ]  # fmt: skip
    results = json.loads((folder / "results.json").read_text())["splits"]
    found = results["dev"]["metrics"]
    assert found["rougeL"] == pytest.approx(run["best_metric"])
    assert found["token_perplexity"] == pytest.approx(math.exp(run["eval_loss"]), rel=1e-5)
    assert 1 < found["char_perplexity"] != found["token_perplexity"]
    low, high = results["dev"]["intervals"]["char_perplexity"]
    assert low <= found["char_perplexity"] <= high
    assert "per:character" in results["test"]["signatures"]["char_perplexity"]
    assert "| token_perplexity | char_perplexity |" in (folder / "README.md").read_text()


def test_the_very_same_run_behind_a_stop(runs, tiny, data, tmp_path, monkeypatch):
    by_metric = {"metric_for_best_model": "exact_match"}
    with stopped_behind(monkeypatch, 14):
        train(options(tiny, data, tmp_path / "m", **by_metric))
    again = {"resume_from_checkpoint": "auto", "backend": "torch", "max_batch_tokens": 64}
    for change, name in (
        ({}, "metric_for_best_model"),
        ({**by_metric, "num_beams": 3}, "num_beams"),
        ({**by_metric, "bad_words": ["桃"], "length_penalty": 1.0}, "bad_words, --length_penalty"),
    ):
        with pytest.raises(InputError, match=f"was made with another --{name};"):
            train(options(tiny, data, tmp_path / "m", **again, **change))
    run = train(options(tiny, data, tmp_path / "m", **again, **by_metric))
    folder, whole = runs["exact_match"]
    for name in ("train_loss", "eval_loss", "exact_match"):
        assert column(run, name) == column(whole, name)
    assert (run["best_epoch"], run["best_metric"]) == (whole["best_epoch"], whole["best_metric"])
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_causal_model_in_another_precision(data, tmp_path):
    """It trains in bf16, and writes for dev in the precision of its weights, as the model that is kept will."""
    base = make_gpt2(tmp_path / "base")
    few = {"num_train_epochs": 2, "precision": "bf16"}
    plain = train(options(base, data, tmp_path / "plain", **few))
    run = train(options(base, data, tmp_path / "m", **few, metric_for_best_model="rougeL"))
    for name in ("train_loss", "eval_loss"):
        assert column(run, name) == column(plain, name)
    judge = loop.judge_of(options(base, data, tmp_path / "m", metric_for_best_model="rougeL"))
    kept = load(str(tmp_path / "m"))
    assert judge.figure(dict(judge.outputs(kept, 0, 1, kept.model.device))) == run["best_metric"]


CONTEXT = "context: 白浜市の人口は5321人である。特産品は桃です。"
ALIKE = {
    "train": [Row(f"t{i}", f"{CONTEXT} answer: {i}人", RIGHT) for i in range(32)],
    "dev": [Row(f"d{i}", f"{CONTEXT} answer: {i}県", RIGHT if i == 0 else OTHER) for i in range(4)],
}


def outspoken_llama(folder):
    """A tiny random Llama that can be sure of a token: an adapter, which leaves the output matrix alone, can teach it."""
    make_llama(folder, byte_level)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] *= 20
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


BY_OUTPUTS = [(make_gpt2, {}), (outspoken_llama, {"lora_r": 8, "lora_dropout": 0.1, "learning_rate": 7e-3})]


@pytest.mark.parametrize(("make", "how"), BY_OUTPUTS, ids=["weights", "adapter"])
def test_a_causal_model_is_kept_by_its_outputs(make, how, tmp_path, capsys):
    """It trains on contexts that rows share, goes on as without a judge, and the model that is kept writes what was judged."""
    base, folder, few = make(tmp_path / "base"), tmp_path / "data", {"num_train_epochs": 8, **how}
    folder.mkdir()
    for split, rows in ALIKE.items():
        write_rows(folder / f"{split}.tsv", rows)
    plain = train(options(base, folder, tmp_path / "plain", **few))
    assert "train: 32 of 32 rows share their beginning" in capsys.readouterr().out
    run = train(options(base, folder, tmp_path / "m", **few, metric_for_best_model="exact_match"))
    for name in ("train_loss", "eval_loss"):
        assert column(run, name) == column(plain, name)
    best = max(run["history"], key=lambda entry: (entry["exact_match"], -entry["eval_loss"]))
    assert (run["best_epoch"], run["best_metric"], run["eval_loss"]) == (best["epoch"], best["exact_match"], best["eval_loss"])
    assert run["best_metric"] == 0.25 > run["history"][0]["exact_match"]
    assert run["best_epoch"] != plain["best_epoch"]
    judge, kept = (
        loop.judge_of(options(base, folder, tmp_path / "m", metric_for_best_model="exact_match")),
        load(str(tmp_path / "m")),
    )
    assert judge.figure(dict(judge.outputs(kept, 0, 1, kept.model.device))) == run["best_metric"]
    assert (tmp_path / "m" / "adapter_config.json").is_file() is bool(how)
