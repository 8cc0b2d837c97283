import json
import math
import random
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from perturbed import pairs
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from toi.scoring.metrics import (
    bleu,
    chrf,
    distinct,
    exact_match,
    f1,
    length_ratio,
    measures,
    rouge,
    score,
)
from toi.scoring.profiles import japanese_sentences
from toi.scoring.rouge import rouge_measures
from toi.scoring.segmentation import segmentation

PAIR = (["今日はわるい天気だ"], [["今日は天気だ"]])
NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def test_check_values():
    """The figures that ../shared/reference/FIELD.md gives for this pair."""
    assert bleu(*PAIR)["bleu"].value == pytest.approx(30.213753973567677, abs=1e-9)
    found = rouge(*PAIR)
    assert found["rouge1"].value == pytest.approx(0.8889, abs=5e-5)
    assert found["rouge2"].value == pytest.approx(0.5714, abs=5e-5)
    assert found["rougeL"].value == pytest.approx(0.8889, abs=5e-5)


CASES = [
    # predictions, references, exact match, BLEU, ROUGE-1, chrF
    (["甲府市はどこですか?"], [["甲府市はどこですか?"]], 1.0, 100.0, 1.0, 100.0),
    (["桃"], [["県庁所在地はどこですか?"]], 0.0, 0.0, 0.0, 0.0),
    ([""], [["県庁所在地はどこですか?"]], 0.0, 0.0, 0.0, 0.0),
    (["", ""], [["桃"], ["梨"]], 0.0, 0.0, 0.0, 0.0),
    ([" "], [["桃"]], 0.0, 0.0, 0.0, 0.0),
    (["桃"], [["桃"]], 1.0, 0.0, 1.0, 100.0),  # one token: there is no 2-gram, and so no BLEU
    (["桃", "梨"], [["桃"], ["柿"]], 0.5, 0.0, 0.5, 50.0),
    (["桃"], [["柿", "桃"]], 1.0, 0.0, 1.0, 100.0),
    (["😀"], [["😀"]], 1.0, 0.0, 1.0, 100.0),
    (["👨‍👩‍👧と犬が散歩する"], [["👨‍👩‍👧と犬が散歩する"]], 1.0, 100.0, 1.0, 100.0),
    (["今日は天気だ" * 1667], [["今日は天気だ" * 1667]], 1.0, 100.0, 1.0, 100.0),  # 10,002 characters
    (["a\0今日は天気だ"], [["a\0今日は天気だ"]], 1.0, 100.0, 1.0, 100.0),  # MeCab would stop at NUL
]


@pytest.mark.parametrize(("predictions", "references", "em", "bleu_value", "rouge1", "chrf_value"), CASES)
def test_cases(predictions, references, em, bleu_value, rouge1, chrf_value):
    found = score(predictions, references)
    assert found["exact_match"].value == pytest.approx(em)
    assert found["bleu"].value == pytest.approx(bleu_value, abs=1e-9)
    assert found["rouge1"].value == pytest.approx(rouge1)
    assert found["chrf"].value == pytest.approx(chrf_value)
    assert all(math.isfinite(s.value) for s in found.values())


def test_a_nul_hides_nothing():
    assert rouge(["a\0今日は天気だ"], [["a"]])["rouge1"].value < 1


@pytest.mark.parametrize(
    ("prediction", "golds", "expected"),
    [
        ("甲府", ["甲府市"], 2 * 1 * (2 / 3) / (1 + 2 / 3)),
        ("甲府", ["東京", "甲府市"], 0.8),
        ("", ["甲府"], 0.0),
        ("", ["", "x"], 1.0),
        ("ああ", ["あ"], 2 / 3),
        ("あ い", ["いあ"], 1.0),  # white space is no character
    ],
)
def test_f1(prediction, golds, expected):
    assert f1([prediction], [golds])["f1"].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (["ああ"], (0.5, 1.0)),
        (["あい", "あい"], (0.5, 0.5)),
        (["あい", "うえ"], (1.0, 1.0)),
        ([""], (0.0, 0.0)),
        (["あ"], (1.0, 0.0)),
    ],
)
def test_distinct(predictions, expected):
    found = distinct(predictions, tokenizer="char")
    assert (found["distinct1"].value, found["distinct2"].value) == pytest.approx(expected)


