"""Pairs through all scripts."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import datasets
import pytest
import torch
from conftest import drawing, here, make_model, refused
from paired import TASK, pair_folder, pairs
from running import together
from safetensors.torch import load_file, save_file
from stopped import stopped_behind
from tiny_causal import make_gpt2, make_llama

from toi.data.examples import write_rows
from toi.data.pairs import iterate_split, write_pairs
from toi.data.task_files import read_task, write_task
from toi.system.cli import checked
from toi.system.errors import InputError
from toi.training import reference
from train import TrainOptions, train

MAKERS = {"gpt2": make_gpt2, "llama": make_llama, "t5": make_model}
DPO = {"loss": "dpo", "num_train_epochs": 2}
LORA = {**DPO, "lora_r": 4, "learning_rate": 2e-2}
FIGURES = ["train_loss", "eval_loss", "accuracy", "margin", "reward_chosen", "reward_rejected"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pair_folder(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return {name: make(folder / name) for name, make in MAKERS.items()}


def options(model, data, output_dir, **changes):
    fast = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "precision": "fp32", "eval_samples": 0}
    return TrainOptions(
        model_name_or_path=str(model), data_dir=str(data), output_dir=str(output_dir), do_train=True, **{**fast, **changes}
    )


def test_without_both_answers_the_chosen_ones_are_the_targets(data, tiny, tmp_path):
    """In training, outputs and scores, as of a data folder that has no others."""
    plain = tmp_path / "plain"
    for split in ("train", "dev", "test"):
        write_rows(plain / f"{split}.tsv", iterate_split(data, split), line_breaks=True)
    write_task(plain, replace(TASK, pairs=False), {"name": "pairs"})
    for name, folder in (("of-pairs", data), ("of-rows", plain)):
        train(options(tiny, folder, tmp_path / name))
        assert here("predict.py", "--model_name_or_path", tmp_path / name, "--data_dir", folder, "--split", "dev").returncode == 0
        arguments = ("--output_dir", tmp_path / name, "--data_dir", folder, "--split", "test", "--n_resamples", 10)
        assert here("evaluate.py", *arguments).returncode == 0
    for file in ("log.csv", "dev_output.tsv", "test_output.tsv"):
        assert (tmp_path / "of-pairs" / file).read_bytes() == (tmp_path / "of-rows" / file).read_bytes()
    scores = [json.loads((tmp_path / name / "results.json").read_text())["splits"] for name in ("of-pairs", "of-rows")]
    assert scores[0] == scores[1]


def test_a_bad_pair_is_said_in_a_line(data, tiny, tmp_path):
    bad = pair_folder(tmp_path / "bad")
    with open(bad / "dev.tsv", "a", encoding="utf-8") as file:
        file.write("x\ty\tz\n")
    arguments = {
        "train.py": ("--do_train", "--model_name_or_path", tiny, "--output_dir", tmp_path / "m", "--data_dir", bad),
        "predict.py": ("--model_name_or_path", tiny, "--data_dir", bad, "--split", "dev"),
        "evaluate.py": ("--model_name_or_path", tiny, "--output_dir", tmp_path / "m", "--data_dir", bad, "--split", "dev"),
    }
    for script, given in arguments.items():
        said = refused(here(script, *given))
        assert said == f"{script}: {bad}/dev.tsv:7: expected 4 tab-separated fields (id, source, chosen, rejected), found 3"


def figures(run, names=FIGURES):
    """Of each validation."""
    return [[entry[name] for name in names] for entry in run["history"]]


# Train and validation losses, accuracies and margins of two epochs, on the machine that wrote this file: as in tests/test_train.py.
GOLDEN = [
    (DPO, [[0.5899, 0.4767, 1.0, 0.5016], [0.3961, 0.3267, 1.0, 0.9651]]),
    ({**DPO, "label_smoothing_factor": 0.2, "beta": 0.5}, [[0.6406, 0.5138, 1.0, 1.1685], [0.542, 0.5241, 1.0, 1.7155]]),
    ({**DPO, "loss": "ipo"}, [[22.5576, 18.2141, 1.0, 0.477], [16.0708, 13.4671, 1.0, 0.9575]]),
    (LORA, [[0.6545, 0.5806, 1.0, 0.24], [0.5731, 0.5567, 1.0, 0.2961]]),
]


@pytest.mark.parametrize(("how", "golden"), GOLDEN)
def test_golden_losses(how, golden, bases, data, tmp_path):
    found = figures(train(options(bases["gpt2"], data, tmp_path / "m", **how)), FIGURES[:4])
    assert found == [pytest.approx(epoch, abs=2e-3) for epoch in golden]


@pytest.mark.parametrize("name", MAKERS)
def test_what_a_run_writes(name, bases, data, tmp_path, capsys):
    how = {**DPO, "eval_before_training": True, "metric_for_best_model": "accuracy"}
    with drawing():
        run = train(options(bases[name], data, tmp_path / "m", **how))
    before, _, last = run["history"]
    assert (before["accuracy"], before["margin"]) == (0.5, 0.0)  # nothing has gained on itself
    assert before["eval_loss"] == pytest.approx(0.693147, abs=1e-6)
    assert last["eval_loss"] < before["eval_loss"]
    assert last["accuracy"] > 0.9
    for entry in run["history"]:
        assert entry["margin"] == pytest.approx(entry["reward_chosen"] - entry["reward_rejected"], abs=1e-6)
    assert run["best_metric"] == run["metrics"]["eval_accuracy"] == max(entry["accuracy"] for entry in run["history"])
    said = capsys.readouterr().out
    assert "train: 24 pairs\n" in said
    assert "6 steps of 8 pairs" in said
    assert "epoch    step  train loss    dev loss     accuracy       margin       chosen     rejected  pairs/s\n" in said
    log = (tmp_path / "m" / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,step,train_loss,eval_loss,accuracy,margin,reward_chosen,reward_rejected,learning_rate"
    assert len(log) == 4
    card = (tmp_path / "m" / "README.md").read_text()
    assert f" by `accuracy` on dev ({run['best_metric']:.4f}), validation loss per pair " in card
    assert "| loss | dpo |" in card
    assert "| beta | 0.1 |" in card
    assert (tmp_path / "m" / "training.png").stat().st_size > 20_000
    assert read_task(tmp_path / "m") == TASK
    said = here("generate.py", "--model_name_or_path", tmp_path / "m", "--prompt", "特産品は何ですか?")
    assert said.returncode == 0, said.stderr


CUTS = [
    {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
    {"per_device_eval_batch_size": 1},
    {"gradient_checkpointing": True},
]


@pytest.mark.parametrize(("name", "how"), [("gpt2", DPO), ("llama", {**LORA, "loss": "ipo"}), ("t5", DPO)])
def test_nothing_depends_on_batches(name, how, bases, data, tmp_path):
    """The steps have the same pairs: one epoch is enough, where each stands in it once."""
    how = {**how, "num_train_epochs": 1}
    whole = figures(train(options(bases[name], data, tmp_path / "m", **how)))
    for i, cut in enumerate(CUTS):
        assert figures(train(options(bases[name], data, tmp_path / f"m{i}", **how, **cut))) == [pytest.approx(whole[0], rel=1e-4)]


def test_two_processes_give_the_figures_of_one(bases, data, tmp_path, monkeypatch):
    """The reference too: each computes a share of it."""
    alone = figures(train(options(bases["gpt2"], data, tmp_path / "one", **DPO)))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    results = together(
        2, "train.py", "--do_train", "--precision", "fp32", "--model_name_or_path", bases["gpt2"], "--data_dir", data,
        "--output_dir", tmp_path / "two", "--num_train_epochs", "2", "--per_device_train_batch_size", "4",
        "--learning_rate", "1e-2", "--loss", "dpo",
    )  # fmt: skip
    assert [result.returncode for result in results] == [0, 0], results
    run = json.loads((tmp_path / "two" / "run.json").read_text())
    assert figures(run) == [pytest.approx(epoch, rel=1e-3, abs=1e-4) for epoch in alone]


@pytest.mark.parametrize(("name", "how"), [("gpt2", DPO), ("t5", {**LORA, "lora_dropout": 0.1})])
def test_a_run_that_was_stopped_goes_on(name, how, bases, data, tmp_path, monkeypatch):
    how = {**how, "save_steps": 2}
    whole = train(options(bases[name], data, tmp_path / "whole", **how))
    with stopped_behind(monkeypatch, 5):
        train(options(bases[name], data, tmp_path / "m", **how))
    again = train(options(bases[name], data, tmp_path / "m", **how, resume_from_checkpoint="auto"))
    assert figures(again) == figures(whole)
    weights = "adapter_model.safetensors" if "lora_r" in how else "model.safetensors"
    one, other = (load_file(tmp_path / folder / weights) for folder in ("whole", "m"))
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    assert (tmp_path / "m" / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    for changed in ({"beta": 0.2}, {"loss": "ipo"}, {"label_smoothing_factor": 0.1}):
        with pytest.raises(InputError, match=f"was made with another --{next(iter(changed))}"):
            train(options(bases[name], data, tmp_path / "m", **{**how, **changed}, resume_from_checkpoint="auto"))


def changed_base(folder: Path, base: Path) -> Path:
    """A model with other weights."""
    shutil.copytree(base, folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor * 1.5 for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_a_run_does_not_go_on_with_another_reference(bases, data, tmp_path, monkeypatch):
    base = Path(shutil.copytree(bases["gpt2"], tmp_path / "base"))
    with stopped_behind(monkeypatch, 5):
        train(options(base, data, tmp_path / "m", **DPO, save_steps=2))
    shutil.rmtree(base)
    changed_base(base, bases["gpt2"])
    with pytest.raises(InputError, match=r"base: changed since the checkpoint .* was written; train anew"):
        train(options(base, data, tmp_path / "m", **DPO, save_steps=2, resume_from_checkpoint="auto"))


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """The splits whose reference is computed, in an empty cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    splits = []

    def counting(accelerator, checkpoint, split, *rest, real=reference._computed):
        splits.append(split)
        return real(accelerator, checkpoint, split, *rest)

    monkeypatch.setattr(reference, "_computed", counting)
    return splits


