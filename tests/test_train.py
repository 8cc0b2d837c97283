"""The scripts together, on tiny models: what is trained, written, predicted, scored, generated; and what is refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
import torch
from conftest import ROOT, drawing, here, make_model, refused, script
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForSeq2SeqLM

import train as loop
from toi.system.errors import InputError
from train import TrainOptions, train

# Losses of `golden` below, on the machine that wrote this file. A change of these is a change of training.
GOLDEN = [5.2870, 4.9908]


def options(model, data_dir, output_dir, **changes):
    fast = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "learning_rate": 3e-3, "precision": "fp32"}
    return TrainOptions(
        model_name_or_path=str(model), data_dir=str(data_dir), output_dir=str(output_dir), do_train=True, **{**fast, **changes}
    )


def watch(monkeypatch, watching):
    """Go through each step of the optimizer within `watching(state, batches)`, a context manager."""

    def step(state, batches, real=loop.train_step):
        with watching(state, batches):
            real(state, batches)

    monkeypatch.setattr(loop, "train_step", step)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny, prepared):
    """A data folder, and a model folder that train.py made from it."""
    model = tmp_path_factory.mktemp("trained") / "model"
    with drawing():
        run = train(options(tiny, prepared("aqg-hl"), model))
    return prepared("aqg-hl"), model, run


def test_what_a_run_writes(trained):
    _, model, run = trained
    names = {p.name for p in model.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "spiece.model", "task.json", "run.json"} <= names
    saved = json.loads((model / "run.json").read_text())
    assert saved["best_epoch"] == 2
    assert saved["history"] == run["history"]
    assert saved["eval_loss"] == saved["history"][1]["eval_loss"] < saved["history"][0]["eval_loss"]
    assert set(saved["data"]["sha256"]) == {"train", "dev"}
    assert saved["options"]["learning_rate"] == 3e-3
    assert saved["versions"]["torch"]
    task = json.loads((model / "task.json").read_text())
    assert task["task"] == "aqg-hl"
    assert task["data"]["counts"]["train"] == 76
    AutoModelForSeq2SeqLM.from_pretrained(model)
    log = (model / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,step,train_loss,eval_loss,learning_rate"
    assert len(log) == 3
    assert (model / "training.png").read_bytes().startswith(b"\x89PNG")
    assert (model / "training.png").stat().st_size > 10_000  # drawn
    card = (model / "README.md").read_text()
    assert "Best epoch 2" in card
    assert "`{highlighted}` -> `{question}`" in card
    assert not [p for p in model.parent.iterdir() if p.name.startswith(".")]


@pytest.fixture(scope="module")
def twice(tmp_path_factory, tiny, data_dir):
    """The same run twice: the folder that has both models, and what both `run.json` hold."""
    folder = tmp_path_factory.mktemp("twice")
    with drawing():
        return folder, [train(options(tiny, data_dir, folder / name)) for name in ("a", "b")]


def test_golden_losses(twice):
    for run in twice[1]:
        assert [round(epoch["eval_loss"], 4) for epoch in run["history"]] == pytest.approx(GOLDEN, abs=2e-3)


def test_the_same_seed_gives_the_same_weights(twice):
    folder, _ = twice
    assert (folder / "a" / "model.safetensors").read_bytes() == (folder / "b" / "model.safetensors").read_bytes()


def test_the_same_seed_gives_the_same_log(twice):
    folder, _ = twice
    for file in ("log.csv", "training.png"):
        assert (folder / "a" / file).read_bytes() == (folder / "b" / file).read_bytes()


DISTURBED = {"token_mask_probability": 0.2, "neftune_noise_alpha": 20.0}


@pytest.mark.parametrize("changes", [{}, DISTURBED])
def test_losses_do_not_depend_on_how_a_step_is_cut(changes, tmp_path, tiny, data_dir):
    shutil.copytree(tiny, tmp_path / "still")
    config = json.loads((tmp_path / "still" / "config.json").read_text())
    (tmp_path / "still" / "config.json").write_text(json.dumps({**config, "dropout_rate": 0.0}))
    histories = []
    for name, batch, accumulation in (("a", 16, 1), ("b", 4, 4)):
        made = options(
            tmp_path / "still",
            data_dir,
            tmp_path / name,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            **changes,
        )
        histories.append(train(made)["history"])
    for whole, cut in zip(*histories, strict=True):
        assert cut["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-4)
        assert cut["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-4)


def test_two_processes_give_the_losses_of_one(tmp_path, tiny, data_dir):
    shutil.copytree(tiny, tmp_path / "still")
    config = json.loads((tmp_path / "still" / "config.json").read_text())
    (tmp_path / "still" / "config.json").write_text(json.dumps({**config, "dropout_rate": 0.0}))
    by = {"metric_for_best_model": "rougeL", "num_beams": 1, "max_target_length": 24, "eval_samples": 3, **DISTURBED}
    alone = train(options(tmp_path / "still", data_dir, tmp_path / "one", per_device_train_batch_size=16, **by))["history"]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", ROOT / "train.py", "--do_train",
        "--do_eval", "--precision", "fp32", "--num_beams", "1", "--metric_for_best_model", "rougeL", "--max_target_length", "24",
        "--model_name_or_path", tmp_path / "still", "--data_dir", data_dir, "--output_dir", tmp_path / "two",
        "--num_train_epochs", "2", "--per_device_train_batch_size", "8", "--learning_rate", "3e-3", "--eval_samples", "3",
        *(f"--{name}={value}" for name, value in DISTURBED.items()),
    ]  # fmt: skip
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    result = subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("exact_match") == 1  # one process scores
    together = json.loads((tmp_path / "two" / "run.json").read_text())["history"]
    for one, two in zip(alone, together, strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
        assert two["eval_loss"] == pytest.approx(one["eval_loss"], rel=1e-4)
        assert two["rougeL"] == pytest.approx(one["rougeL"], abs=1e-9)
        assert two["samples"] == one["samples"]
    assert (tmp_path / "two" / "samples.md").read_bytes() == (tmp_path / "one" / "samples.md").read_bytes()


@pytest.mark.parametrize("loss", ["label_smoothing", "focal", "unlikelihood", "own"])
def test_every_loss_trains(loss, tiny, data_dir, tmp_path):
    if loss == "own":
        (tmp_path / "own.py").write_text("from toi.training.losses import cross_entropy as mine\n")
        loss = f"{tmp_path}/own.py:mine"
    run = train(options(tiny, data_dir, tmp_path / "m", loss=loss))
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]
    if ":" in loss:
        assert [round(epoch["eval_loss"], 4) for epoch in run["history"]] == pytest.approx(GOLDEN, abs=2e-3)


def test_validations_in_between(tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", eval_steps=2, eval_before_training=True))
    assert [(e["epoch"], e["step"]) for e in run["history"]] == [(0, 0), (1, 2), (1, 4), (1, 5), (2, 6), (2, 8), (2, 10)]
    assert run["history"][0]["train_loss"] is None
    assert run["history"][-1]["eval_loss"] == pytest.approx(GOLDEN[1], abs=2e-3)
    assert run["metrics"]["eval_loss"] == min(e["eval_loss"] for e in run["history"])


def test_validations_of_parts_of_an_epoch(tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", evals_per_epoch=2, max_steps=9))
    assert [(e["epoch"], e["step"]) for e in run["history"]] == [(1, 3), (1, 5), (2, 8), (2, 9)]


@pytest.mark.parametrize("max_steps", [3, 7, 12])
def test_max_steps(max_steps, tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", max_steps=max_steps))
    assert run["history"][-1]["step"] == max_steps
    assert run["history"][-1]["learning_rate"] == 0


def test_early_stopping(tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", learning_rate=1e-30, num_train_epochs=9, early_stopping_patience=2))
    assert len(run["history"]) == 3
    assert run["best_epoch"] == 1


CHANGES = [
    {"optim": "adafactor"},
    {"optim": "sgd", "learning_rate": 0.5},
    {"optim": "rmsprop"},
    {"optim": "adadelta", "learning_rate": 1.0},
    {"lr_scheduler_type": "cosine"},
    {"warmup_steps": 4},
    {"token_mask_probability": 0.3},
    {"neftune_noise_alpha": 30.0},
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_a_run_may_be(change, tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", **change))
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]
    assert run["history"][1]["eval_loss"] != pytest.approx(GOLDEN[1], abs=1e-3)


def test_gradient_checkpointing_computes_again_and_gives_the_same_losses(tiny, data_dir, tmp_path, monkeypatch):
    passes = Counter()

    @contextmanager
    def counting(state, batches):
        model = state.checkpoint.model
        hooks = [
            block.register_forward_pre_hook(lambda block, _: passes.update([block]))
            for block in (*model.encoder.block, *model.decoder.block)
        ]
        yield
        for hook in hooks:
            hook.remove()

    watch(monkeypatch, counting)
    for checkpointing, times in ((False, 1), (True, 2)):
        passes.clear()
        run = train(options(tiny, data_dir, tmp_path / str(times), gradient_checkpointing=checkpointing))
        assert list(passes.values()) == [10 * times] * 2  # of 10 steps and 2 blocks
        assert [round(epoch["eval_loss"], 4) for epoch in run["history"]] == pytest.approx(GOLDEN, abs=2e-3)


def test_a_token_budget_trains_and_plans_its_steps(tiny, data_dir, tmp_path, capsys):
    run = train(options(tiny, data_dir, tmp_path / "m", max_tokens_per_batch=900))
    assert "steps of up to 900 source tokens" in capsys.readouterr().out
    assert run["history"][-1]["learning_rate"] == 0
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]


def test_the_audit_at_the_start(tiny, data_dir, tmp_path, capsys):
    train(options(tiny, data_dir, tmp_path / "m", max_input_length=20, num_train_epochs=1))
    out = capsys.readouterr().out
    assert "train: 76 rows; cut to the limits: 76 sources, 0 targets; <unk>: 0 of 4," in out
    assert "the first row, as the model reads it, the loss on what stands in ⟦⟧: answer: " in out


def test_metrics_of_the_run(trained):
    _, model, _ = trained
    metrics = json.loads((model / "run.json").read_text())["metrics"]
    assert metrics["train_samples_per_second"] > 0
    assert metrics["train_tokens_per_second"] > metrics["train_samples_per_second"]
    assert 50e6 < metrics["peak_memory_bytes"] < 50e9
    assert metrics["skipped_steps"] == 0
    assert metrics["train_runtime"] > 0


LOSSES_OF_OUR_OWN = """
import torch
from toi.training.losses import cross_entropy
steps = 0

