"""All right questions of a clause."""

import pytest
from clauses import Clause, Element, joined, usual
from verbs import Verb
from words import Value

PERSON = Element(Value("霧沢一", ("誰",), "人"), "は", topic=True, case="が")
TOWN = Element(Value("白浜市", ("どこ", "何という市"), "市"), "で")
YEAR = Element(Value("1987年", ("何年", "いつ")), "に", aside=True)
BORN = Clause((PERSON, YEAR, TOWN), Verb("生まれる1"))
FOOD = Element(Value("団子", ("何",)), "を")


def text_of(clause, slot):
    return next(s for s in clause.sentence().slots if s.text == slot)


RIGHT = [
    (BORN, "白浜市", "霧沢一は1987年にどこで生まれましたか?"),
    (BORN, "白浜市", "霧沢一はどこで生まれたのでしょうか?"),
    (BORN, "白浜市", "霧沢一が1987年に生まれたのはどこですか?"),
    (BORN, "白浜市", "霧沢一が生まれた市は何という市ですか?"),
    (BORN, "白浜市", "この人は1987年にどこで生まれましたか?"),
    (BORN, "白浜市", "どこで生まれましたか?"),
    (BORN, "白浜市", "どこで霧沢一は1987年に生まれましたか?"),
    (BORN, "霧沢一", "誰が1987年に白浜市で生まれましたか?"),
    (BORN, "霧沢一", "1987年に白浜市で生まれた人は誰ですか?"),
    (BORN, "1987年", "霧沢一はいつ白浜市で生まれましたか?"),
    (BORN, "1987年", "霧沢一は何年に白浜市で生まれましたか?"),
    (Clause((PERSON, FOOD), Verb("食べる1"), "present", polite=False), "団子", "霧沢一は何を食べるか?"),
    (Clause((PERSON, FOOD), Verb("食べる1"), unsaid=True), "団子", "霧沢一は何を食べましたか?"),
]


@pytest.mark.parametrize(("clause", "answer", "question"), RIGHT)
def test_right_questions(clause, answer, question):
    assert question in text_of(clause, answer).ways


WRONG = [
    ("霧沢一", "霧沢一"),  # the answer is not in its question
    ("霧沢一", "誰は"),  # an interrogative is no topic
    ("1987年", "いつに"),
    ("白浜市", "のはどこでですか"),
    ("白浜市", "霧沢一はが"),
]


@pytest.mark.parametrize(("answer", "part"), WRONG)
def test_wrong_questions(answer, part):
    assert not [question for question in text_of(BORN, answer).ways if part in question]


def test_statements():
    assert BORN.sentence().text == "霧沢一は1987年に白浜市で生まれました。"
    assert [slot.start for slot in BORN.sentence().slots] == [0, 4, 10]
    unsaid = Clause((PERSON, YEAR, TOWN), Verb("生まれる1"), polite=False, unsaid=True)
    assert unsaid.sentence().text == "1987年に白浜市で生まれた。"
    assert [slot.text for slot in unsaid.sentence().slots] == ["1987年", "白浜市"]


def test_a_topic_that_is_an_object():
    tower = Element(Value("風の塔", ("何",)), "は", topic=True, case="を")
    built = Clause((tower, Element(Value("市長", ("誰",)), "が")), Verb("建てる1"))
    assert "誰が建てましたか?" in text_of(built, "市長").ways
    assert "風の塔を建てたのは誰ですか?" in text_of(built, "市長").ways
    assert "何を市長が建てましたか?" in text_of(built, "風の塔").ways


def test_particles_that_a_cleft_sentence_keeps():
    walked = Clause((PERSON, Element(Value("駅", ("どこ",)), "から"), Element(Value("母", ("誰",)), "と")), Verb("歩く5"))
    assert "霧沢一が母と歩いたのはどこからですか?" in text_of(walked, "駅").ways
    assert "霧沢一が駅から歩いたのは誰とですか?" in text_of(walked, "母").ways
    called = Clause((PERSON, Element(Value("鉄人", ("何",)), "と")), Verb("呼ばれる1"))
    assert not [question for question in text_of(called, "鉄人").ways if "のは" in question]


def test_a_noun_behind_the_verb():
    book = Element(Value("こころ", ("何",)), "は", topic=True, case="が")
    clause = Clause((book, Element(Value("霧沢一", ("誰",)), "が")), Verb("書く5"), noun="小説")
    assert clause.sentence().text == "こころは霧沢一が書いた小説です。"
    assert set(text_of(clause, "霧沢一").ways) >= {"こころは誰が書いた小説ですか?", "誰が書いた小説でしょうか?"}


def test_two_clauses():
    grown = Clause((PERSON, Element(Value("月見村", ("どこ",)), "で")), Verb("育つ5"), unsaid=True)
    sentence = joined(BORN, grown, "stem")
    assert sentence.text == "霧沢一は1987年に白浜市で生まれ、月見村で育ちました。"
    assert [sentence.text[s.start : s.start + len(s.text)] for s in sentence.slots] == ["霧沢一", "1987年", "白浜市", "月見村"]
    assert set(sentence.slots[2].ways) >= {"霧沢一は1987年にどこで生まれ、月見村で育ちましたか?", "霧沢一はどこで生まれましたか?"}
    assert set(sentence.slots[3].ways) >= {"霧沢一は1987年に白浜市で生まれ、どこで育ちましたか?", "霧沢一はどこで育ちましたか?"}


def test_what_nobody_says_is_left_out():
    assert usual({"a": 299.5, "b": 0.5}) == {"a": 299.5}
    assert usual({"a": 299.0, "b": 1.0}) == {"a": 299.0, "b": 1.0}
