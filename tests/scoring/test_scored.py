import json
import math
import shutil

import pytest
from conftest import make_model, prepare_folder, refused, script
from evaluate import EvaluateOptions, main

from toi.data.examples import read_examples, read_rows
from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.data.tasks import Task, read_task
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load
from toi.scoring.options import ScoringOptions
from toi.scoring.roundtrip import qa_task
from toi.scoring.scored import (
    comparison_table,
    evaluate_model,
    gold_answers,
    read_other,
    score_predictions,
    score_rows,
    table,
    tokenizer_table,
    with_comparison,
    with_examples,
    with_round_trip,
    write_results,
)
from toi.system.cli import checked, parse
from toi.system.errors import InputError

ROWS = [
    Prediction("a", "answer: 桃 context: 町の特産品は桃です。", "町の特産品は何ですか?", "町の特産品は何ですか?", -0.1),
    Prediction(
        "b", "answer: 甲府市 context: 県庁所在地は甲府市です。", "県庁所在地はどこですか?", "県庁所在地は甲府市ですか?", -0.2
    ),
    Prediction("c", "answer: 釣り context: 趣味は釣りです。", "趣味は何ですか?", "特技は何ですか?", -0.3),
    Prediction("d", "answer: 3人 context: 人口は3人です。", "人口は何人ですか?", "", -0.4),
]


def with_outputs(*outputs):
    return [row._replace(output=output) for row, output in zip(ROWS, outputs, strict=True)]


def test_all_gold_answers_count(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "qa", squad_files, "qa")
    gold = gold_answers(folder, "test")
    assert gold["村-000-1"] == ["桃"]
    predictions = [Prediction("a", "x", "桃", "モモ", 0.0), Prediction("b", "x", "柿", "柿", 0.0)]
    assert score_predictions(predictions)["exact_match"].value == 0.5
    assert score_predictions(predictions, {"a": ["もも", "モモ"]})["exact_match"].value == 1.0
    assert gold_answers(prepare_folder(tmp_path / "aqg", squad_files, "aqg"), "test") == {}
    with pytest.raises(InputError, match="has no target"):
        score_predictions([Prediction("a", "x", "", "モモ", 0.0)])
    with pytest.raises(InputError, match="prediction 0 holds an unpaired surrogate"):
        score_predictions([Prediction("a", "x", "桃", "\ud83d", 0.0)])


def test_what_is_found_out_about_predictions():
    found = score_rows(ROWS, ScoringOptions())
    assert found.scores["exact_match"].value == 0.25
    assert found.hallucinated == [[], [], ["特技"], []]
    assert found.scores["hallucination"].value == 0.25
    assert found.scores["hallucinated_words"].value == pytest.approx(1 / 6)  # of 町 特産品 県庁 所在地 甲府 特技
    for score in found.scores.values():
        assert math.isfinite(score.value)
        assert score.low <= score.value <= score.high
    assert score_rows(ROWS, ScoringOptions(stop_words=["特技"])).scores["hallucination"].value == 0


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("県<hl>庁所<hl>在地は甲府市です。", "県庁所在地は?", []),
        ("answer: 桃 context: 町の特産品は桃です。", "町のcは何か", ["c"]),  # a letter of `context:`
        ("question: 桃は何か context: 桃はquestionだ", "question", []),  # but of the text
        ("answer: 桃\ncontext: 町の特産品は桃です。", "町のcは何か", ["c"]),
    ],
)
def test_marks_and_labels_are_no_part_of_the_input(source, output, expected):
    assert score_rows([Prediction("a", source, "x", output, 0.0)], ScoringOptions()).hallucinated == [expected]


