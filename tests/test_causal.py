"""A second family through the same scripts: a causal model is trained, goes on, predicts, generates and is scored as a T5 is."""

import json
import random
import shutil

import pytest
from conftest import here, prepare_folder, town_articles
from evaluate import EvaluateOptions
from evaluate import main as score
from stopped import stopped_behind
from tiny_causal import MAKERS

import generate
import predict
from toi.data.examples import read_rows
from toi.data.predictions import read_predictions
from toi.decoding.banned import BannedText
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions, NBestOptions
from toi.decoding.predict import predict as predicted
from toi.decoding.predict import predict_to_file
from toi.decoding.vocabulary import Vocabulary
from toi.models.checkpoint import load
from toi.system.journal import Journal
from toi.text.folding import banned_words
from train import TrainOptions, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal-data")
    for name, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
        (folder / f"{name}.json").write_text(json.dumps(town_articles(count, prefix)))
    return prepare_folder(folder / "data", [folder / "train.json", folder / "test.json"], "aqg-hl")


@pytest.fixture(scope="module", params=MAKERS)
def base(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("causal-base") / request.param)


def options(base, data, output_dir, **changes):
    fast = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "learning_rate": 3e-3, "precision": "fp32"}
    return TrainOptions(
        model_name_or_path=str(base), data_dir=str(data), output_dir=str(output_dir), do_train=True, **{**fast, **changes}
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base, data):
    folder = tmp_path_factory.mktemp("causal-trained")
    return folder / "model", train(options(base, data, folder / "model"))


def test_what_a_run_writes(trained, base):
    model, run = trained
    assert run["history"][1]["eval_loss"] < run["history"][0]["eval_loss"]
    names = {path.name for path in model.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "task.json", "run.json", "log.csv", "README.md"} <= names
    card = (model / "README.md").read_text()
    kind = json.loads((base / "config.json").read_text())["model_type"]
    assert f"tags: [toi, {kind}]" in card
    assert f"A {kind} fine-tuned with Toi" in card
    checkpoint = load(str(model))
    assert checkpoint.tokenizer.encode("町<hl>桃<hl>").count(checkpoint.tokenizer.id_of("<hl>")) == 2
    assert checkpoint.model.get_output_embeddings().weight.shape[0] >= len(checkpoint.tokenizer)


