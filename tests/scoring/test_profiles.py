from collections import Counter

import pytest
from perturbed import pairs

from toi.scoring.measures import scores
from toi.scoring.profiles import (
    PROFILES,
    jglue_measures,
    jglue_normalize,
    lmqg_measures,
    lmqg_normalize,
    profile_measures,
    sonoisa_measures,
    squad_normalize,
)
from toi.scoring.segmentation import Segmentation, decoded_pieces, segmentation

SPACES = Segmentation("spaces", "spaces", str.split)


def values(measures):
    return {name: score.value for name, score in scores(measures).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABC。", "abc"),
        ("甲府市。。", "甲府市"),
        ("甲府。市", "甲府。市"),
        (" 甲　府\t市 ", "甲 府 市"),
        ("「甲府市」", "「甲府市」"),  # punctuation stays
        ("The 甲府。 ", "the 甲府。"),  # JGLUE strips 。 before white space
    ],
)
def test_jglue_normalization(text, expected):
    assert jglue_normalize(text) == expected


JGLUE = [
    # prediction, golds, EM, F1: hand-worked
    ("甲府市", ["甲府市。"], 1.0, 1.0),
    ("甲府", ["甲府市"], 0.0, 0.8),  # P 2/2, R 2/3
    ("山梨県甲府市", ["甲府市", "甲府"], 0.0, 2 / 3),  # P 3/6, R 3/3; the other gold: 2/6, 2/2
    ("甲府", ["甲府市", "甲府"], 1.0, 1.0),  # the best gold answer
    ("ＡＢＣ", ["ABC"], 0.0, 0.0),  # no NFKC
    ("a b", ["ab"], 0.0, 0.8),  # the space is a character: P 2/3, R 2/2
    ("", ["甲府"], 0.0, 0.0),
    ("。", ["甲府", "。"], 0.0, 0.0),  # a gold answer that is empty is left out
    ("", ["。"], 1.0, 1.0),  # unless there is no other
    ("ああい", ["あい"], 0.0, 0.8),
]


@pytest.mark.parametrize(("prediction", "golds", "em", "f1"), JGLUE)
def test_jglue(prediction, golds, em, f1):
    assert values(jglue_measures([prediction], [golds])) == pytest.approx({"exact_match": em, "f1": f1})


def test_jglue_is_the_mean_of_rows():
    found = values(jglue_measures([row[0] for row in JGLUE], [row[1] for row in JGLUE]))
    assert found == pytest.approx({"exact_match": 3 / 10, "f1": sum(row[3] for row in JGLUE) / 10})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("The 甲府, a 市!", "甲府 市"), ("theory", "theory"), ("甲府。", "甲府。"), ("5,321", "5321"), ("An an", "")],
)
def test_squad_normalization(text, expected):
    assert squad_normalize(text) == expected


@pytest.mark.parametrize(
    ("prediction", "gold", "em", "f1"),
    [
        ("山梨 県", "山梨 県", 1.0, 1.0),
        ("山梨 市", "山梨 県", 0.0, 0.5),
        ("山梨 ( 県 )", "山梨 県", 1.0, 1.0),  # ASCII punctuation is taken out
        ("山梨 県 。", "山梨 県", 0.0, 0.8),  # Japanese punctuation is not
        ("山梨県", "山梨 県", 0.0, 0.0),  # pieces, not characters
        ("the", "a", 1.0, 1.0),  # nothing is left of either
        ("the", "山梨", 0.0, 0.0),
    ],
)
def test_sonoisa(prediction, gold, em, f1):
    assert values(sonoisa_measures([prediction], [[gold]], SPACES)) == pytest.approx({"exact_match": em, "f1": f1})


def squad(predictions, references, normalize, cut):
    """EM and F1 of every row, written down as SQuAD 2.0 defines them."""
    exact, f1 = [], []
    for prediction, golds in zip(predictions, references, strict=True):
        golds = [gold for gold in golds if normalize(gold)] or [""]
        exact.append(max(float(normalize(gold) == normalize(prediction)) for gold in golds))
        best = 0.0
        for gold in golds:
            ours, theirs = cut(normalize(prediction)), cut(normalize(gold))
            same = sum((Counter(ours) & Counter(theirs)).values())
            if not ours or not theirs:
                best = max(best, float(ours == theirs))
            elif same:
                precision, recall = same / len(ours), same / len(theirs)
                best = max(best, 2 * precision * recall / (precision + recall))
        f1.append(best)
    return exact, f1


