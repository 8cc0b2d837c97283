"""Training of causal models: golden losses, and the same losses however rows are batched, shared out and laid out."""

import json
import re
import shutil

import pytest
from conftest import prepare_folder, town_articles
from running import together
from test_causal import options
from tiny_causal import MAKERS

from toi.data.examples import read_rows
from toi.system.errors import InputError
from train import train

LORA = {"lora_r": 4, "learning_rate": 2e-2}
# Validation losses of two epochs of `test_golden_losses`, on the machine that wrote this file: as in tests/test_train.py.
GOLDEN = [
    ("gpt2", "aqg", {}, [5.1969, 4.9677]),
    ("gpt2", "context first", {}, [5.1875, 4.9484]),
    ("gpt2", "context first", LORA, [5.5786, 5.5421]),
    ("llama", "aqg", {}, [5.2210, 4.9713]),
    ("llama", "aqg", {"source_loss_weight": 0.5}, [5.2618, 5.0180]),
    ("llama", "context first", {}, [5.2097, 4.9572]),
    ("llama", "context first", {"share_contexts": False}, [5.2196, 4.9699]),
    ("llama", "context first", {**LORA, "lora_dropout": 0.1}, [5.7143, 5.5768]),
    ("llama", "context first", {**LORA, "optim": "adafactor"}, [5.6265, 5.4507]),
]
_LABELS = re.compile(r"answer: (.*) context: (.*)")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder, and the same rows with their contexts first."""
    folder = tmp_path_factory.mktemp("causal-data")
    for name, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
        (folder / f"{name}.json").write_text(json.dumps(town_articles(count, prefix)))
    prepared = prepare_folder(folder / "data", [folder / "train.json", folder / "test.json"], "aqg")
    first = folder / "context-first"
    first.mkdir()
    for split in ("train", "dev", "test"):
        rows = [
            (row.id, _LABELS.sub(r"context: \2 answer: \1", row.source), row.target) for row in read_rows(prepared / f"{split}.tsv")
        ]
        (first / f"{split}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return {"aqg": prepared, "context first": first}


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Model folders with their dropout, and without."""
    folder = tmp_path_factory.mktemp("causal-bases")
    made = {}
    for name, make in MAKERS.items():
        made[name] = make(folder / name)
        made[name, "still"] = shutil.copytree(made[name], folder / f"{name}-still")
        config = json.loads((made[name] / "config.json").read_text())
        still = {key: 0.0 for key in config if key.endswith(("pdrop", "dropout"))}
        (made[name, "still"] / "config.json").write_text(json.dumps({**config, **still}))
    return made


