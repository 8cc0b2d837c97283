"""No code of a model folder runs, whatever script and option names the folder, and nothing asks whether it may."""

import contextlib
import io
import json
import shutil
import sys

import pytest
from conftest import prepare_folder, town_articles
from evaluate import EvaluateOptions
from evaluate import main as score
from tiny_causal import MAKERS

import generate
import predict
import prepare_jsquad_aqg
from toi.data.predictions import Prediction, write_predictions
from toi.system.errors import InputError
from train import TrainOptions, train

PAYLOAD = """
import pathlib
pathlib.Path({marker!r}).write_text("ran")
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration


class Config(T5Config):
    model_type = "own"


class Model(T5ForConditionalGeneration):
    config_class = Config


class Tokenizer(PreTrainedTokenizerFast):
    pass
"""


def armed(folder, marker, model_type):
    """The model folder with code of its own, which would leave `marker`; of a kind that transformers knows, or of its own."""
    (folder / "own.py").write_text(PAYLOAD.format(marker=str(marker)))
    classes = {"AutoConfig": "own.Config"}
    classes |= {f"AutoModelFor{kind}": "own.Model" for kind in ("Seq2SeqLM", "CausalLM")} | {"AutoModel": "own.Model"}
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "model_type": model_type or config["model_type"], "auto_map": classes}))
    path = folder / "tokenizer_config.json"
    tokenizer = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**tokenizer, "auto_map": {"AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"]}}))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("armed-data")
    for name, count, prefix in (("train", 24, "町"), ("test", 3, "村")):
        (folder / f"{name}.json").write_text(json.dumps(town_articles(count, prefix)))
    return prepare_folder(folder / "data", [folder / "train.json", folder / "test.json"], "aqg")


SHORT = {"max_target_length": 3, "num_beams": 1}
ASKED = {"context": "町は桃です。", "answer": "桃", "task": "aqg"}


def uses(armed_model, plain, data, folder):
    """Every script with every option that takes a model: name -> a call."""
    model = str(armed_model)
    predictions = folder / "p.tsv"
    write_predictions(predictions, [Prediction("1", "answer: 桃 context: 桃です。", "何?", "何?", 0.0)])
    once = {"do_train": True, "data_dir": str(data), "max_steps": 1, "precision": "fp32"}
    scored = {"output_dir": str(folder / "scores"), "n_resamples": 0}
    on_data = {"data_dir": str(data), **SHORT}
    files = {"train_file": str(data.parent / "train.json"), "test_file": str(data.parent / "test.json")}
    return {
        "train": lambda: train(TrainOptions(model_name_or_path=model, output_dir=str(folder / "m"), **once)),
        "train tokenizer": lambda: train(
            TrainOptions(model_name_or_path=plain, tokenizer_name_or_path=model, output_dir=str(folder / "n"), **once)
        ),
        "predict": lambda: predict.main(
            predict.PredictOptions(model_name_or_path=model, output_file=str(folder / "o.tsv"), **on_data)
        ),
        "predict tokenizer": lambda: predict.main(
            predict.PredictOptions(
                model_name_or_path=plain, tokenizer_name_or_path=model, output_file=str(folder / "o.tsv"), **on_data
            )
        ),
        "generate": lambda: generate.main(generate.GenerateOptions(model_name_or_path=model, **ASKED, **SHORT)),
        "generate tokenizer": lambda: generate.main(
            generate.GenerateOptions(model_name_or_path=plain, tokenizer_name_or_path=model, **ASKED, **SHORT)
        ),
        "evaluate": lambda: score(EvaluateOptions(model_name_or_path=model, **scored, **on_data)),
        "evaluate qa_model": lambda: score(EvaluateOptions(model_name_or_path=plain, qa_model=model, **scored, **on_data)),
        "evaluate tokenizers": lambda: score(
            EvaluateOptions(predictions=str(predictions), tokenizers=["mecab", f"t5:{model}"], **scored)
        ),
        "evaluate sonoisa": lambda: score(
            EvaluateOptions(predictions=str(predictions), profile="sonoisa", tokenizer_name=model, **scored)
        ),
        "prepare": lambda: prepare_jsquad_aqg.main(
            prepare_jsquad_aqg.Options(**files, output_dir=str(folder / "d"), tokenizer_name_or_path=model)
        ),
    }


NAMES = [
    "train", "train tokenizer", "predict", "predict tokenizer", "generate", "generate tokenizer", "evaluate", "evaluate qa_model",
    "evaluate tokenizers", "evaluate sonoisa", "prepare",
]  # fmt: skip


@pytest.mark.parametrize("model_type", ["own", None], ids=["unknown kind", "known kind"])
@pytest.mark.parametrize("family", ["t5", "gpt2"])
def test_nothing_of_a_model_folder_runs(tiny, data, tmp_path, monkeypatch, model_type, family):
    marker = tmp_path / "marker"
    base = tmp_path / "base"
    shutil.copytree(tiny, base) if family == "t5" else MAKERS[family](base)
    model = armed(base, marker, model_type)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 50))
    calls = uses(model, str(tiny), data, tmp_path)
    assert list(calls) == NAMES
    refused = {}
    for name, call in calls.items():
        with contextlib.suppress(InputError):
            try:
                call()
            except InputError as error:
                refused[name] = str(error)
                raise
        assert not marker.exists(), name
    assert sys.stdin.tell() == 0, "something asked"
    assert not [line for line in refused.values() if "\n" in line]
    says_so = {name for name, line in refused.items() if "it needs code of its own, which is never run" in line}
    if model_type is None:  # a class of transformers' own is used
        assert not says_so
    else:
        assert says_so >= {"train", "predict", "generate", "evaluate", "evaluate qa_model"}


def test_the_refusal_says_why(tiny, tmp_path):
    from toi.models.checkpoint import load

    shutil.copytree(tiny, tmp_path / "m")
    armed(tmp_path / "m", tmp_path / "marker", "own")
    with pytest.raises(
        InputError, match=r"config\.json: not the configuration of a known model \(it needs code of its own, which is"
    ):
        load(str(tmp_path / "m"))
