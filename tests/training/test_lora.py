"""A run that trains an adapter: through all scripts, stopped and killed, and what it refuses."""

import json
import os
import random
import shutil
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT, here, make_model, refused
from running import Forked
from safetensors.torch import load_file
from stopped import stopped_behind
from tiny_causal import make_gpt2, make_llama

from toi.models.adapters import Base, Shape, adapt
from toi.models.checkpoint import load
from toi.models.ready import ready_model
from toi.models.t5.fast import can_speed_up
from toi.system.cli import checked
from toi.system.errors import InputError
from toi.training.optimizer import make_optimizer
from toi.training.options import LearningOptions
from train import TrainOptions, train

MAKERS = {"t5": make_model, "gpt2": make_gpt2, "llama": make_llama}


@pytest.fixture(scope="module")
def data(prepared):
    return prepared("aqg-hl")


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return {kind: make(folder / kind) for kind, make in MAKERS.items()}


def options(base, data, output_dir, **changes):
    fast = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "learning_rate": 1e-2, "precision": "fp32", "lora_r": 4}
    return TrainOptions(
        model_name_or_path=str(base), data_dir=str(data), output_dir=str(output_dir), do_train=True,
        **{**fast, "lora_dropout": 0.1, **changes},
    )  # fmt: skip


@pytest.fixture(scope="module", params=MAKERS)
def trained(request, bases, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora") / "model"
    return bases[request.param], folder, train(options(bases[request.param], data, folder))


def test_what_a_run_writes(trained, data):
    base, folder, run = trained
    first, last = (entry["eval_loss"] for entry in run["history"])
    assert last < first
    names = {path.name for path in folder.iterdir()}
    assert {
        "adapter_config.json",
        "adapter_model.safetensors",
        "base.json",
        "task.json",
        "run.json",
        "README.md",
        "log.csv",
    } <= names
    assert not names & {"config.json", "model.safetensors"}
    assert run["base"] == {"name": str(base.resolve()), "sha256": json.loads((folder / "base.json").read_text())["sha256"]}
    card = (folder / "README.md").read_text()
    assert "library_name: peft" in card
    assert "| lora_r | 4 |" in card
    checkpoints = folder.with_name("model.checkpoints")
    tensors = load_file(next(checkpoints.glob("step-*")) / "tensors.safetensors")
    held = {name for name in tensors if name.startswith("model.")}
    assert held
    assert all("lora_" in name or "trainable_tokens" in name for name in held)


def test_every_script_takes_it(trained, data, tmp_path):
    base, folder, _run = trained
    common = ["--max_target_length", "8"]
    rows = here("predict.py", "--model_name_or_path", folder, "--data_dir", data, "--output_file", tmp_path / "out.tsv", *common)
    assert rows.returncode == 0, rows.stderr
    assert len((tmp_path / "out.tsv").read_text().splitlines()) == 11  # a head and ten rows
    asked = ["--answer", "桃", "--context", "町の特産品は桃です。"]
    answered = here("generate.py", "--model_name_or_path", folder, *asked, *common)
    assert answered.returncode == 0, answered.stderr
    scored = here("evaluate.py", "--model_name_or_path", folder, "--data_dir", data, "--output_dir", tmp_path / "scores", *common)
    assert scored.returncode == 0, scored.stderr
    if json.loads((base / "config.json").read_text())["model_type"] == "t5":
        assert "ctranslate2 float32" in answered.stderr  # an adapter is no obstacle
        assert ready_model(str(folder)) is not None or torch.accelerator.is_available()


def test_the_validation_loss_is_that_of_the_weights_it_is_added_to(trained, data, tmp_path):
    """What was validated is what is written with: loaded, the adapter has the loss that the run says."""
    _, folder, run = trained
    again = train(options(folder, data, tmp_path / "m", lora_r=0, lora_dropout=0.0, max_steps=1, eval_before_training=True))
    assert again["history"][0]["eval_loss"] == pytest.approx(run["eval_loss"], rel=1e-5)
    assert (tmp_path / "m" / "model.safetensors").is_file()
    assert not (tmp_path / "m" / "adapter_config.json").exists()


def test_an_adapter_is_trained_on(trained, data, tmp_path):
    base, folder, run = trained
    again = train(options(folder, data, tmp_path / "m", eval_before_training=True, num_train_epochs=1))
    assert again["history"][0]["eval_loss"] == pytest.approx(run["eval_loss"], rel=1e-5)
    assert json.loads((tmp_path / "m" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base.resolve())
    assert load(str(tmp_path / "m")).tokenizer.id_of("<hl>") == load(str(folder)).tokenizer.id_of("<hl>")


def test_merged_it_scores_alike(trained, bases, data, tmp_path):
    base, _, run = trained
    merged = train(options(base, data, tmp_path / "m", merge_adapter=True))
    assert [e["eval_loss"] for e in merged["history"]] == [e["eval_loss"] for e in run["history"]]
    assert (tmp_path / "m" / "model.safetensors").is_file()
    assert not list((tmp_path / "m").glob("adapter*"))
    again = train(options(tmp_path / "m", data, tmp_path / "n", lora_r=0, lora_dropout=0.0, max_steps=1, eval_before_training=True))
    assert again["history"][0]["eval_loss"] == pytest.approx(run["eval_loss"], rel=1e-5)


def test_the_very_same_run_behind_a_stop(trained, data, tmp_path, monkeypatch):
    base, folder, run = trained
    with stopped_behind(monkeypatch, 7):
        train(options(base, data, tmp_path / "m", save_steps=2))
    again = train(options(base, data, tmp_path / "m", save_steps=2, resume_from_checkpoint="auto"))
    assert [e["eval_loss"] for e in again["history"]] == [e["eval_loss"] for e in run["history"]]
    assert (tmp_path / "m/adapter_model.safetensors").read_bytes() == (folder / "adapter_model.safetensors").read_bytes()


def test_the_very_same_run_of_adafactor_behind_a_stop(bases, data, tmp_path, monkeypatch):
    """An adapter has an Adafactor of its own, which keeps other numbers."""
    how = {"optim": "adafactor", "save_steps": 2}
    whole = train(options(bases["llama"], data, tmp_path / "whole", **how))
    with stopped_behind(monkeypatch, 7):
        train(options(bases["llama"], data, tmp_path / "m", **how))
    again = train(options(bases["llama"], data, tmp_path / "m", resume_from_checkpoint="auto", **how))
    assert [e["eval_loss"] for e in again["history"]] == [e["eval_loss"] for e in whole["history"]]
    one, two = (tmp_path / name / "adapter_model.safetensors" for name in ("m", "whole"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("kind", MAKERS)
def test_gradient_checkpointing_gives_the_same_losses(kind, bases, data, tmp_path):
    whole, again = (
        train(options(bases[kind], data, tmp_path / str(on), lora_dropout=0.0, max_steps=3, gradient_checkpointing=on))
        for on in (False, True)
    )
    if kind != "t5":  # its dropout is drawn again as it was, all the same
        assert again["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-6)
    assert again["history"][0]["train_loss"] == pytest.approx(whole["history"][0]["train_loss"], rel=1e-6)


@pytest.mark.parametrize("more", [{}, {"load_in_4bit": True}, {"load_in_8bit": True}, {"model_dtype": "bfloat16"}], ids=str)
@pytest.mark.parametrize("optim", ["adamw", "adafactor"])
def test_few_bits_train(more, optim, bases, data, tmp_path):
    run = train(options(bases["llama"], data, tmp_path / "m", optim=optim, **more))
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]
    checkpoint = load(str(tmp_path / "m"))
    assert bool(getattr(checkpoint.model, "hf_quantizer", None)) == ("bit" in str(more).replace("bfloat", ""))


def test_the_optimizer_has_what_is_trained_only(bases):
    checkpoint = load(str(bases["gpt2"]), adapting=True)
    adapt(checkpoint.model, Base("x"), Shape(2, None, 0.0, "c_attn"))
    optimizer = make_optimizer(checkpoint.model, LearningOptions(lora_r=2))
    assert [len(group["params"]) for group in optimizer.param_groups] == [4, 0]  # two layers, A and B of each


def test_the_fast_t5_computes_the_same_beside_an_adapter(bases, data, tmp_path, monkeypatch):
    """Transformers' own code and ours, dropout off: the same losses."""
    still = shutil.copytree(bases["t5"], tmp_path / "still")
    config = json.loads((still / "config.json").read_text())
    (still / "config.json").write_text(json.dumps({**config, "dropout_rate": 0.0}))
    fast = train(options(still, data, tmp_path / "fast", lora_dropout=0.0))
    monkeypatch.setattr("toi.models.t5.family.can_speed_up", lambda model, device: False)
    slow = train(options(still, data, tmp_path / "slow", lora_dropout=0.0))
    for one, two in zip(fast["history"], slow["history"], strict=True):
        assert one["eval_loss"] == pytest.approx(two["eval_loss"], rel=1e-4)
        assert one["train_loss"] == pytest.approx(two["train_loss"], rel=1e-4)


def test_the_fast_t5_steps_aside_for_other_numbers(bases):
    model = load(str(bases["t5"])).model
    assert can_speed_up(model, torch.device("cpu"))
    assert not can_speed_up(model.bfloat16(), torch.device("cpu"))


BAD = [
    ({"lora_r": -1}, "--lora_r must be at least 0, not -1"),
    ({"lora_r": 0, "lora_dropout": 0.0, "lora_alpha": 8.0}, "--lora_alpha is for training an adapter: give --lora_r too"),
    ({"lora_r": 0, "lora_dropout": 0.0, "load_in_4bit": True}, "--load_in_4bit is for training an adapter: give --lora_r too"),
    ({"lora_r": 0, "lora_dropout": 0.0, "merge_adapter": True}, "--merge_adapter is for training an adapter"),
    ({"lora_r": 0, "lora_dropout": 0.0, "model_dtype": "float16"}, "--model_dtype is for training an adapter"),
    ({"lora_r": 0, "lora_dropout": 0.0, "lora_target_modules": "q"}, "--lora_target_modules is for training an adapter"),
    ({"lora_r": 0}, "--lora_dropout is for training an adapter"),
    ({"lora_alpha": 0.0}, "--lora_alpha must be above 0"),
    ({"lora_dropout": 1.0}, "--lora_dropout must be at least 0 and below 1"),
    ({"lora_target_modules": "q,,v"}, "--lora_target_modules must be all-linear, or names with commas between them"),
    ({"load_in_4bit": True, "load_in_8bit": True}, "give --load_in_4bit or --load_in_8bit, not both"),
    ({"load_in_4bit": True, "merge_adapter": True}, "--merge_adapter cannot go with --load_in_4bit"),
    ({"from_scratch": True}, "--from_scratch cannot go with --lora_r"),
]


@pytest.mark.parametrize(("changes", "said"), BAD)
def test_wrong_combinations(changes, said):
    with pytest.raises(InputError, match=said):
        checked(options("m", "d", "o", **changes))


def test_what_is_not_installed(monkeypatch):
    monkeypatch.setattr("toi.system.optional.find_spec", lambda package: None)
    with pytest.raises(InputError) as error:
        checked(options("m", "d", "o", load_in_8bit=True))
    assert str(error.value) == (
        "--lora_r needs peft, which is not installed: pip install -r requirements-lora.txt; "
        "--load_in_8bit needs bitsandbytes, which is not installed: pip install -r requirements-lora.txt"
    )


def test_refusals_of_a_run(trained, bases, data, prepared, tmp_path):
    base, folder, _ = trained
    common = ["--do_train", "--data_dir", data, "--output_dir", tmp_path / "m"]
    said = refused(here("train.py", *common, "--model_name_or_path", folder, "--lora_r", "8"))
    assert said.endswith("an adapter with --lora_r 4; give the same, or train its weights without --lora_r")
    said = refused(here("train.py", *common, "--model_name_or_path", base, "--lora_r", "4", "--lora_target_modules", "nothing"))
    assert "--lora_target_modules nothing: " in said
    said = refused(here("train.py", "--do_train", "--data_dir", data, "--output_dir", folder, "--model_name_or_path", base))
    assert "holds another run" in said
    assert not (tmp_path / "m").exists()


def test_an_adapter_without_highlights_on_data_that_has_them(bases, data, prepared, tmp_path):
    train(options(bases["gpt2"], prepared("aqg"), tmp_path / "plain", max_steps=1))
    with pytest.raises(InputError, match="an adapter that has no <hl>, which the data uses; start from its base"):
        train(options(tmp_path / "plain", data, tmp_path / "m"))


def test_a_base_that_changed_is_not_gone_on_with(bases, data, tmp_path):
    base = shutil.copytree(bases["gpt2"], tmp_path / "base")
    train(options(base, data, tmp_path / "m", max_steps=1))
    shutil.rmtree(base)
    make_gpt2(base, n_head=2)
    with pytest.raises(InputError, match=r"base: changed since the checkpoint .* was written; train anew"):
        train(options(base, data, tmp_path / "m", max_steps=1, resume_from_checkpoint="auto"))


def command(base: Path, data: Path, output_dir: Path, *more: str) -> list[str]:
    return [
        sys.executable, str(ROOT / "train.py"), "--do_train", "--model_name_or_path", str(base), "--data_dir", str(data),
        "--output_dir", str(output_dir), "--per_device_train_batch_size", "16", "--learning_rate",
        "1e-3", "--precision", "fp32", "--save_steps", "1", "--lora_r", "4", "--lora_dropout", "0.1", *more,
    ]  # fmt: skip


def test_killed_and_gone_on(bases, data, tmp_path):
    """SIGKILL again and again (TOI_KILLS=20 for the number of the issue): the same losses and weights, to the last bit."""
    kills, rng, base = int(os.environ.get("TOI_KILLS", "2")), random.Random(0), bases["llama"]
    steps = 20 * kills  # a run gets a few steps further between two kills
    checkpoints = tmp_path / "killed.checkpoints"

    def newest() -> str:
        return max((path.name for path in checkpoints.glob("step-*")), default="")

    for _ in range(kills):
        more, before = ["--resume_from_checkpoint", "auto"] if newest() else [], newest()
        more += ["--max_steps", str(steps)]
        process = Forked(*command(base, data, tmp_path / "killed", *more)[1:])
        until = time.monotonic() + 300
        while newest() == before and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.wait()
        assert newest() != before
        if (tmp_path / "killed").exists():
            load(str(tmp_path / "killed"))  # whole
    args = options(base, data, tmp_path / "killed", learning_rate=1e-3, save_steps=1, num_train_epochs=4, max_steps=steps)
    again = train(TrainOptions(**{**vars(args), "resume_from_checkpoint": "auto"}))
    whole = train(TrainOptions(**{**vars(args), "output_dir": str(tmp_path / "whole")}))
    keys = ("step", "train_loss", "eval_loss")
    assert [[entry[key] for key in keys] for entry in again["history"]] == [
        [entry[key] for key in keys] for entry in whole["history"]
    ]
    assert (tmp_path / "killed/adapter_model.safetensors").read_bytes() == (
        tmp_path / "whole/adapter_model.safetensors"
    ).read_bytes()