@pytest.mark.parametrize("profile", ["jglue", "sonoisa"])
def test_squad_by_its_definition(profile):
    predictions, references = pairs(1200)
    if profile == "jglue":
        exact, f1 = jglue_measures(predictions, references)
        expected = squad(predictions, references, jglue_normalize, list)
    else:
        cut = segmentation("mecab")
        exact, f1 = sonoisa_measures(predictions, references, cut)
        expected = squad(predictions, references, lambda text: squad_normalize(" ".join(cut.tokens(text))), str.split)
    assert exact.of_rows.tolist() == expected[0]
    assert f1.of_rows == pytest.approx(expected[1], abs=1e-12)


def test_sonoisa_over_pieces(tiny):
    found = values(sonoisa_measures(["県庁", "県庁所在地"], [["県庁"], ["県庁"]], decoded_pieces(tiny)))
    assert found["exact_match"] == 0.5
    assert 0.5 < found["f1"] < 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABC です", "abc です"),
        ("甲 ( 乙 )", "甲 -lrb - 乙 -rrb-"),
        ("何 です か ?", "何 です か ?"),
        ("何ですか?", "何ですか ?"),
        ("5,321 人", "5 ,321 人"),
        ('" 甲 " は', "``  甲  '' は"),
        ("3.14", "3 .14"),
        ("あ-い", "あ-い"),  # only where two characters follow
        ("50%", "50 %"),
    ],
)
def test_lmqg_normalization(text, expected):
    assert lmqg_normalize(text) == expected


LMQG = [
    # prediction, golds, BLEU-1 to -4, ROUGE-L: hand-worked
    ("あ い う え お", ["あ い う え か"], [80.0, 60.0**0.5 * 10, 40.0 ** (1 / 3) * 100 ** (2 / 3), 100 * 0.2**0.25], 0.8),
    # brevity: 4 tokens for 5, all matching: exp(1 - 5/4)
    ("あ い う え", ["あ い う え お"], [77.8800783] * 4, 2.44 * 1.0 * 0.8 / (0.8 + 1.44)),
    ("ABC い う え", ["abc い う え"], [100.0] * 4, 1.0),  # the hypothesis is lower-cased
    ("abc い う え", ["ABC い う え"], [75.0, 75**0.5 * (200 / 3) ** 0.5, None, 0.0], 0.75),  # the reference is not
    # the best precision of one reference and the best recall of the other
    # there is no 3-gram: COCO's (0 + 1e-15) / (0 + 1e-9) under the root of the order
    ("あ い", ["あ い う え", "い"], [100.0, 100.0, 1.0, 0.1], 1.0),
    ("か", ["あ"], [0.0] * 4, 0.0),
    ("", ["あ"], [0.0] * 4, 0.0),
]


@pytest.mark.parametrize(("prediction", "golds", "bleus", "rouge"), LMQG)
def test_lmqg(prediction, golds, bleus, rouge):
    found = values(lmqg_measures([prediction], [golds], SPACES))
    for n, expected in enumerate(bleus, start=1):
        if expected is not None:
            # Where n-grams are there but none matches, COCO's 1e-15 makes a little more than 0 of 0.
            assert found[f"bleu{n}"] == pytest.approx(expected, abs=0.06 if expected == 0 else 1e-5)
    assert found["rougeL"] == pytest.approx(rouge)


def test_coco_bleu_is_unsmoothed_sacrebleu():
    """For rows that its normalization leaves alone, COCO's corpus BLEU is sacreBLEU's without smoothing."""
    from sacrebleu.metrics.bleu import BLEU

    predictions, references = pairs(1200)
    cut = segmentation("mecab")

    def tokens(text):
        return " ".join(token for token in cut.tokens(text) if token.isalpha()).lower()

    predictions, references = [tokens(p) for p in predictions], [[tokens(g[0]) or "桃"] for g in references]
    expected = BLEU(tokenize="none", smooth_method="none", force=True).corpus_score(predictions, [[g[0] for g in references]])
    assert values(lmqg_measures(predictions, references, SPACES))["bleu4"] == pytest.approx(expected.score, abs=1e-6)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_scores_everything(profile, tiny):
    if profile == "lmqg":
        pytest.importorskip("sudachipy", reason="sudachipy is not installed (requirements-dev.txt)")
    predictions, references = pairs(30)
    measures = profile_measures(profile, predictions, references, pieces=str(tiny))
    for measure in measures:
        assert 0 <= measure.value <= (100 if measure.name[:4] in ("bleu", "chrf") else 2)
        assert len(measure.of_rows) == 30
    for measure in profile_measures(profile, ["😀" * 50, "県" * 10_000], [["県庁"], ["県庁"]], pieces=str(tiny)):
        assert measure.value == measure.value  # not NaN


def test_unknown_profiles_and_missing_pieces():
    with pytest.raises(ValueError, match="profiles are toi, jglue, sonoisa, lmqg"):
        profile_measures("squad", ["a"], [["a"]])
    with pytest.raises(ValueError, match="needs the tokenizer of a T5"):
        profile_measures("sonoisa", ["a"], [["a"]])
