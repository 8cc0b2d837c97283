import pytest

from toi.metrics import bleu, exact_match, rouge, score

PAIR = (["今日はわるい天気だ"], [["今日は天気だ"]])


def test_check_values():
    """The figures that ../shared/reference/FIELD.md gives for this pair."""
    assert bleu(*PAIR)["bleu"].value == pytest.approx(30.213753973567677, abs=1e-9)
    found = rouge(*PAIR)
    assert found["rouge1"].value == pytest.approx(0.8889, abs=5e-5)
    assert found["rouge2"].value == pytest.approx(0.5714, abs=5e-5)
    assert found["rougeL"].value == pytest.approx(0.8889, abs=5e-5)


CASES = [
    # predictions, references, exact match, BLEU, ROUGE-1
    (["甲府市はどこですか?"], [["甲府市はどこですか?"]], 1.0, 100.0, 1.0),
    (["桃"], [["県庁所在地はどこですか?"]], 0.0, 0.0, 0.0),
    ([""], [["県庁所在地はどこですか?"]], 0.0, 0.0, 0.0),
    (["桃", "梨"], [["桃"], ["柿"]], 0.5, None, 0.5),
    (["桃"], [["柿", "桃"]], 1.0, None, 1.0),
]


@pytest.mark.parametrize(("predictions", "references", "em", "bleu_value", "rouge1"), CASES)
def test_cases(predictions, references, em, bleu_value, rouge1):
    found = score(predictions, references)
    assert found["exact_match"].value == pytest.approx(em)
    assert found["rouge1"].value == pytest.approx(rouge1)
    if bleu_value is not None:
        assert found["bleu"].value == pytest.approx(bleu_value, abs=1e-9)


def test_signatures():
    found = score(["桃です", "梨です"], [["桃です"], ["梨です", "柿です"]])
    assert "tok:ja-mecab" in found["bleu"].signature
    assert "nrefs:var" in found["bleu"].signature
    assert "tok:mecab-ipadic" in found["rougeL"].signature


def test_rows_may_differ_in_their_number_of_references():
    found = bleu(["今日は良い天気だ", "明日は雨が降る"], [["今日は良い天気だ", "x"], ["明日は雨が降る"]])
    assert found["bleu"].value == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [(["a"], [], "1 predictions but 0 references"), ([], [], "nothing to score"), (["a"], [[]], "no reference")],
)
def test_what_cannot_be_scored(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        exact_match(predictions, references)