def test_several_tokenizers():
    found = score_rows(ROWS, ScoringOptions(tokenizers=["char", "mecab"]))
    assert found.scores["bleu"] == found.by_tokenizer["char"]["bleu"]
    assert found.by_tokenizer["mecab"] == {
        name: score for name, score in score_rows(ROWS, ScoringOptions()).scores.items() if "hallucin" not in name
    }
    lines = tokenizer_table(found).splitlines()
    assert lines[0].split() == ["char", "mecab"]
    assert not any(line.startswith(("exact_match", "chrf", "f1")) for line in lines)  # do not depend on it
    assert lines[2].split()[:2] == ["bleu", "1-2"]
    assert any(line.startswith("  1-2 nrefs:1|case:mixed|eff:no|tok:{char, ja-mecab-0.996-IPA}|smooth:exp") for line in lines)
    with pytest.raises(InputError, match="unknown tokenizer 'x'"):
        score_rows(ROWS, ScoringOptions(tokenizers=["x"]))


def test_table():
    scores = {split: score_predictions(ROWS, options=ScoringOptions(n_resamples=100)) for split in ("dev", "test")}
    lines = table(scores, {"dev": 4, "test": 1234}).splitlines()
    assert lines[0].split() == ["dev", "test"]
    assert lines[1].split() == ["rows", "4", "1,234"]
    name, number, value, *_ = lines[2].split()
    assert (name, number, value) == ("exact_match", "1", "0.2500")
    assert "[" in lines[2]
    assert "    1 nrefs:1|match:string" in lines
    assert any("tok:ja-mecab" in line for line in lines)
    alone = table({"test": score_predictions(ROWS[:1])}, {"test": 1}).splitlines()
    assert alone[2].split() == ["exact_match", "1", "1.0000"]  # one row has no interval


def examples_of(tmp_path, squad_files):
    """A data folder with question types, its Examples, and predictions on it."""
    data = json.loads(squad_files[1].read_text(encoding="utf-8"))
    for article in data["data"]:
        for i, qa in enumerate(article["paragraphs"][0]["qas"]):
            qa["question_type"] = ("Logical reasoning", "Syntactic variation")[i]
            qa["answers"][0]["answer_type"] = "Object"
    squad_files[1].write_text(json.dumps(data), encoding="utf-8")
    folder = prepare_folder(tmp_path / "aqg", squad_files, "aqg")
    rows = read_rows(folder / "test.tsv")
    predictions = [Prediction(*row, row.target if i % 2 else row.target.replace("何", "桃"), 0.0) for i, row in enumerate(rows)]
    return folder, read_examples(folder / "test.jsonl"), predictions


def test_types_and_leaks(tmp_path, squad_files):
    _, examples, predictions = examples_of(tmp_path, squad_files)
    predictions[1] = predictions[1]._replace(output="特産品は桃ですか?")
    scored = score_rows(predictions, ScoringOptions())
    found = with_examples(scored, examples, ScoringOptions(), asks=True, where="x")
    assert found.leaked == [i == 1 for i in range(10)]
    assert found.scores["answer_leak"].value == pytest.approx(0.1)
    types = found.by_type("question_type")
    assert list(types) == ["Logical reasoning", "Syntactic variation"]
    assert types["Logical reasoning"]["rows"] == 5
    assert types["Logical reasoning"]["exact_match"] == 0.0
    assert types["Syntactic variation"]["exact_match"] == 0.8
    only = [p for i, p in enumerate(predictions) if i % 2]
    assert types["Syntactic variation"]["bleu"] == pytest.approx(score_predictions(only)["bleu"].value)
    assert found.by_type("answer_type")["Object"]["bleu"] == pytest.approx(found.scores["bleu"].value)
    assert scored.by_type("question_type") == {}
    assert with_examples(scored, examples, ScoringOptions(), asks=False, where="x").leaked is None
    with pytest.raises(InputError, match="x: 1 of 4 rows are not in it, the first 'a'; give the --data_dir"):
        with_examples(
            score_rows([ROWS[0], *(p for p in predictions[:3])], ScoringOptions()), examples, ScoringOptions(), asks=True, where="x"
        )


