import json
import math

import pytest
from scored_rows import ROWS, examples_of

from toi.data.examples import Answer, Example, read_rows, write_examples
from toi.data.predictions import Prediction, read_predictions
from toi.data.task_files import read_task, write_task
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load
from toi.scoring.model import evaluate_model
from toi.scoring.options import ScoringOptions
from toi.scoring.roundtrip import qa_task
from toi.scoring.scored import gold_references, score_predictions, score_rows, with_examples, with_round_trip
from toi.system.errors import InputError


def test_all_listed_questions_count(tmp_path):
    """A question is right if it is one of those that the data set lists, written as the task writes its own."""
    listed = {"questions": ["職業は何ですか？", "霧沢一の職業は何ですか？"]}
    examples = [
        Example("q\t1", "霧沢一は医師です。", "何をしていますか？", (Answer("医師", 4),), extra=listed),
        Example("q2", "霧沢一は医師です。", "誰が医師ですか？", (Answer("霧沢一", 0),)),
    ]
    write_task(tmp_path, Task("own", "{context}{answer}", "問:{question}"), {})
    write_examples(tmp_path / "test.jsonl", examples)
    assert gold_references(tmp_path, "test") == {"q 1": ["問:職業は何ですか?", "問:霧沢一の職業は何ですか?"]}
    (tmp_path / "test.jsonl").write_text((tmp_path / "test.jsonl").read_text().replace('["職業は何ですか？", ', '["", '))
    with pytest.raises(InputError, match=r"test\.jsonl: the question is empty after normalization; run the prepare script again"):
        gold_references(tmp_path, "test")


def test_all_gold_references_count(prepared):
    gold = gold_references(prepared("qa"), "test")
    assert gold["村-000-1"] == ["桃"]
    predictions = [Prediction("a", "x", "桃", "モモ", 0.0), Prediction("b", "x", "柿", "柿", 0.0)]
    assert score_predictions(predictions)["exact_match"].value == 0.5
    assert score_predictions(predictions, {"a": ["もも", "モモ"]})["exact_match"].value == 1.0
    assert gold_references(prepared("aqg"), "test") == {}  # its questions are not all listed
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


def test_round_trip(tmp_path, squad_files, tiny):
    _, examples, predictions = examples_of(tmp_path, squad_files)
    predictions[3] = predictions[3]._replace(output="")
    scored = with_examples(score_rows(predictions, ScoringOptions()), examples, ScoringOptions(), asks=True, where="x")
    reader = Decoder(load(str(tiny)))
    reader.checkpoint.max_target_length = 6
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
    assert gold_references(tmp_path / "trip", "test")[predictions[0].id] == [examples[0].answers[0].text]
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
    found = with_round_trip(scored, Decoder(load(str(tiny))), ScoringOptions(), 4, tmp_path / "trip", {})
    assert found.measures[-2].of_rows.tolist() == [1, 0, 1, 0]
    assert found.scores["round_trip_exact_match"].value == 0.5
    assert "norm:jglue" in found.scores["round_trip_exact_match"].signature


def test_only_a_model_that_answers_reads(tiny):
    checkpoint = load(str(tiny))
    assert qa_task(checkpoint).name == "qa"
    checkpoint.task = Task.named("aqg")
    with pytest.raises(InputError, match=r"asks questions \(task aqg\); --qa_model wants"):
        qa_task(checkpoint)


def test_a_model_is_scored(tmp_path, prepared, tiny):
    options = DecodingOptions(num_beams=1, max_target_length=5)
    scores, counts = evaluate_model(load(str(tiny)), str(prepared("qa")), ["test"], options, 8, str(tmp_path / "out"))
    assert counts == {"test": 10}
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["decoding"]["num_beams"] == 1
    assert results["splits"]["test"]["metrics"]["f1"] == scores["test"]["f1"].value
    assert len(read_predictions(tmp_path / "out" / "test_output.tsv")) == 10
