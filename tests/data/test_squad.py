import json

import pytest
from conftest import squad

from toi.data.examples import Answer, Example
from toi.data.squad import read_squad
from toi.system.errors import InputError

GOOD = squad({"題": [("霧沢一は医師です。", [("q1", "職業は?", "医師", 4)])]})


def write(tmp_path, value):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def changed(**changes):
    """GOOD with a member replaced at a place: article, paragraph, qa or answer."""
    value = json.loads(json.dumps(GOOD))
    article = value["data"][0]
    paragraph = article["paragraphs"][0]
    qa = paragraph["qas"][0]
    places = {"article": article, "paragraph": paragraph, "qa": qa, "answer": qa["answers"][0]}
    for name, new in changes.items():
        place, key = name.split("__")
        if new is ...:
            del places[place][key]
        else:
            places[place][key] = new
    return value


def test_read(tmp_path):
    value = changed(qa__question_type="Logical", answer__answer_type="Object")
    extra = {"question_type": "Logical", "answer_type": "Object"}
    assert read_squad(write(tmp_path, value)) == [Example("q1", "霧沢一は医師です。", "職業は?", (Answer("医師", 4),), "題", extra)]


def test_all_right_questions_are_kept(tmp_path):
    questions = ["職業は?", "霧沢一の職業は何?"]
    assert read_squad(write(tmp_path, changed(qa__questions=questions)))[0].extra == {"questions": questions}


def test_several_answers_impossible_questions_and_numbers_as_ids(tmp_path):
    answers = [{"text": "医師", "answer_start": 4}, {"text": "医師です", "answer_start": 4}]
    assert len(read_squad(write(tmp_path, changed(qa__answers=answers)))[0].answers) == 2
    assert read_squad(write(tmp_path, changed(qa__is_impossible=True)))[0].answers == ()
    assert read_squad(write(tmp_path, changed(qa__answers=[])))[0].answers == ()
    assert read_squad(write(tmp_path, changed(qa__id=7)))[0].id == "7"
    assert read_squad(write(tmp_path, changed(article__title=...)))[0].title == ""


BAD = [
    ([], "expected an object, found a list; not SQuAD-format JSON"),
    ({}, "'data' is missing; not SQuAD-format JSON"),
    ({"data": {}}, "data: expected a list, found an object"),
    ({"data": [3]}, "data[0]: expected an object, found a whole number"),
    (changed(article__title=None), None),
    (changed(article__paragraphs=...), "data[0]: 'paragraphs' is missing"),
    (changed(paragraph__context=3), "data[0].paragraphs[0].context: expected a string, found a whole number"),
    (changed(paragraph__qas=None), "data[0].paragraphs[0].qas: expected a list, found null"),
    (changed(qa__id=[]), "qas[0].id: expected a string or a whole number, found a list"),
    (changed(qa__question=...), "qas[0]: 'question' is missing"),
    (changed(qa__answers="医師"), "qas[0].answers: expected a list, found a string"),
    (changed(answer__text=""), "answers[0]: the answer text is empty"),
    (changed(answer__answer_start="4"), "answers[0].answer_start: expected a whole number, found a string"),
    (changed(answer__answer_start=True), "answer_start: expected a whole number, found true or false"),
    (changed(answer__answer_start=3), "answer_start 3 does not match: expected '医師', the context has 'は医'"),
    (changed(answer__answer_start=-5), "answer_start -5 does not match"),
    (changed(qa__questions="職業は?"), "qas[0].questions: expected a list, found a string"),
    (changed(qa__questions=["職業は?", ""]), "qas[0].questions[1]: expected a question, a string that is not empty"),
    (changed(qa__questions=[3]), "qas[0].questions[0]: expected a question"),
    (changed(answer__answer_start=99), "answer_start 99 does not match: expected '医師', the context has ''"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_bad_files_are_named_by_place(tmp_path, value, message):
    path = write(tmp_path, value)
    if message is None:
        assert read_squad(path)
        return
    with pytest.raises(InputError) as error:
        read_squad(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "s.json:1: not JSON"),
        (b'{"data":\n [,]}', "s.json:2: not JSON"),
        (b"\xff\xfe", "s.json:1: not UTF-8"),
        (b"[" * 100_000, "not usable JSON (nested too deeply)"),
        (b"[" + b"9" * 5000 + b"]", "not usable JSON (a number with too many digits)"),
    ],
)
def test_not_json(tmp_path, content, message):
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_squad(path)
    assert message in str(error.value)
