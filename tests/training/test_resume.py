"""A run that was stopped goes on as if it had not been."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from conftest import ROOT, here, refused
from running import Forked
from safetensors.torch import load_file
from stopped import stopped_behind

from toi.system.errors import InputError
from toi.training.options import LearningOptions
from toi.training.resume import checkpoints_of, find_checkpoint
from train import TrainOptions, train


def options(tiny, data_dir, output_dir, **changes):
    fast = {"num_train_epochs": 3, "per_device_train_batch_size": 16, "learning_rate": 3e-3, "precision": "fp32"}
    return TrainOptions(
        model_name_or_path=str(tiny), data_dir=str(data_dir), output_dir=str(output_dir), do_train=True, **{**fast, **changes}
    )


def losses(run):
    return [(e["epoch"], e["step"], e["train_loss"], e["eval_loss"], e["learning_rate"]) for e in run["history"]]


@pytest.mark.parametrize("at", [1, 4, 5, 7, 11])
@pytest.mark.parametrize("optim", ["adamw", "adafactor"])
def test_the_very_same_run(at, optim, tiny, data_dir, tmp_path, monkeypatch):
    """Stopped anywhere and gone on, a run has the same losses and the same weights, to the last bit."""
    whole = train(options(tiny, data_dir, tmp_path / "whole", optim=optim, save_steps=2))

    with stopped_behind(monkeypatch, at):
        train(options(tiny, data_dir, tmp_path / "m", optim=optim, save_steps=2))
    resume = None if at == 1 else "auto"  # there is no checkpoint yet behind one step
    again = train(
        options(tiny, data_dir, tmp_path / "m", optim=optim, save_steps=2, resume_from_checkpoint=resume, overwrite_output_dir=True)
    )
    assert losses(again) == losses(whole)
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


MEASURES = {"token_mask_probability": 0.2, "neftune_noise_alpha": 20.0, "eval_samples": 2, "evals_per_epoch": 2}


@pytest.mark.parametrize("optim", ["sgd", "rmsprop", "adadelta", "adamw_8bit"])
def test_the_very_same_run_with_whatever_else_it_may_have(optim, tiny, data_dir, tmp_path, monkeypatch):
    """Other optimizers, masks, noise, parts of epochs; and what was written for the samples, before the stop and behind it."""
    how = {"optim": optim, "save_steps": 2, "num_train_epochs": 2, **MEASURES}
    whole = train(options(tiny, data_dir, tmp_path / "whole", **how))
    with stopped_behind(monkeypatch, 7):
        train(options(tiny, data_dir, tmp_path / "m", **how))
    again = train(options(tiny, data_dir, tmp_path / "m", **how, resume_from_checkpoint="auto"))
    assert losses(again) == losses(whole)
    moments = load_file(find_checkpoint("auto", str(tmp_path / "m")) / "tensors.safetensors")
    assert any(tensor.dtype == torch.uint8 for name, tensor in moments.items() if "optimizer" in name) == (optim == "adamw_8bit")
    assert [len(entry["samples"]) for entry in again["history"]] == [2] * 4
    for name in ("model.safetensors", "samples.md"):
        assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_a_checkpoint_is(tiny, data_dir, tmp_path):
    train(options(tiny, data_dir, tmp_path / "m", save_steps=2, save_total_limit=3))
    folder = checkpoints_of(tmp_path / "m")
    assert folder == tmp_path / "m.checkpoints"
    assert sorted(p.name for p in folder.iterdir()) == ["step-00000012", "step-00000014", "step-00000015"]
    assert sorted(p.name for p in (folder / "step-00000015").iterdir()) == ["state.json", "tensors.safetensors"]
    assert find_checkpoint("auto", str(tmp_path / "m")).name == "step-00000015"
    # Another run in the same place begins without them.
    train(options(tiny, data_dir, tmp_path / "m", num_train_epochs=1, overwrite_output_dir=True))
    assert sorted(p.name for p in folder.iterdir()) == ["step-00000005"]


@pytest.fixture
def stopped(tiny, own_data_dir, tmp_path):
    """A model folder with checkpoints, and the options that made it."""
    made = options(tiny, own_data_dir, tmp_path / "m", num_train_epochs=1)
    train(made)
    made.resume_from_checkpoint = "auto"
    return made


def test_a_finished_run_has_nothing_left_to_do(stopped):
    before = json.loads((checkpoints_of(stopped.output_dir) / "step-00000005" / "state.json").read_text())["run"]["history"]
    assert train(stopped)["history"] == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 1e-3}, "was made with another --learning_rate"),
        ({"token_mask_probability": 0.1}, "was made with another --token_mask_probability"),
        ({"neftune_noise_alpha": 5.0}, "was made with another --neftune_noise_alpha"),
        ({"seed": 1, "num_train_epochs": 2}, "was made with another --num_train_epochs, --seed"),
        ({"resume_from_checkpoint": "nowhere"}, "nowhere: no checkpoint there"),
    ],
)
def test_another_run_is_not_gone_on_with(stopped, change, message):
    for name, value in change.items():
        setattr(stopped, name, value)
    with pytest.raises(InputError, match=message):
        train(stopped)


def test_data_that_changed(stopped):
    with open(f"{stopped.data_dir}/train.tsv", "a") as file:
        file.write("new\tsource\ttarget\n")
    with pytest.raises(InputError, match=r"train\.tsv: changed since the checkpoint"):
        train(stopped)


@pytest.mark.parametrize("change", [{"target_separator": "です"}, {"source_template": "context: {context} answer: {answer}"}])
def test_a_task_that_changed(change, stopped):
    """What stands in the rows beside their texts would be another; what is said of the data beside it may change."""
    path = Path(stopped.data_dir, "task.json")
    task = json.loads(path.read_text())
    path.write_text(json.dumps({**task, "data": {"note": "another"}}))
    assert len(train(stopped)["history"]) == 1
    path.write_text(json.dumps({**task, **change}))
    with pytest.raises(
        InputError, match=r"^\S*/task\.json: changed since the checkpoint \S*step-00000005 was written; train anew$"
    ):
        train(stopped)
    state = checkpoints_of(stopped.output_dir) / "step-00000005" / "state.json"
    older = json.loads(state.read_text())
    del older["task"]
    state.write_text(json.dumps(older))
    assert len(train(stopped)["history"]) == 1


def test_a_task_that_is_gone(stopped):
    Path(stopped.data_dir, "task.json").unlink()
    with pytest.raises(InputError, match=r"task\.json: changed since the checkpoint"):
        train(stopped)


def test_a_cut_checkpoint(stopped):
    path = checkpoints_of(stopped.output_dir) / "step-00000005" / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="the checkpoint cannot be read"):
        train(stopped)


STATES = [
    ("{}", "epoch is missing"),
    ("[]", "epoch is missing"),
    ("null", "epoch is missing"),
    ("{", "not JSON"),
    (lambda state: {**state, "step": -1}, "step is -1"),
    (lambda state: {**state, "step": "five"}, "step is 'five'"),
    (lambda state: {**state, "step": 5.5}, "step is 5.5"),
    (lambda state: {**state, "tokens": True}, "tokens is True"),
    (lambda state: {**state, "loss_sum": None}, "loss_sum is missing"),
    (lambda state: {key: value for key, value in state.items() if key != "run"}, "'run'"),
    (lambda state: {**state, "run": []}, "cannot be read"),
    (lambda state: {**state, "run": {**state["run"], "options": None}}, "cannot be read"),
    (lambda state: {**state, "run": {**state["run"], "data": {}}}, "cannot be read"),
    (lambda state: {**state, "run": {**state["run"], "history": 3}}, "history is no list"),
    (lambda state: {key: value for key, value in state.items() if key != "processes"}, "'processes'"),
    (lambda state: {**state, "processes": 2}, "was made by 2 processes, not 1"),
]


def test_a_damaged_state_is_named(stopped):
    path = checkpoints_of(stopped.output_dir) / "step-00000005" / "state.json"
    whole = path.read_text()
    for damage, message in STATES:
        path.write_text(damage if isinstance(damage, str) else json.dumps(damage(json.loads(whole))))
        with pytest.raises(InputError) as error:
            train(stopped)
        assert message in str(error.value)
        assert "step-00000005" in str(error.value)
        assert "\n" not in str(error.value)


def test_tensors_of_another_model(stopped, tmp_path):
    from safetensors.torch import load_file, save_file

    path = checkpoints_of(stopped.output_dir) / "step-00000005" / "tensors.safetensors"
    tensors = load_file(path)
    for change in ("random", "model.shared.weight"):
        save_file({name: tensor for name, tensor in tensors.items() if name != change}, path)
        with pytest.raises(InputError, match="the checkpoint cannot be read"):
            train(stopped)


def test_options_that_do_not_change_what_is_learnt(stopped, tmp_path):
    """How outputs are searched for, scored and saved may be another: only what the class LearningOptions holds must be the same."""
    (tmp_path / "words.txt").write_text("山梨\n")
    changes = {
        "backend": "torch", "num_beams": 2, "top_p": 0.9, "do_sample": True, "bad_words_file": str(tmp_path / "words.txt"),
        "compute_type": "auto", "max_batch_tokens": 64, "save_steps": 1, "save_total_limit": 3, "per_device_eval_batch_size": 3,
    }  # fmt: skip
    for name, value in changes.items():
        setattr(stopped, name, value)
    assert len(train(stopped)["history"]) == 1
    held = {field.name for field in fields(LearningOptions)}
    assert held >= {"learning_rate", "seed", "loss", "max_input_length", "precision", "optim", "data_dir", "model_name_or_path"}
    assert not held & set(changes)


def test_nothing_to_go_on_from(tiny, data_dir, tmp_path):
    line = refused(here(*command(tiny, data_dir, tmp_path / "m", "--resume_from_checkpoint", "auto")[1:]))
    assert "no checkpoint to go on from" in line


def command(tiny, data_dir, output_dir, *more):
    return [
        sys.executable, str(ROOT / "train.py"), "--do_train", "--model_name_or_path", str(tiny), "--data_dir", str(data_dir),
        "--output_dir", str(output_dir), "--num_train_epochs", "60", "--per_device_train_batch_size", "16", "--learning_rate",
        "3e-3", "--precision", "fp32", "--save_steps", "3", "--overwrite_output_dir", *more,
    ]  # fmt: skip


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_step_save_and_say_how_to_go_on(number, code, tiny, data_dir, tmp_path):
    with subprocess.Popen(command(tiny, data_dir, tmp_path / "m"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: list(checkpoints_of(tmp_path / "m").glob("step-*")))
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "go on with the same command and --resume_from_checkpoint" in output.splitlines()[-1]
    folder = output.split()[-1]
    assert json.loads(Path(folder, "state.json").read_text())["step"] > 0


def test_killed_and_gone_on(tiny, data_dir, tmp_path):
    """SIGKILL at several moments: at each the model folder loads or is absent, and the end is that of an undisturbed run."""
    from toi.models.checkpoint import load

    assert here(*command(tiny, data_dir, tmp_path / "whole")[1:]).returncode == 0
    folder = checkpoints_of(tmp_path / "m")
    for kill, extra in enumerate((0.0, 0.05, 0.13)):
        resume = ["--resume_from_checkpoint", "auto"] if list(folder.glob("step-*")) else []
        before = {p.name for p in folder.glob("step-*")}
        process = Forked(*command(tiny, data_dir, tmp_path / "m", *resume)[1:])
        wait_for(lambda before=before: {p.name for p in folder.glob("step-*")} - before)
        time.sleep(extra)
        process.kill()
        assert process.wait().returncode == -signal.SIGKILL, f"the run ended before kill {kill}"
        if (tmp_path / "m").exists():
            load(str(tmp_path / "m"))
    assert here(*command(tiny, data_dir, tmp_path / "m", "--resume_from_checkpoint", "auto")[1:]).returncode == 0
    runs = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "m")]
    assert losses(runs[0]) == losses(runs[1])
    shutil.rmtree(folder)