def test_comparison(tmp_path):
    path = tmp_path / "o.tsv"
    write_predictions(path, reversed(with_outputs(ROWS[0].output, "県庁所在地はどこですか?", "桃", "x")))
    others = read_other(str(path), [(row.id, row.target) for row in ROWS])
    assert [other.id for other in others] == ["a", "b", "c", "d"]
    found = with_comparison(score_rows(ROWS, ScoringOptions()), others, str(path), ScoringOptions())
    assert found.comparison.differences["exact_match"].value == -0.25
    assert 0 < found.comparison.differences["exact_match"].p <= 1
    assert [change.id for change in found.comparison.changes] == ["c", "b", "d"]
    assert found.comparison.changes[0].other == "桃"
    text = comparison_table(found.comparison)
    assert "exact_match              -0.2500 [" in text
    assert "    theirs  桃" in text
    same = with_comparison(score_rows(ROWS, ScoringOptions()), ROWS, "o", ScoringOptions())
    assert "all outputs are the same" in comparison_table(same.comparison)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:3], "1 of our rows are not in it (the first 'd')"),
        ([*ROWS, ROWS[0]._replace(id="e")], "1 of its rows are not ours (the first 'e')"),
        ([*ROWS[:3], ROWS[3]._replace(id="e")], "the first 'd'), 1 of its rows are not ours (the first 'e')"),
        ([*ROWS, ROWS[0]], "two rows with the id 'a'"),
        ([*ROWS[:3], ROWS[3]._replace(target="何")], "the target of 'd' is '何' there, but '人口は何人ですか?' here"),
    ],
)
def test_other_rows_are_not_compared(tmp_path, rows, message):
    write_predictions(tmp_path / "o.tsv", rows)
    with pytest.raises(InputError) as error:
        read_other(str(tmp_path / "o.tsv"), [(row.id, row.target) for row in ROWS])
    assert message in str(error.value)


def test_results(tmp_path, squad_files):
    _, examples, predictions = examples_of(tmp_path, squad_files)
    options = ScoringOptions(tokenizers=["mecab", "char"], n_resamples=50)
    found = with_examples(score_rows(predictions, options), examples, options, asks=True, where="x")
    found = with_comparison(found, predictions, "other.tsv", options)
    write_results(tmp_path, {"test": found}, options, {"predictions": "x"})
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text
    results = json.loads(text)
    split = results["splits"]["test"]
    assert split["rows"] == 10
    assert set(split["metrics"]) == set(split["signatures"]) == set(split["intervals"])
    assert split["metrics"]["answer_leak"] == 0
    assert set(split["tokenizers"]) == {"mecab", "char"}
    assert split["by_type"]["question_type"]["Logical reasoning"]["rows"] == 5
    assert split["comparison"]["differences"]["bleu"]["p"] == 1
    assert results["scoring"] == {"profile": "toi", "n_resamples": 50, "bootstrap_seed": 0}
    assert results["versions"]["fugashi"]


def test_round_trip(tmp_path, squad_files, tiny):
    _, examples, predictions = examples_of(tmp_path, squad_files)
    predictions[3] = predictions[3]._replace(output="")
    scored = with_examples(score_rows(predictions, ScoringOptions()), examples, ScoringOptions(), asks=True, where="x")
    reader = load(str(tiny))
    reader.max_target_length = 6
    found = with_round_trip(scored, reader, ScoringOptions(), 4, tmp_path / "trip", {"name": "generated"})
    assert found.trip.unasked == 1
    assert found.trip.answers[3] == ""
    assert len(found.trip.answers) == 10
    rows = read_rows(tmp_path / "trip" / "test.tsv")
    assert [row.id for row in rows] == [p.id for p in predictions if p.output]
    assert rows[0].source == f"question: {predictions[0].output} context: {examples[0].context}"
    assert rows[0].target == examples[0].answers[0].text
    assert read_task(tmp_path / "trip").name == "qa"
    again = {p.id: p.output for p in read_predictions(tmp_path / "trip" / "test_output.tsv")}
    assert [again.get(p.id, "") for p in predictions] == found.trip.answers
    assert gold_answers(tmp_path / "trip", "test")[predictions[0].id] == [examples[0].answers[0].text]
    assert found.measures[-1].name == "round_trip_f1"
    assert found.measures[-1].of_rows[3] == 0


