"""All right questions of what something is."""

import random

import pytest
from relations import Equation, Relation, fill
from words import Value

CAPITAL = Relation(Value("乙国", ("どこ", "どの国"), "国"), "首都", Value("甲市", ("どこ", "何という都市")))
PEAK = Relation(Value("丙山", ("どの山",), "山"), "標高", Value("3193メートル", ("何メートル",)))

ASKED = [
    (CAPITAL, False, "乙国の首都はどこですか?", True),
    (CAPITAL, False, "どこが乙国の首都でしょうか?", True),
    (CAPITAL, False, "この国の首都は何という都市ですか?", True),
    (CAPITAL, False, "首都はどこですか?", True),
    (CAPITAL, False, "乙国は首都がどこですか?", False),  # of numbers only
    (PEAK, False, "丙山は標高が何メートルですか?", True),
    (CAPITAL, True, "首都が甲市なのはどこですか?", True),
    (CAPITAL, True, "甲市はどの国の首都ですか?", True),
    (CAPITAL, True, "甲市を首都とする国はどこでしょうか?", True),
    (CAPITAL, True, "乙国の首都はどこですか?", False),
]


@pytest.mark.parametrize(("relation", "of_subject", "question", "right"), ASKED)
def test_questions(relation, of_subject, question, right):
    assert (question in relation.ways(of_subject)) is right


def test_plain_and_past():
    assert "乙国の首都はどこか?" in CAPITAL.ways(False, polite=False)
    assert "乙国の首都はどこか?" not in CAPITAL.ways(False, polite=True)
    assert "乙国の首都はどこでしたか?" in CAPITAL.ways(False, was=True)


FORMS = [
    ("{x}の{n}は{v}です。", "乙国の首都は甲市です。", [("乙国", 0), ("甲市", 6)]),
    ("{v}は{x}の{n}である。", "甲市は乙国の首都である。", [("甲市", 0), ("乙国", 3)]),
    ("その{n}は{v}だ。", "その首都は甲市だ。", [("甲市", 5)]),
]


@pytest.mark.parametrize(("form", "text", "slots"), FORMS)
def test_statements(form, text, slots):
    sentence = fill(form, CAPITAL, polite=True)
    assert sentence.text == text
    assert [(slot.text, slot.start) for slot in sentence.slots] == slots


def test_equations():
    sentence = Equation(Value("霧沢一", ("誰",), "人"), "", Value("白浜市", ("どこ",)), "の出身").sentence(random.Random(0))
    assert sentence.text in ("霧沢一は白浜市の出身です。", "霧沢一は白浜市の出身だ。", "霧沢一は白浜市の出身である。")
    who, where = sentence.slots
    assert set(where.ways) >= {"霧沢一はどこの出身ですか?", "この人はどこの出身でしょうか?", "どこの出身ですか?"}
    assert set(who.ways) >= {"白浜市の出身は誰ですか?", "誰が白浜市の出身ですか?", "白浜市の出身なのは誰でしょうか?"}
    famous = Equation(Value("白浜市", ("どこ",), "市"), "", Value("蜂蜜", ("何",)), "で有名").sentence(random.Random(0))
    assert "蜂蜜で有名なのはどこですか?" in famous.slots[0].ways
    assert "蜂蜜で有名はどこですか?" not in famous.slots[0].ways
