"""Choices the whole way: rows, training on the choice alone, scores, and generate.py."""

import json

import pytest
from conftest import load_speaking
from running import here, refused
from tiny_causal import make_gpt2

from toi.models.checkpoint import save


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice-tasks")
    records = [
        {"prompt": f"県庁{i}", "response_a": "甲府" * (i % 2), "response_b": "甲府" * (i % 3), "winner": ("a", "b", "tie")[i % 3]}
        for i in range(1, 60)
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    template = ["--source_template", "{prompt}/{response_a}/{response_b}:", "--choices", "A", "B", "AB"]
    splits = ["--validation_size", "0.2", "--test_size", "0.2"]
    result = here("prepare_preferences.py", "--train_file", folder / "r.jsonl", "--output_dir", folder / "d", *template, *splits)
    assert result.returncode == 0, result.stderr
    return folder / "d"


def compare_by_hand(model, data):
    """generate.py says of two answers what predict.py says of a row that holds them, and both ways round the same."""
    assert here("predict.py", "--model_name_or_path", model, "--data_dir", data, "--split", "dev").returncode == 0
    first = (model / "dev_output.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")
    asked, a, b = first[1].removesuffix(":").split("/")
    ask = ["generate.py", "--model_name_or_path", model, "--output_format", "tsv", "--prompt", asked]
    found = here(*ask, "--response_a", a, "--response_b", b)
    assert found.returncode == 0, found.stderr
    header, line = (text.split("\t") for text in found.stdout.splitlines())
    assert header == ["id", "output", "A", "B", "AB"]
    assert list(map(float, line[2:])) == pytest.approx(list(map(float, first[-4:-1])), abs=1e-6)
    turned = [
        here(*ask, "--swap_average", *given).stdout.splitlines()[1].split("\t")[2:]
        for given in (("--response_a", a, "--response_b", b), ("--response_a", b, "--response_b", a))
    ]
    one, other = (list(map(float, shares)) for shares in turned)
    assert one == pytest.approx([other[1], other[0], other[2]], abs=1e-6)
    assert f"{model}: compares two answers" in refused(here("generate.py", "--model_name_or_path", model, "--interactive"))


def test_a_choice_is_learnt_and_scored(data, tmp_path, tmp_path_factory):
    base = make_gpt2(tmp_path / "base")
    options = ["--num_train_epochs", "2", "--precision", "fp32", "--learning_rate", "3e-3", "--per_device_train_batch_size", "8"]
    result = here(
        "train.py", "--do_train", "--do_eval", "--loss", "choice", "--model_name_or_path", base, "--data_dir", data,
        "--output_dir", tmp_path / "m", "--eval_before_training", "--metric_for_best_model", "exact_match", *options,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run = json.loads((tmp_path / "m" / "run.json").read_text())
    losses = [entry["eval_loss"] for entry in run["history"]]
    assert losses[-1] < losses[0]
    assert run["best_metric"] == max(entry["exact_match"] for entry in run["history"]) > 0  # of choices, not of searches
    assert run["metrics"]["dev"]["accuracy"] == pytest.approx(run["best_metric"])
    assert run["metrics"]["dev"]["log_loss"] == pytest.approx(run["eval_loss"], abs=1e-4)  # per row: what evaluation calls it
    assert json.loads((tmp_path / "m" / "task.json").read_text())["choices"] == ["A", "B", "AB"]
    assert "log_loss_uniform" in result.stdout
    compare_by_hand(tmp_path / "m", data)
    assert "validation loss per row" in (tmp_path / "m" / "README.md").read_text()
    (tmp_path / "plain").mkdir()
    for path in data.iterdir():
        (tmp_path / "plain" / path.name).write_bytes(path.read_bytes())
    task = json.loads((data / "task.json").read_text())
    del task["choices"]
    (tmp_path / "plain" / "task.json").write_text(json.dumps(task))
    arguments = ["--do_train", "--loss", "choice", "--model_name_or_path", base, "--output_dir", tmp_path / "n"]
    assert "task.json names no choices" in refused(here("train.py", *arguments, "--data_dir", tmp_path / "plain"))


@pytest.mark.parametrize("output_format", ["text", "json", "tsv"])
def test_generate_prints_probabilities(tmp_path, output_format):
    speaking = load_speaking(make_gpt2(tmp_path / "base"))
    save(tmp_path / "m", speaking.model, speaking.tokenizer, None, {}, {})
    ask = ["generate.py", "--model_name_or_path", tmp_path / "m", "--task", "plain", "--output_format", output_format]
    result = here(*ask, "--prompt", "賛成ですか?", "--choices", "賛成", "反対", "県庁")
    assert result.returncode == 0, result.stderr
    if output_format == "json":
        shares = json.loads(result.stdout)["choices"]
        assert list(shares) == ["賛成", "反対", "県庁"]
    elif output_format == "tsv":
        header, line = (text.split("\t") for text in result.stdout.splitlines())
        assert header == ["id", "output", "賛成", "反対", "県庁"]
        shares = dict(zip(header[2:], map(float, line[2:]), strict=True))
        assert line[1] == max(shares, key=shares.get)
    else:
        shares = {name: float(share) for share, name in map(str.split, result.stdout.splitlines())}
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1, abs=2e-4)
    if output_format == "text":
        said = refused(here(*ask, "--choices", "賛成", "反対", "--interactive"))
        assert "--choices cannot go with --interactive" in said
        said = refused(here(*ask, "--prompt", "何?", "--choices", "賛成", "反対", "--swap_average"))
        assert said.endswith("compares no answers (task plain); leave out --swap_average")