def test_length_ratio():
    assert length_ratio(["あい"], [["あ", "あいうえ"]], "char")["length_ratio"].value == 2.0  # as close: the shorter
    assert length_ratio(["", ""], [["あ"], ["い"]], "char")["length_ratio"].value == 0.0


def originals(predictions, references):
    """What sacreBLEU and rouge_score say of the same texts (rouge_score: of the same tokens)."""
    most = max(map(len, references))
    streams = [[golds[i] if i < len(golds) else None for golds in references] for i in range(most)]
    bleu_metric, chrf_metric = BLEU(tokenize="ja-mecab"), CHRF()
    yield "bleu", bleu_metric.corpus_score(predictions, streams).score, str(bleu_metric.get_signature())
    yield "chrf", chrf_metric.corpus_score(predictions, streams).score, str(chrf_metric.get_signature())


def rouge_score_rows(predictions, references, tokenizer):
    class Same:
        tokenize = staticmethod(lambda text: list(segmentation(tokenizer).tokens(text)))

    scorer = RougeScorer(NAMES, tokenizer=Same())
    found = [scorer.score_multi(golds, prediction) for prediction, golds in zip(predictions, references, strict=True)]
    return np.array([[row[name].fmeasure for name in NAMES] for row in found])


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_sacrebleu(seed):
    predictions, references = pairs(1200, seed=seed)
    found = score(predictions, references)
    for name, value, signature in originals(predictions, references):
        assert found[name].value == pytest.approx(value, abs=1e-9)
        assert found[name].signature == signature
    characters = BLEU(tokenize="char")
    only = [golds[:1] for golds in references]
    expected = characters.corpus_score(predictions, [[golds[0] for golds in only]])
    assert bleu(predictions, only, "char")["bleu"].value == pytest.approx(expected.score, abs=1e-9)
    assert bleu(predictions, only, "char")["bleu"].signature == str(characters.get_signature())
    assert length_ratio(predictions, only, "char")["length_ratio"].value == pytest.approx(expected.ratio, abs=1e-9)


def test_small_corpora_are_smoothed_as_sacrebleu_does():
    draw = random.Random(0)
    metric = BLEU(tokenize="ja-mecab")
    seen = set()
    for _ in range(300):
        predictions, references = (
            ["".join(draw.choices("今日は天気だ桃", k=draw.randrange(1, 9))) for _ in range(2)] for _ in "ab"
        )
        expected = metric.corpus_score(predictions, [references]).score
        seen.add(expected == 0)
        assert bleu(predictions, [[r] for r in references])["bleu"].value == pytest.approx(expected, abs=1e-9)
        expected = CHRF().corpus_score(predictions, [references]).score
        assert chrf(predictions, [[r] for r in references])["chrf"].value == pytest.approx(expected, abs=1e-9)
    assert seen == {True, False}


def test_equal_to_the_command_of_sacrebleu(tmp_path):
    predictions, references = pairs(1000)
    # A line is an example for the command, and it takes lines as Python's splitlines makes them; NUL ends one for MeCab.
    texts = [" ".join(p.split()) for p in predictions], [" ".join(golds[0].split()) for golds in references]
    for name, lines in zip(("hyp", "ref"), texts, strict=True):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "hyp", "-m", "bleu", "chrf", "-tok", "ja-mecab", "-w", "12"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = score(texts[0], [[gold] for gold in texts[1]])
    for printed, name in zip(json.loads(result.stdout), ("bleu", "chrf"), strict=True):
        assert found[name].value == pytest.approx(printed["score"], abs=1e-9)
        assert found[name].signature == printed["signature"]