def test_losses_do_not_depend_on_how_a_step_is_cut(base, data, tmp_path):
    shutil.copytree(base, tmp_path / "still")
    config = json.loads((base / "config.json").read_text())
    still = {name: 0.0 for name in config if name.endswith(("pdrop", "dropout"))}
    (tmp_path / "still" / "config.json").write_text(json.dumps({**config, **still}))
    whole, cut = (
        train(options(tmp_path / "still", data, tmp_path / name, num_train_epochs=1, **how))["history"][0]
        for name, how in (("a", {}), ("b", {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4}))
    )
    assert cut["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-4)
    assert cut["eval_loss"] == pytest.approx(whole["eval_loss"], rel=1e-4)


def test_the_very_same_run_behind_a_stop(trained, base, data, tmp_path, monkeypatch):
    with stopped_behind(monkeypatch, 7):
        train(options(base, data, tmp_path / "m", save_steps=2))
    again = train(options(base, data, tmp_path / "m", save_steps=2, resume_from_checkpoint="auto"))
    model, run = trained
    assert [e["eval_loss"] for e in again["history"]] == [e["eval_loss"] for e in run["history"]]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_predict_with_beams_and_banned_words(trained, data, tmp_path):
    model, _ = trained
    common = {"model_name_or_path": str(model), "data_dir": str(data), "max_target_length": 8}
    predict.main(predict.PredictOptions(**common, output_file=str(tmp_path / "free.tsv")))
    predict.main(predict.PredictOptions(**common, output_file=str(tmp_path / "small.tsv"), per_device_eval_batch_size=1))
    free = read_predictions(tmp_path / "free.tsv")
    assert len(free) == 10
    assert [p.output for p in free] == [p.output for p in read_predictions(tmp_path / "small.tsv")]
    words = sorted({c for p in free for c in p.output if c.isalnum()})[:2]
    assert words
    predict.main(predict.PredictOptions(**common, output_file=str(tmp_path / "held.tsv"), bad_words=words))
    held = read_predictions(tmp_path / "held.tsv")
    assert not [p for p in held if banned_words(p.output, words)]
    for before, after in zip(free, held, strict=True):
        assert banned_words(before.output, words) or before.output == after.output


def test_a_killed_prediction_goes_on(trained, data, tmp_path, monkeypatch):
    class Stopped(Exception):
        pass

    def stopping(self, number, result, real=Journal.add):
        real(self, number, result)
        if len(self.done) == 4:
            raise Stopped

    decoder, rows = Decoder(load(str(trained[0]))), read_rows(data / "test.tsv")
    path, chosen = tmp_path / "out.tsv", DecodingOptions(num_beams=2, max_target_length=4)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", stopping)
        with pytest.raises(Stopped):
            predict_to_file(decoder, rows, chosen, 3, path)
    assert predict_to_file(decoder, rows, chosen, 8, path).resumed == 4
    assert [p.output for p in read_predictions(path)] == [p.output for p in predicted(decoder, rows, chosen, 8)]


def test_requests_of_a_file_and_of_the_terminal(trained):
    common = ("generate.py", "--model_name_or_path", str(trained[0]), "--max_target_length", "6")
    asked = [{"id": "一", "answer": "桃", "context": "町の人口は桃です。"}, {"context": "町の<hl>名産<hl>は桃です。"}]
    for options in (["--num_beams", "4", "--diversity_penalty", "1"], ["--do_sample", "--temperature", "1.5"]):
        stdin = "\n".join(json.dumps(line, ensure_ascii=False) for line in asked)
        wanted = ["--input_file", "-", "--output_format", "json", "--num_return_sequences", "2"]
        result = here(*common, *wanted, *options, stdin=stdin)
        assert result.returncode == 0, result.stderr
        found = [json.loads(line) for line in result.stdout.splitlines()]
        assert [(one.get("id"), one["error"], len({text["text"] for text in one["outputs"]})) for one in found] == [
            ("一", None, 2),
            (None, None, 2),
        ]
        for one, answer in zip(found, ("桃", "名産"), strict=True):
            assert not any(answer in text["text"] for text in one["outputs"])
    result = here(*common, "--interactive", stdin="町の人口は桃です。\n桃\n--num_beams 2\n人口\n\nquit\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("answer> ") == 4


def test_the_engine_says_why_it_is_torch(trained):
    decoder = Decoder(load(str(trained[0])))
    list(decoder.decode(["町"], DecodingOptions(max_target_length=2)))
    assert decoder.engine.startswith(f"torch float32 (a {decoder.checkpoint.model.config.model_type} model is not converted")


def test_generate_and_evaluate(trained, data, tmp_path, capsys):
    model, _ = trained
    context = "町の人口は桃です。"
    asked = {"model_name_or_path": str(model), "context": context, "answer": "桃", "max_target_length": 8}
    generate.main(generate.GenerateOptions(**asked, num_return_sequences=3))
    said = capsys.readouterr()
    assert "桃" not in said.out
    assert said.out.strip()
    score(
        EvaluateOptions(output_dir=str(tmp_path / "scores"), model_name_or_path=str(model), data_dir=str(data), max_target_length=8)
    )
    assert "exact_match" in capsys.readouterr().out
    assert json.loads((tmp_path / "scores" / "results.json").read_text())["splits"]["test"]["rows"] == 10


def test_no_walk_over_the_vocabulary_leaks_or_breaks_a_character(trained):
    """Byte-level tokens hold parts of characters: what is written is what the tokenizer makes of the ids."""
    tokenizer = load(str(trained[0])).tokenizer
    for words in (["県"], ["の", "は", "町"], ["です", "A"]):
        banned = BannedText(Vocabulary(tokenizer.pieces), words)
        for seed in range(30):
            generator, ids, ending = random.Random(seed), [], banned.start
            for _ in range(25):
                closed = {*banned.always.tolist(), *banned.forbidden(ending).tolist()}
                ids.append(generator.choice([i for i in range(len(tokenizer)) if i not in closed]))
                ending = banned.advance(ending, ids[-1])
            text = tokenizer.decode(ids)
            assert not banned_words(text, words)
            assert "\ufffd" not in text


def test_n_best_of_a_causal_model_differ(trained):
    decoder = Decoder(load(str(trained[0])))
    nbest = NBestOptions(num_beams=4, num_return_sequences=4, diversity_penalty=1.0, max_target_length=6)
    ((_, output),) = decoder.decode(["町0の人口は<hl>3人<hl>である。"], nbest)
    assert len({text.text for text in output.texts}) == 4