def test_the_reference_is_computed_once_for_each_content(bases, data, tmp_path, computed):
    def run(name, base=bases["gpt2"], folder=data, **how):
        computed.clear()
        return figures(train(options(base, folder, tmp_path / name, **{**DPO, "max_steps": 3, **how})))

    first = run("first")
    assert computed == ["train", "dev"]
    assert run("again") == first
    assert computed == []
    assert run("other", beta=0.5, loss="ipo", seed=7, learning_rate=1e-3, lora_r=2) != first  # another run, the same reference
    assert computed == []
    for damaged in (b"", b"\x93NUMPY"):
        for file in (tmp_path / "cache" / "toi").glob("*/log_probabilities.npy"):
            file.write_bytes(damaged)
        assert run(f"damaged-{len(damaged)}") == first
        assert computed == ["train", "dev"]
    other_data = Path(shutil.copytree(data, tmp_path / "data"))
    write_pairs(other_data / "dev.tsv", pairs(7, "島"), line_breaks=True)
    run("other-data", folder=other_data)
    assert computed == ["dev"]
    run("few", max_train_samples=12)
    assert computed == ["train"]
    run("other-model", base=changed_base(tmp_path / "base", bases["gpt2"]))
    assert computed == ["train", "dev"]


@pytest.mark.parametrize("name", MAKERS)
def test_the_reference_of_a_new_adapter_is_its_base(name, bases, data, tmp_path, computed, monkeypatch):
    kept = []
    monkeypatch.setattr(reference, "_write", lambda folder, numbers: kept.append(numbers))
    for i, how in enumerate((DPO, {**LORA, "lora_dropout": 0.5})):
        train(options(bases[name], data, tmp_path / f"m{i}", **{**how, "max_steps": 1}))
    for one, other in zip(kept[:2], kept[2:], strict=True):
        assert other == pytest.approx(one, rel=1e-5)
    assert computed == ["train", "dev"] * 2


