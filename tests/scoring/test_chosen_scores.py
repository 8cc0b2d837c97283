import json
import math

import numpy
import pytest
from running import here, refused

from toi.data.examples import Answer, Example, write_examples
from toi.data.predictions import Prediction, write_predictions
from toi.scoring.chosen import BINS, choice_measures, confusion, groups, reliability
from toi.system.errors import InputError

CHOICES = ("A", "B", "同じ")
ROWS = [  # target, probabilities
    ("A", (0.7, 0.2, 0.1)), ("B", (0.7, 0.2, 0.1)), ("同じ", (0.1, 0.1, 0.8)), ("A", (0.35, 0.33, 0.32)), ("A", (1.0, 0.0, 0.0)),
]  # fmt: skip


def predictions(rows=ROWS):
    found = []
    for i, (target, shares) in enumerate(rows):
        best = CHOICES[shares.index(max(shares))]
        found.append(Prediction(str(i), "源", target, best, math.log(max(shares)), dict(zip(CHOICES, shares, strict=True))))
    return found


def test_figures_are_those_of_their_definitions():
    found = {measure.name: measure.value for measure in choice_measures(predictions())}
    right = [0.7, 0.2, 0.8, 0.35, 1.0]
    assert found["log_loss"] == pytest.approx(-numpy.log(right).mean())
    assert found["accuracy"] == pytest.approx(4 / 5)
    squares = [0.3**2 + 0.2**2 + 0.1**2, 0.7**2 + 0.8**2 + 0.1**2, 0.2**2 + 2 * 0.1**2, 0.65**2 + 0.33**2 + 0.32**2, 0]
    assert found["brier"] == pytest.approx(numpy.mean(squares))
    # Two rows of one bin (0.7: one right), and three that are right alone.
    assert found["ece"] == pytest.approx((abs(1.4 - 1) + 0.2 + 0.65 + 0) / 5)
    assert found["log_loss_shares"] == pytest.approx(-(0.6 * math.log(0.6) + 0.4 * math.log(0.2)))
    assert found["log_loss_uniform"] == pytest.approx(1.0986, abs=1e-4)


def test_a_certain_mistake_is_finite():
    found = {measure.name: measure.value for measure in choice_measures(predictions([("B", (1.0, 0.0, 0.0))]))}
    assert found["log_loss"] == pytest.approx(-math.log(1e-15))
    with pytest.raises(InputError, match="the target 'C' is none of the choices A, B, 同じ"):
        choice_measures(predictions([("C", (1.0, 0.0, 0.0))]))


def test_bins_and_the_confusion():
    assert reliability(predictions()) == [
        (1, pytest.approx(0.35), 1), (2, pytest.approx(0.7), 0.5), (1, pytest.approx(0.8), 1), (1, 1, 1),
    ]  # fmt: skip
    assert sum(n for n, _, _ in reliability(predictions())) <= BINS
    assert confusion(predictions()) == {
        "A": {"A": 3, "B": 0, "同じ": 0}, "B": {"A": 1, "B": 0, "同じ": 0}, "同じ": {"A": 0, "B": 0, "同じ": 1},
    }  # fmt: skip


def example(i, a, b, **extra):
    return Example(str(i), "", "何", (Answer("A"),), extra={"a": [["assistant", a]], "b": [["assistant", b]], **extra})


EXAMPLES = [
    example(0, "x" * 10, "y" * 10, model_a="m", model_b="n"), example(1, "x" * 10, "y" * 9, model_a="m", model_b="o"),
    example(2, "x" * 10, "y" * 8), example(3, "x" * 10, "y"), example(4, "x", "y" * 9, model_a="m", model_b="m"),
]  # fmt: skip


def test_groups():
    found = groups(predictions(), {e.id: e for e in EXAMPLES})
    assert found == {
        "length": {
            "second over twice as long": [4],
            "within a tenth": [0, 1],
            "first longer": [2],
            "first over twice as long": [3],
        },
        "model": {"m": [0, 1, 4], "n": [0], "o": [1]},
    }
    assert groups(predictions(), {}) == {}


def test_a_file_of_choices_is_scored_and_compared(tmp_path):
    one, other, data = tmp_path / "one.tsv", tmp_path / "other.tsv", tmp_path / "data"
    write_predictions(one, predictions(), choices=CHOICES)
    write_predictions(other, predictions([(target, (0.4, 0.3, 0.3)) for target, _ in ROWS]), choices=CHOICES)
    data.mkdir()
    write_examples(data / "test.jsonl", EXAMPLES)
    arguments = ["--predictions", one, "--output_dir", tmp_path / "s", "--compare", other, "--data_dir", data]
    result = here("evaluate.py", *arguments)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:8]] == [
        "log_loss",
        "accuracy",
        "brier",
        "ece",
        "log_loss_shares",
        "log_loss_uniform",
    ]
    assert any(line.split() == ["A", "3", "0", "0"] for line in lines)
    assert any(line.startswith("within a tenth") for line in lines)
    assert "changed most (log_loss, ours - theirs)" in lines
    found = json.loads((tmp_path / "s" / "results.json").read_text())["splits"]["one"]
    assert found["confusion"]["B"]["A"] == 1
    assert found["by_group"]["model"]["m"]["rows"] == 3
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert page.count('<circle class="one"') >= 4
    assert "Reliability: how sure, against how often right" in page
    write_predictions(other, [p._replace(probabilities={}) for p in predictions()])
    assert "other choices than these predictions have" in refused(here("evaluate.py", *arguments))