def test_round_trip_scores_the_answers(tmp_path, squad_files, tiny, monkeypatch):
    """With a reader whose answers are known: right, wrong, partly right, and one question that is empty."""
    _, examples, predictions = examples_of(tmp_path, squad_files)
    examples, predictions = examples[1:8:2], predictions[1:8:2]  # the answer is 桃
    predictions[3] = predictions[3]._replace(output="")
    answers = ["桃", "梨", "桃。"]
    monkeypatch.setattr(
        "toi.scoring.roundtrip.predict",
        lambda _, rows, *__, **___: [Prediction(*row, a, 0.0) for row, a in zip(rows, answers, strict=True)],
    )
    scored = with_examples(score_rows(predictions, ScoringOptions()), examples, ScoringOptions(), asks=True, where="x")
    found = with_round_trip(scored, load(str(tiny)), ScoringOptions(), 4, tmp_path / "trip", {})
    assert found.measures[-2].of_rows.tolist() == [1, 0, 1, 0]
    assert found.scores["round_trip_exact_match"].value == 0.5
    assert "norm:jglue" in found.scores["round_trip_exact_match"].signature


def test_only_a_model_that_answers_reads(tiny):
    checkpoint = load(str(tiny))
    assert qa_task(checkpoint).name == "qa"
    checkpoint.task = Task.named("aqg")
    with pytest.raises(InputError, match=r"asks questions \(task aqg\); --qa_model wants"):
        qa_task(checkpoint)