def test_an_adapter_that_goes_on_is_held_to_what_it_was(bases, data, tmp_path):
    """And not to the model below it."""
    train(options(bases["gpt2"], data, tmp_path / "taught", lora_r=4))
    before = train(options(tmp_path / "taught", data, tmp_path / "m", **LORA, eval_before_training=True))["history"][0]
    assert (before["accuracy"], before["margin"]) == (0.5, 0.0)


def test_pairs_that_cannot_be_told_apart_are_counted(bases, data, tmp_path, capsys):
    run = train(options(bases["gpt2"], data, tmp_path / "m", **DPO, max_target_length=2, eval_before_training=True))
    assert "dev: 6 pairs, of which 6 have two answers that are the same where they are cut\n" in capsys.readouterr().out
    assert [entry["accuracy"] for entry in run["history"]] == [0.5] * 3


REFUSED = [
    ({"loss": "dpo", "beta": 0.0}, "--beta must be above 0"),
    ({"loss": "dpo", "label_smoothing_factor": 0.5}, "--label_smoothing_factor must be at least 0 and below 0.5"),
    ({"loss": "ipo", "source_loss_weight": 0.1}, "--source_loss_weight cannot go with --loss ipo"),
    ({"loss": "dpo", "token_mask_probability": 0.1}, "--token_mask_probability cannot go with --loss dpo"),
    ({"loss": "dpo", "neftune_noise_alpha": 5.0}, "--neftune_noise_alpha cannot go with --loss dpo"),
    ({"metric_for_best_model": "accuracy"}, "--metric_for_best_model accuracy is of pairs: give --loss dpo or ipo"),
]


@pytest.mark.parametrize(("how", "message"), REFUSED)
def test_options_that_are_refused(how, message):
    with pytest.raises(InputError, match=message):
        checked(options("base", "data", "m", **how))


def test_rows_are_no_pairs(bases, data, tmp_path):
    plain = tmp_path / "plain"
    for split in ("train", "dev"):
        write_rows(plain / f"{split}.tsv", iterate_split(data, split), line_breaks=True)
    write_task(plain, replace(TASK, pairs=False), {})
    with pytest.raises(
        InputError, match=r"plain: holds no pairs of answers, which --loss dpo compares; make them with prepare_pref"
    ):
        train(options(bases["gpt2"], plain, tmp_path / "m", **DPO))
    assert not (tmp_path / "m").exists()