@pytest.fixture(scope="module")
def golden_bases(bases, tmp_path_factory):
    """A GPT-2 with its dropout, and a Llama of the same tokens: a Unigram model is another each time it is made."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = shutil.copytree(bases["gpt2"], tmp_path_factory.mktemp("golden") / "llama")
    config = LlamaConfig(
        vocab_size=json.loads((folder / "config.json").read_text())["vocab_size"], hidden_size=32, intermediate_size=48,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return {"gpt2": bases["gpt2"], "llama": folder}


@pytest.mark.parametrize(("name", "task", "how", "losses"), GOLDEN)
def test_golden_losses(name, task, how, losses, golden_bases, data, tmp_path):
    run = train(options(golden_bases[name], data[task], tmp_path / "m", **how))
    assert [round(epoch["eval_loss"], 4) for epoch in run["history"]] == pytest.approx(losses, abs=2e-3)


CUTS = [
    {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
    {"per_device_eval_batch_size": 1},
    {"gradient_checkpointing": True},
]


@pytest.mark.parametrize(("name", "how"), [("gpt2", {}), ("llama", {}), ("gpt2", LORA), ("llama", {**LORA, "load_in_4bit": True})])
def test_losses_depend_neither_on_batches_nor_on_what_is_shared(name, how, bases, data, tmp_path, capsys, monkeypatch):
    """With the same rows in a step: one epoch is enough, where every row stands in it once."""
    base, folder, how = bases[name, "still"], data["context first"], {"num_train_epochs": 1, **how}
    whole = train(options(base, folder, tmp_path / "m", **how))["history"][0]
    said = capsys.readouterr().out
    assert "train: 76 of 76 rows share their beginning with others (2.0 rows each): computed once, " in said
    assert re.search(r"dev: \d+ of \d+ rows share their beginning", said)
    runs = [train(options(base, folder, tmp_path / f"m{i}", **how, **cut)) for i, cut in enumerate(CUTS)]
    capsys.readouterr()
    # The steps of before, but every row is computed by itself: in one sequence, and padded as for a model that knows no layouts.
    monkeypatch.setattr("toi.models.causal.batch.alike", lambda rows: [([i], 0) for i in range(len(rows))])
    runs.append(train(options(base, folder, tmp_path / "alone", **how)))
    for run in runs:
        assert run["history"][0]["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-5)
        assert run["history"][0]["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-5)


NOISE = {"neftune_noise_alpha": 20.0, "token_mask_probability": 0.2}


@pytest.mark.parametrize(
    ("name", "how"), [("gpt2", {}), ("llama", LORA), ("llama", {"neftune_noise_alpha": 0.0})], ids=["gpt2", "lora", "mask alone"]
)
def test_what_is_masked_and_the_noise_depend_on_no_batch(name, how, bases, data, tmp_path, capsys, monkeypatch):
    """Cut otherwise, padded, computed again: the same losses, which are others than without. Noise is each row's own."""
    base, folder, how = bases[name, "still"], data["context first"], {"num_train_epochs": 1, **NOISE, **how}
    whole = train(options(base, folder, tmp_path / "m", **how))["history"][0]
    assert ("share their beginning" in capsys.readouterr().out) == (how["neftune_noise_alpha"] == 0)
    runs = [train(options(base, folder, tmp_path / f"m{i}", **how, **cut)) for i, cut in enumerate(CUTS)]
    monkeypatch.setattr("toi.models.causal.batch.alike", lambda rows: [([i], 0) for i in range(len(rows))])
    runs.append(train(options(base, folder, tmp_path / "alone", **how)))
    for run in runs:
        assert run["history"][0]["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-5)
        assert run["history"][0]["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-5)
    plain = train(options(base, folder, tmp_path / "plain", **how | dict.fromkeys(NOISE, 0.0)))["history"][0]
    assert plain["eval_loss"] != pytest.approx(whole["eval_loss"], rel=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test_without_shared_contexts(name, bases, data, tmp_path, capsys, monkeypatch):
    """Padded batches give the losses of rows in one sequence; nothing is said of contexts, and a model is validated alike."""
    how = {"share_contexts": False, "num_train_epochs": 1, "eval_before_training": True}
    runs = [train(options(bases[name, "still"], data["context first"], tmp_path / "flat", **how))]
    assert "share their beginning" not in capsys.readouterr().out
    monkeypatch.setattr("toi.models.causal.family.teach_layouts", lambda model: False)
    runs.append(train(options(bases[name, "still"], data["context first"], tmp_path / "padded", **how)))
    monkeypatch.undo()
    runs.append(train(options(bases[name, "still"], data["context first"], tmp_path / "m", **how | {"share_contexts": True})))
    flat, padded, shared = ([(epoch["train_loss"], epoch["eval_loss"]) for epoch in run["history"]] for run in runs)
    assert padded[0][1] == pytest.approx(flat[0][1], rel=1e-5) == pytest.approx(shared[0][1], rel=1e-5)
    assert padded[1] == pytest.approx(flat[1], rel=1e-5)


@pytest.mark.parametrize(("name", "how"), [("llama", {"token_mask_probability": 0.2}), ("gpt2", {**LORA, **NOISE})])
def test_two_processes_give_the_losses_of_one(name, how, bases, data, tmp_path):
    base, folder = bases[name, "still"], data["context first"]
    alone = train(options(base, folder, tmp_path / "one", **how))["history"]
    said = {"learning_rate": 3e-3, **how}
    more = [f"--no_{option}" if value is False else f"--{option}={value}" for option, value in said.items()]
    results = together(
        2, "train.py", "--do_train",
        "--precision", "fp32", "--model_name_or_path", base, "--data_dir", folder, "--output_dir", tmp_path / "two",
        "--num_train_epochs", "2", "--per_device_train_batch_size", "8", *more,
    )  # fmt: skip
    assert [result.returncode for result in results] == [0, 0], results
    shared = json.loads((tmp_path / "two" / "run.json").read_text())["history"]
    for one, two in zip(alone, shared, strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
        assert two["eval_loss"] == pytest.approx(one["eval_loss"], rel=1e-4)


@pytest.mark.parametrize("loss", ["label_smoothing", "focal", "unlikelihood"])
def test_every_loss_trains(loss, bases, data, tmp_path):
    run = train(options(bases["gpt2"], data["context first"], tmp_path / "m", loss=loss))
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]


def test_a_share_for_the_source(bases, data, tmp_path):
    """With 1 the training loss is that of every token but the first; the validation loss is of targets as ever."""
    how = {"learning_rate": 1e-30, "num_train_epochs": 1}
    weighted = [
        train(options(bases["gpt2", "still"], data["context first"], tmp_path / f"{weight}", source_loss_weight=weight, **how))
        for weight in (0.0, 0.5, 1.0)
    ]
    losses = [run["history"][0]["train_loss"] for run in weighted]
    assert len({round(loss, 3) for loss in losses}) == 3
    assert min(losses[0], losses[2]) < losses[1] < max(losses[0], losses[2])
    evaluated = [run["history"][0]["eval_loss"] for run in weighted]
    assert evaluated[1:] == pytest.approx(evaluated[:1] * 2)


def test_a_t5_does_not_predict_its_source(tiny, data, tmp_path):
    with pytest.raises(InputError, match=r"^--source_loss_weight: a T5 does not predict its source; leave it out$"):
        train(options(tiny, data["aqg"], tmp_path / "m", source_loss_weight=0.1))
    assert not (tmp_path / "m").exists()