def sometimes_nan(logits, labels, batch):
    global steps
    steps += 1
    return cross_entropy(logits, labels) * (float("nan") if steps in (3, 7) else 1.0)

def always_inf(logits, labels, batch):
    return cross_entropy(logits, labels) * float("inf")
"""


def test_a_loss_whose_backward_raises(tiny, data_dir, tmp_path):
    """In the training: a line that names it."""
    (tmp_path / "own.py").write_text(
        "def f(logits, labels, batch):\n    p = logits.float().softmax(-1)\n    p *= 2\n    return p.square().sum()\n"
    )
    with pytest.raises(
        InputError, match=r"^--loss \S*own\.py:f: \S*own\.py: in the backward pass, RuntimeError: one of .*wanted is f"
    ):
        train(options(tiny, data_dir, tmp_path / "m", loss=f"{tmp_path}/own.py:f"))
    assert not (tmp_path / "m").exists()


def test_a_loss_that_is_not_finite(tiny, data_dir, tmp_path):
    (tmp_path / "own.py").write_text(LOSSES_OF_OUR_OWN)
    run = train(options(tiny, data_dir, tmp_path / "m", loss=f"{tmp_path}/own.py:sometimes_nan"))
    assert run["metrics"]["skipped_steps"] == 2
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]
    best = (tmp_path / "m" / "model.safetensors").read_bytes()
    again = {"loss": f"{tmp_path}/own.py:always_inf", "num_train_epochs": 9, "eval_before_training": True}
    with pytest.raises(InputError, match=r"20 steps in a row, up to step 20; lower --learning_rate.*the best model so far is in"):
        train(options(tmp_path / "m", data_dir, tmp_path / "n", **again))
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == best
    AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "n")


def test_tensorboard(tiny, data_dir, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(options(tiny, data_dir, tmp_path / "m", report_to="tensorboard"))
    events = EventAccumulator(str(tmp_path / "m.runs"))
    events.Reload()
    assert [(e.step, round(e.value, 4)) for e in events.Scalars("eval/loss")] == [
        (e["step"], round(e["eval_loss"], 4)) for e in run["history"]
    ]
    assert {"train/loss", "train/learning_rate"} <= set(events.Tags()["scalars"])


def test_tensorboard_that_is_not_installed(tiny, data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        train(options(tiny, data_dir, tmp_path / "m", report_to="tensorboard"))


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_torch_compile(tiny, data_dir, tmp_path, monkeypatch):
    """In every step compiled graphs run, forward and backward; without the option none does."""
    regions = []

    @contextmanager
    def profiling(state, batches):
        with torch.profiler.profile() as profile:
            yield
        regions.append(Counter(event.name.split(":")[0] for event in profile.events()))

    watch(monkeypatch, profiling)
    for compiled in (False, True):
        regions.clear()
        few = {"max_steps": 2, "max_train_samples": 8, "torch_compile": compiled}
        run = train(options(tiny, data_dir, tmp_path / str(compiled), **few))
        assert run["history"][-1]["step"] == len(regions) == 2
        for name in ("Torch-Compiled Region", "CompiledFunction", "CompiledFunctionBackward"):
            assert all((found[name] > 0) == compiled for found in regions), name


def test_torch_compile_without_a_compiler(tiny, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="--torch_compile needs a C"):
        train(options(tiny, data_dir, tmp_path / "m", torch_compile=True))


def test_a_full_disk(trained, tmp_path):
    """A run that does not fit on the disk says so, and what was there stays."""
    data, model, _ = trained
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "none", disk], capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        shutil.copytree(model, disk / "m")
        before = {p.name: p.read_bytes() for p in (disk / "m").iterdir()}
        (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 50_000))
        line = refused(
            script("train.py", "--do_train", "--model_name_or_path", model, "--data_dir", data, "--output_dir", disk / "m",
                   "--overwrite_output_dir", "--num_train_epochs", "1", "--precision", "fp32")
        )  # fmt: skip
        assert "No space left on device" in line
        assert {p.name: p.read_bytes() for p in (disk / "m").iterdir()} == before
        assert sorted(p.name for p in disk.iterdir()) == ["ballast", "m"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_only_a_strict_improvement_is_saved(tiny, data_dir, tmp_path):
    run = train(options(tiny, data_dir, tmp_path / "m", learning_rate=1e-30, num_train_epochs=3))
    assert len({epoch["eval_loss"] for epoch in run["history"]}) == 1
    assert json.loads((tmp_path / "m" / "run.json").read_text())["best_epoch"] == 1


def test_a_quick_look_takes_rows_by_the_seed(tiny, data_dir, tmp_path, capsys, monkeypatch):
    trained_on = []

    @contextmanager
    def noting(state, batches):
        rows = state.rows["train"]
        trained_on.extend((tuple(rows[i].source), tuple(rows[i].target)) for indices in batches for i in indices)
        yield

    def rows_of(name, **changes):
        trained_on.clear()
        run = train(options(tiny, data_dir, tmp_path / name, num_train_epochs=1, **changes))
        assert len(set(trained_on)) == len(trained_on)
        return set(trained_on), run, capsys.readouterr().out

    watch(monkeypatch, noting)
    every, _, said = rows_of("all", max_train_samples=76)
    assert len(every) == 76
    assert "chosen by the seed" not in said
    few, run, said = rows_of("few", max_train_samples=8)
    assert "training on 8 of the 76 rows" in said
    assert run["options"]["max_train_samples"] == 8
    assert len(few) == 8
    assert few < every
    assert rows_of("again", max_train_samples=8)[0] == few
    others = [rows_of(str(seed), max_train_samples=8, seed=seed)[0] for seed in (1, 2)]
    assert all(len(rows) == 8 and rows < every for rows in others)
    assert len({frozenset(rows) for rows in (few, *others)}) == 3


def test_from_scratch_and_three_hand_made_files(tmp_path):
    folder = make_model(tmp_path / "base", weights=False)
    (tmp_path / "d").mkdir()
    for split, count in (("train", 12), ("dev", 3), ("test", 3)):
        (tmp_path / "d" / f"{split}.tsv").write_text("".join(f"{i}\t県庁{i}\t甲府市\n" for i in range(count)))
    train(options(folder, tmp_path / "d", tmp_path / "m", from_scratch=True))
    assert not (tmp_path / "m" / "task.json").exists()
    out = tmp_path / "o.tsv"
    result = here("predict.py", "--model_name_or_path", tmp_path / "m", "--data_dir", tmp_path / "d", "--output_file", out)
    assert result.returncode == 0, result.stderr
    assert len(out.read_text().splitlines()) == 4
    line = refused(here("generate.py", "--model_name_or_path", tmp_path / "m", "--context", "県庁", "--answer", "県庁"))
    assert "no task.json; say what the model does with --task" in line


PERPLEXITIES = ("token_perplexity", "char_perplexity")


def without_perplexities(found):
    if not isinstance(found, dict):
        return found
    return {name: without_perplexities(value) for name, value in found.items() if name not in PERPLEXITIES}


def test_predict_and_evaluate_agree(trained, tmp_path):
    data, model, _ = trained
    out = tmp_path / "out.tsv"
    common = ["--max_target_length", "8", "--num_beams", "2"]
    result = script("predict.py", "--model_name_or_path", model, "--input_file", data / "dev.tsv", "--output_file", out, *common)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"wrote 4 rows to {out}\nctranslate2 float32; ")
    assert out.read_text().splitlines()[0] == "qa_id\tinput\ttarget\toutput\tscore"
    result = here("evaluate.py", "--predictions", out, "--output_dir", tmp_path / "scores")
    assert result.returncode == 0, result.stderr
    from_file = json.loads((tmp_path / "scores" / "results.json").read_text())["splits"]["out"]
    result = script("train.py", "--do_eval", "--data_dir", data, "--output_dir", model, *common)
    assert result.returncode == 0, result.stderr
    assert "exact_match" in result.stdout
    results = json.loads((model / "results.json").read_text())
    assert set(PERPLEXITIES) <= results["splits"]["dev"]["metrics"].keys()
    assert without_perplexities(results["splits"]["dev"]) == from_file  # which knows of no model
    assert results["splits"]["test"]["rows"] == 10
    assert (model / "dev_output.tsv").read_bytes() == out.read_bytes()
    assert json.loads((model / "run.json").read_text())["metrics"]["dev"] == results["splits"]["dev"]["metrics"]
    assert (model / "model.safetensors").exists()
    assert model.with_name(f"{model.name}.ctranslate2").joinpath("ready.json").is_file()  # it answers at once from now on
    assert "| split | exact_match | bleu |" in (model / "README.md").read_text()


def test_generate(trained):
    _, model, _ = trained
    common = ["--model_name_or_path", model, "--context", "町の人口は桃です。", "--answer", "桃", "--max_target_length", "8"]
    result = script("generate.py", *common)
    assert result.returncode == 0, result.stderr
    *warnings, said = result.stderr.splitlines()  # this model may write nothing that can be seen
    assert re.fullmatch(r"generate\.py: ctranslate2 float32(; 1 searched again by (torch|numpy) float32, for \S+ \w+)?", said)
    assert not [line for line in warnings if "warning: the output is empty" not in line]
    assert len(result.stdout.splitlines()) == 1
    assert "桃" not in result.stdout
    result = here("generate.py", *common, "--max_input_length", "5")
    assert "warning: the prompt has" in result.stderr


def test_lengths_of_training_hold_afterwards(tiny, data_dir, tmp_path):
    from toi.models.checkpoint import load

    train(options(tiny, data_dir, tmp_path / "m", max_input_length=50, max_target_length=9, num_train_epochs=1))
    checkpoint = load(str(tmp_path / "m"))
    assert (checkpoint.max_input_length, checkpoint.max_target_length) == (50, 9)
    assert load(str(tiny)).max_input_length == 512


def test_a_new_run_takes_nothing_of_the_old_one_along(tiny, data_dir, tmp_path):
    train(options(tiny, data_dir, tmp_path / "m", num_train_epochs=1))
    for name in ("results.json", "test_output.tsv", "mine.txt"):
        (tmp_path / "m" / name).write_text("old")
    (tmp_path / "bare").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "bare" / f"{split}.tsv").write_text("1\t県庁\t甲府市\n")
    train(options(tiny, tmp_path / "bare", tmp_path / "m", num_train_epochs=1, overwrite_output_dir=True))
    names = {p.name for p in (tmp_path / "m").iterdir()}
    assert "mine.txt" in names
    assert not names & {"task.json", "results.json", "test_output.tsv"}


class Products(TorchDispatchMode):
    """The precisions of the factors of all matrix products, those of gradients included."""

    def __init__(self):
        super().__init__()
        self.dtypes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in ("mm", "bmm", "addmm", "baddbmm", "matmul", "linear"):
            self.dtypes |= {tensor.dtype for tensor in args if isinstance(tensor, torch.Tensor)}
        return function(*args, **(kwargs or {}))


def test_both_precisions_in_one_notebook(tiny, data_dir, tmp_path, monkeypatch):
    """Each run multiplies as it is told, whatever the run before did; weights are single precision in all."""
    found = []

    @contextmanager
    def products(state, batches):
        with Products() as mode:
            yield
        found.append(mode.dtypes)
        assert {parameter.dtype for parameter in state.checkpoint.model.parameters()} == {torch.float32}

    watch(monkeypatch, products)
    for name, precision, dtype in (("a", "bf16", torch.bfloat16), ("b", "fp32", torch.float32), ("c", "bf16", torch.bfloat16)):
        found.clear()
        train(options(tiny, data_dir, tmp_path / name, precision=precision, num_train_epochs=1))
        assert found == [{dtype}] * 5


# What is refused, before anything slow, in one line and with exit code 2.


def test_bad_data_folders(trained, tmp_path):
    data, _, _ = trained
    train_on = ["train.py", "--do_train", "--output_dir", tmp_path / "m", "--model_name_or_path", "x", "--data_dir"]
    assert "no such data folder" in refused(here(*train_on, tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    assert "train.tsv: no such file" in refused(here(*train_on, tmp_path / "empty"))
    for content, message in (
        ("1\ta\n", "dev.tsv:1: expected 3 tab-separated fields (id, source, target), found 2"),
        ("1\ta\tb\n2\ta\tb\tc\n", "dev.tsv:2: expected 3 tab-separated fields (id, source, target), found 4"),
        ("1\ta\tb\n2\t\tb\n", "dev.tsv:2: the source field is empty"),
    ):
        shutil.copytree(data, tmp_path / "bad", dirs_exist_ok=True)
        (tmp_path / "bad" / "dev.tsv").write_text(content)
        assert message in refused(here(*train_on, tmp_path / "bad"))
    (tmp_path / "bad" / "dev.tsv").write_bytes("1\t山\t川\n".encode("euc_jp"))
    assert "dev.tsv:1: not UTF-8" in refused(here(*train_on, tmp_path / "bad"))
    assert not (tmp_path / "m").exists()


def test_a_bad_test_split_is_said_before_training(trained, tmp_path):
    data, _, _ = trained
    shutil.copytree(data, tmp_path / "bad")
    (tmp_path / "bad" / "test.tsv").write_text("1\ta\n")
    line = refused(here("train.py", "--do_train", "--do_eval", "--data_dir", tmp_path / "bad", "--output_dir", tmp_path / "m"))
    assert "test.tsv:1: expected 3 tab-separated fields" in line


def test_bad_raw_files(tmp_path, squad_files):
    (tmp_path / "x.json").write_text("[1, 2]")
    prepare = ["prepare_jsquad_aqg.py", "--output_dir", tmp_path / "d", "--train_file"]
    assert "not SQuAD-format JSON" in refused(script(*prepare, tmp_path / "x.json"))
    assert "no such file" in refused(here(*prepare, tmp_path / "none.json"))
    value = squad_files[0].read_text().replace('"answer_start": ', '"answer_start": 1', 1)
    (tmp_path / "x.json").write_text(value)
    line = refused(here(*prepare, tmp_path / "x.json"))
    assert "data[0].paragraphs[0].qas[0].answers[0]: answer_start" in line
    assert "does not match" in line
    assert not (tmp_path / "d").exists()
    line = refused(here("prepare_jsquad.py", cwd=tmp_path))
    assert "raw/jsquad/train-v1.3.json: no such file; for JSQuAD run ./download.sh" in line


def test_another_run_is_not_overwritten(trained, tiny):
    data, model, _ = trained
    before = (model / "model.safetensors").read_bytes()
    line = refused(here("train.py", "--do_train", "--data_dir", data, "--output_dir", model, "--model_name_or_path", tiny))
    assert "holds another run" in line
    assert "--overwrite_output_dir" in line
    assert (model / "model.safetensors").read_bytes() == before


def test_a_hub_model_while_offline(trained, tmp_path):
    data, _, _ = trained
    line = refused(here("train.py", "--do_train", "--data_dir", data, "--output_dir", tmp_path / "m"))
    assert "sonoisa/t5-base-japanese: no such folder here, and the Hugging Face hub did not give it" in line
    assert "make demo" in line
    assert not (tmp_path / "m").exists()


def test_bad_combinations_from_a_notebook(tmp_path):
    with pytest.raises(InputError, match="--num_train_epochs must be at least 1"):
        train(TrainOptions(do_train=True, num_train_epochs=0))