def test_a_model_is_scored(tmp_path, squad_files, tiny):
    data = prepare_folder(tmp_path / "qa", squad_files, "qa")
    options = DecodingOptions(num_beams=1, max_target_length=5)
    scores, counts = evaluate_model(load(str(tiny)), str(data), ["test"], options, 8, str(tmp_path / "out"))
    assert counts == {"test": 10}
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["decoding"]["num_beams"] == 1
    assert results["splits"]["test"]["metrics"]["f1"] == scores["test"]["f1"].value
    assert len(read_predictions(tmp_path / "out" / "test_output.tsv")) == 10


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A model that asks, its data folder, a model that answers."""
    from conftest import town_articles

    folder = tmp_path_factory.mktemp("asked")
    for name, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
        (folder / f"{name}.json").write_text(json.dumps(town_articles(count, prefix)))
    data = prepare_folder(folder / "data", [folder / "train.json", folder / "test.json"], "aqg")
    model = make_model(folder / "model")
    shutil.copy(data / "task.json", model / "task.json")
    return folder, data, model, make_model(folder / "reader")


def run_here(*arguments):
    """evaluate.py in this process."""
    main(checked(parse(EvaluateOptions, [str(argument) for argument in arguments])))


def test_the_script(asked, tmp_path, capsys):
    """One run with everything on a model, then its predictions against themselves, then what the round trip wrote."""
    _, data, model, reader = asked
    result = script(
        "evaluate.py", "--output_dir", tmp_path / "o", "--model_name_or_path", model, "--data_dir", data, "--split", "dev", "test",
        "--qa_model", reader, "--tokenizers", "mecab", "char", "--max_target_length", "6", "--num_beams", "1",
        "--n_resamples", "50",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for word in ("answer_leak", "round_trip_f1", "hallucination", "rougeLsum", "dev, by tokenizer", "tok:ja-mecab-0.996-IPA"):
        assert word in result.stdout
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        "dev_output.tsv", "test_output.tsv", "dev_round_trip", "test_round_trip", "results.json", "report.html",
    }  # fmt: skip
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert set(results["splits"]) == {"dev", "test"}
    whole = results["splits"]["test"]
    output = tmp_path / "o" / "test_output.tsv"
    run_here("--predictions", output, "--output_dir", tmp_path / "p", "--compare", output, "--n_resamples", "50")
    assert "all outputs are the same" in capsys.readouterr().out
    first = json.loads((tmp_path / "p" / "results.json").read_text())["splits"]["test_output"]
    for name, value in first["metrics"].items():
        assert whole["metrics"][name] == value
    # What the round trip asked is a test set like any other.
    trip = tmp_path / "o" / "test_round_trip"
    run_here(
        "--predictions", trip / "test_output.tsv", "--data_dir", trip, "--output_dir", tmp_path / "q", "--profile", "jglue",
        "--n_resamples", "0",
    )  # fmt: skip
    found = json.loads((tmp_path / "q" / "results.json").read_text())["splits"]["test_output"]
    assert found["rows"] == whole["rows"] - whole["rows_without_question"]
    assert found["metrics"]["f1"] == pytest.approx(whole["metrics"]["round_trip_f1"] * whole["rows"] / found["rows"])


REFUSED = [
    (["--n_resamples", "-1"], "--n_resamples must be at least 0"),
    (["--tokenizers"], "--tokenizers needs one tokenizer at least"),
    (["--tokenizers", "char", "char"], "--tokenizers has one twice"),
    (["--profile", "jglue", "--tokenizers", "char"], "--tokenizers are for --profile toi; jglue has its own"),
    (["--profile", "squad"], "--profile"),
    (["--compare", "x", "--n_resamples", "0"], "--compare needs --n_resamples"),
    (["--compare", "x", "--split", "dev", "test"], "--compare is for one --split"),
    (["--predictions", "x", "--split", "dev", "test"], "--predictions are of one --split"),
    (["--predictions", "x", "--qa_model", "y"], "--qa_model needs the contexts"),
    (["--predictions", "x", "--profile", "sonoisa"], "--profile sonoisa needs --tokenizer_name"),
    (["--hallucination_tokenizer", "juman"], "--hallucination_tokenizer"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_bad_options(arguments, message):
    with pytest.raises(InputError) as error:
        checked(parse(EvaluateOptions, arguments))
    assert message in str(error.value)


def test_bad_files_are_said_in_one_line(asked, tmp_path):
    _, data, _, _ = asked
    good, other = tmp_path / "good.tsv", tmp_path / "other.tsv"
    write_predictions(good, ROWS)
    write_predictions(other, ROWS[:2])
    surrogate = tmp_path / "surrogate.tsv"
    surrogate.write_bytes(b"qa_id\tinput\ttarget\toutput\na\tx\ty\t\xed\xa0\x80\n")
    line = refused(script("evaluate.py", "--output_dir", tmp_path / "o", "--predictions", surrogate))
    assert "surrogate.tsv:2: not UTF-8 (byte 0xed)" in line
    for arguments, message in (
        ([good, "--tokenizers", "juman"], "unknown tokenizer 'juman'"),
        ([good, "--data_dir", data], "4 of 4 rows are not in it, the first 'a'"),
        ([good, "--compare", other], "not predictions on the same rows"),
        ([good, "--compare", tmp_path / "none.tsv"], "none.tsv: no such file"),
        ([good, "--data_dir", tmp_path, "--qa_model", "x"], "test.jsonl: no such file; --qa_model needs the contexts"),
        ([good, "--profile", "sonoisa", "--tokenizer_name", tmp_path], "no tokenizer (neither spiece.model nor tokenizer.json)"),
    ):
        with pytest.raises(InputError) as error:
            run_here("--output_dir", tmp_path / "o", "--predictions", *arguments)
        assert message in str(error.value)
    assert not (tmp_path / "o").exists()