@pytest.mark.parametrize(("tokenizer", "seed"), [("mecab", 0), ("char", 1)])
def test_equal_to_rouge_score(tokenizer, seed):
    predictions, references = pairs(1000, seed=seed)
    draw = random.Random(seed)

    def lines(text):  # some with line breaks, which are the sentences of Lsum
        return "\n".join(text[i : i + 6] for i in range(0, len(text), 6)) if draw.random() < 0.5 else text

    predictions, references = [lines(p) for p in predictions], [[lines(g) for g in golds] for golds in references]
    expected = rouge_score_rows(predictions, references, tokenizer)
    for i, measure in enumerate(rouge_measures(predictions, references, segmentation(tokenizer))):
        assert np.abs(measure.of_rows - expected[:, i]).max() < 1e-9
        assert measure.value == pytest.approx(expected[:, i].mean(), abs=1e-9)


def test_sentences_of_a_line():
    """With Japanese sentences, Lsum is that of rouge_score with a line break behind each."""
    predictions = ["甲は医師だ。趣味は釣り。", "釣りだ。医師だ。桃だ!"]
    references = [["趣味は釣り。甲は医師だ。"], ["医師だ。釣りだ。"]]
    found = rouge_measures(predictions, references, segmentation("mecab"), japanese_sentences)[3]
    cut = ["\n".join(japanese_sentences(p)) for p in predictions], [["\n".join(japanese_sentences(g[0]))] for g in references]
    assert found.of_rows == pytest.approx(rouge_score_rows(*cut, "mecab")[:, 3], abs=1e-12)
    assert found.of_rows[0] == 1.0
    assert "sent:japanese_sentences" in found.signature


def test_equal_on_real_questions():
    """Real questions of JSQuAD and what a model might have made of them, against both originals."""
    path = ROOT / "raw" / "jsquad" / "valid-v1.3.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there; get it with ./download.sh jsquad")
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = [qa["question"] for article in data for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    predictions, references = pairs(2000, questions, seed=3)
    found = score(predictions, references)
    for name, value, _ in originals(predictions, references):
        assert found[name].value == pytest.approx(value, abs=1e-9)
    expected = rouge_score_rows(predictions[:1000], references[:1000], "mecab").mean(axis=0)
    assert [rouge(predictions[:1000], references[:1000])[name].value for name in NAMES] == pytest.approx(expected, abs=1e-9)


def test_sums_of_rows_are_the_figures_of_rows():
    """The figure of some rows is that of the texts of these rows: what the bootstrap and the tables by type stand on."""
    predictions, references = pairs(300)
    whole = measures(predictions, references, segmentation("mecab"))
    rows = np.array([3, 7, 7, 50, 120, 299])
    again = score([predictions[i] for i in rows], [references[i] for i in rows])
    for measure in whole:
        if not measure.name.startswith("distinct"):
            assert measure.figure(measure.rows[rows].sum(axis=0)) == pytest.approx(again[measure.name].value, abs=1e-9)


def test_signatures():
    found = score(["桃です", "梨です"], [["桃です"], ["梨です", "柿です"]])
    assert "tok:ja-mecab" in found["bleu"].signature
    assert "nrefs:var" in found["bleu"].signature
    assert "tok:mecab-ipadic" in found["rougeL"].signature
    assert all("tok:" in found[name].signature for name in found if name not in ("exact_match", "chrf"))


def test_rows_may_differ_in_their_number_of_references():
    found = bleu(["今日は良い天気だ", "明日は雨が降る"], [["今日は良い天気だ", "x"], ["明日は雨が降る"]])
    assert found["bleu"].value == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        (["a"], [], "1 predictions but 0 references"),
        ([], [], "nothing to score"),
        (["a"], [[]], "prediction 0 has no reference"),
        (["a"], ["a"], "reference 0 is a text; expected a list of texts"),
        (["a", "\ud83d"], [["a"], ["a"]], "prediction 1 holds an unpaired surrogate"),
        (["a"], [["a", "x\udfffy"]], "reference 0, answer 1 holds an unpaired surrogate"),
    ],
)
def test_what_cannot_be_scored(predictions, references, message):
    for metric in (exact_match, f1, bleu, chrf, rouge, length_ratio, score):
        with pytest.raises(ValueError, match=message):
            metric(predictions, references)
