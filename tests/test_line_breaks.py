"""Texts with line breaks on their whole way: prepared, trained on, predicted, scored, asked for; all in this process."""

import json

import pytest
from conftest import squad
from evaluate import EvaluateOptions
from evaluate import main as score

import generate
import predict
import prepare_jsquad_aqg
from toi.data.examples import read_examples, read_rows
from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.data.requests import prompts_of
from toi.data.task_files import read_task
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Output, Text
from toi.models.checkpoint import load
from toi.scoring.answered import Answered
from toi.scoring.answering import show
from toi.scoring.roundtrip import round_trip
from toi.scoring.verdicts import Verdict
from toi.text.normalization import Normalization
from train import TrainOptions, train
from train import evaluate as evaluate_trained

LINES = Normalization(line_breaks=True)


def articles(count, prefix):
    """Articles with one question of two lines each."""
    found = {}
    for i in range(count):
        context = f"　{prefix}{i}\r\n\r\n人口\t{i + 2}人\\\n特産品は桃\n"
        found[f"{prefix}{i}"] = [
            (context, [(f"{prefix}{i}", f"人口は？\n{prefix}{i}は？", f"{i + 2}人", context.index(f"{i + 2}人"))])
        ]
    return squad(found)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A data folder with line breaks, and a model that saw it for one step."""
    folder = tmp_path_factory.mktemp("lines")
    for name, count, prefix in (("train", 20, "町"), ("test", 3, "村")):
        (folder / f"{name}.json").write_text(json.dumps(articles(count, prefix)))
    prepare_jsquad_aqg.main(
        prepare_jsquad_aqg.Options(
            train_file=str(folder / "train.json"), test_file=str(folder / "test.json"), output_dir=str(folder / "data"),
            line_breaks=True, source_template=r"文脈:\n{highlighted}",
        )
    )  # fmt: skip
    options = TrainOptions(
        model_name_or_path=str(tiny), data_dir=str(folder / "data"), output_dir=str(folder / "model"), do_train=True, do_eval=True,
        max_steps=1, precision="fp32", num_beams=1, max_target_length=4,
    )  # fmt: skip
    train(options)
    evaluate_trained(options)
    return folder / "data", folder / "model"


def test_the_data_and_the_model(trained):
    data, model = trained
    line = (data / "test.tsv").read_text(encoding="utf-8").split("\n")[1]
    assert line == "村1\t文脈:\\n村1\\n\\n人口<hl>3人<hl>\\\\\\n特産品は桃\t人口は?\\n村1は?"
    assert read_task(model) == read_task(data)
    assert read_task(model).line_breaks
    assert r"`文脈:\n{highlighted}` -> `{question}`" in (model / "README.md").read_text(encoding="utf-8")


def test_predictions_and_scores(trained, tmp_path, capsys):
    data, model = trained
    rows = read_rows(data / "test.tsv", line_breaks=True)
    common = {"model_name_or_path": str(model), "max_target_length": 4, "num_beams": 1}
    predict.main(predict.PredictOptions(**common, data_dir=str(data), output_file=str(tmp_path / "a.tsv")))
    predict.main(predict.PredictOptions(**common, input_file=str(data / "test.tsv"), output_file=str(tmp_path / "b.tsv")))
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    for file in (tmp_path / "a.tsv", model / "test_output.tsv"):
        assert [prediction[:3] for prediction in read_predictions(file)] == rows
    for name, change in (("right", lambda text: text), ("joined", lambda text: text.replace("\n", ""))):
        write_predictions(tmp_path / f"{name}.tsv", [Prediction(*row, change(row.target), 0.0) for row in rows], line_breaks=True)
    options = EvaluateOptions(
        predictions=str(tmp_path / "right.tsv"), compare=str(tmp_path / "joined.tsv"), output_dir=str(tmp_path / "scores"),
        data_dir=str(data), n_resamples=20,
    )  # fmt: skip
    capsys.readouterr()
    score(options)
    assert "ours    人口は?\\n村0は?\n" in capsys.readouterr().out
    found = json.loads((tmp_path / "scores" / "results.json").read_text())["splits"]["right"]
    assert found["metrics"]["exact_match"] == 1
    assert found["comparison"]["differences"]["exact_match"]["value"] == 1
    assert found["comparison"]["changes"]["rows"][0]["output"].count("\n") == 1


def test_a_model_is_scored(trained, tmp_path):
    data, model = trained
    options = EvaluateOptions(
        output_dir=str(tmp_path), model_name_or_path=str(model), data_dir=str(data), num_beams=1, max_target_length=4, n_resamples=0
    )
    score(options)
    assert [p[:3] for p in read_predictions(tmp_path / "test_output.tsv")] == read_rows(data / "test.tsv", line_breaks=True)


def test_a_round_trip(trained, tmp_path):
    data, model = trained
    examples = {example.id: example for example in read_examples(data / "test.jsonl")}
    predictions = [Prediction(*row, "何？\n誰?", 0.0) for row in read_rows(data / "test.tsv", line_breaks=True)]
    for normalization, between in ((LINES, "\n"), (Normalization(), "")):
        reader = Decoder(load(str(model)))
        reader.checkpoint.task = Task.named("qa", normalization)
        round_trip(predictions, examples, reader, 8, tmp_path, {})
        (row, *_) = read_rows(tmp_path / "test.tsv", line_breaks=normalization.line_breaks)
        assert row.source.startswith(f"question: 何?{between}誰? context: 村0{between}{between}人口")
        assert read_predictions(tmp_path / "test_output.tsv")[0].source == row.source


def test_the_prompt_of_a_request_is_that_of_training(trained):
    data, model = trained
    task = read_task(model)
    options = generate.GenerateOptions(model_name_or_path=str(model), input_file="f")
    requests = generate.requests_of(options, "3人\t　村1\\r\\n\\r\\n人口\\t3人\\\\\\n特産品は桃\\n\n", task)
    _, sources = prompts_of(task, requests, print)
    assert sources == [read_rows(data / "test.tsv", line_breaks=True)[1].source]


@pytest.mark.parametrize(
    ("line_breaks", "many", "texts", "expected"),
    [
        (True, False, ["一\n\n二\\"], "一\n\n二\\\n"),
        (True, True, ["一\n\n二\\"], "一\\n\\n二\\\\\n"),
        (True, False, ["一\n二", "三"], "一\\n二\n三\n"),
        (False, False, ["一\n\n二\\"], "一  二\\\n"),
        (False, True, ["一\n二\\"], "一 二\\\n"),
    ],
)
def test_how_outputs_are_printed(line_breaks, many, texts, expected, capsys):
    task = Task.named("aqg", Normalization(line_breaks=line_breaks))
    output = Output(texts[0], 0.0, tuple(Text(text, 0.0, 0.0) for text in texts))
    options = generate.GenerateOptions(num_return_sequences=len(texts), num_beams=len(texts))
    show(
        [Answered(generate.requests_of(options, "", task)[0][1], output, [Verdict((), None, ())] * len(texts))], options, task, many
    )
    assert capsys.readouterr().out == expected
