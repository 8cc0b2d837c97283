import numpy as np
import pytest
from perturbed import pairs

from toi.scoring.measures import mean_measure, ratio_measure
from toi.scoring.metrics import measures
from toi.scoring.resampling import compare, with_intervals
from toi.scoring.segmentation import segmentation

TRIALS, ROWS = 1000, 300


def draws(kind, generator):
    if kind == "hits":
        return generator.binomial(1, 0.8, ROWS).astype(float)
    if kind == "shares":
        return generator.beta(5, 1, ROWS)
    return generator.exponential(1, ROWS)


@pytest.mark.parametrize(("kind", "truth"), [("hits", 0.8), ("shares", 5 / 6), ("skewed", 1.0)])
def test_intervals_hold_the_true_mean(kind, truth):
    """In 93 to 97% of 1,000 trials, with the resamples of the default."""
    generator = np.random.default_rng(7)
    found = with_intervals([mean_measure(str(i), draws(kind, generator), "") for i in range(TRIALS)], 1000)
    held = sum(score.low <= truth <= score.high for score in found.values())
    assert 930 <= held <= 970


def test_intervals_of_ratios_hold_the_true_ratio():
    generator = np.random.default_rng(7)
    trials = []
    for i in range(TRIALS):
        sizes = generator.integers(5, 30, ROWS)
        trials.append(ratio_measure(str(i), generator.binomial(sizes, 0.7), sizes, ""))
    held = sum(score.low <= 0.7 <= score.high for score in with_intervals(trials, 1000).values())
    assert 930 <= held <= 970


def test_intervals_of_all_metrics_hold_their_figures():
    found = with_intervals(measures(*pairs(300), segmentation("mecab")), 500)
    for score in found.values():
        assert score.low < score.value < score.high


def test_the_same_seed_gives_the_same_intervals():
    made = measures(*pairs(100), segmentation("char"))
    assert with_intervals(made, 300, 5) == with_intervals(made, 300, 5)
    assert with_intervals(made, 300, 5) != with_intervals(made, 300, 6)
    alone, together = (with_intervals(chosen, 300, 5)["bleu"] for chosen in (made[1:2], made))
    assert (alone.low, alone.high) == pytest.approx((together.low, together.high))  # whatever else is asked for


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([1.0], (None, None)),  # nothing can be said of one row
        ([1.0, 1.0, 1.0], (1.0, 1.0)),
        ([0.0, 0.0], (0.0, 0.0)),
    ],
)
def test_degenerate_intervals(rows, expected):
    found = with_intervals([mean_measure("m", rows, "")], 200)["m"]
    assert (found.low, found.high) == expected


def test_without_resamples_there_are_no_intervals():
    found = with_intervals([mean_measure("m", [0.0, 1.0], "")], 0)["m"]
    assert (found.value, found.low) == (0.5, None)


def test_many_rows_are_drawn_in_parts(monkeypatch):
    made = [mean_measure("m", np.arange(50) / 50, "")]
    whole = with_intervals(made, 400)
    monkeypatch.setattr("toi.scoring.resampling._CHUNK", 700)
    assert with_intervals(made, 400)["m"].low == pytest.approx(whole["m"].low, abs=1e-12)


def test_a_system_against_itself():
    made = measures(*pairs(100), segmentation("mecab"))
    for difference in compare(made, made, 200).values():
        assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_a_clear_difference_is_found():
    predictions, references = pairs(200)
    better = measures([golds[0] for golds in references], references, segmentation("mecab"))
    found = compare(better, measures(predictions, references, segmentation("mecab")), 999)
    for name in ("exact_match", "bleu", "chrf", "rougeL"):
        assert found[name].p == pytest.approx(0.001)
        assert 0 < found[name].low < found[name].value < found[name].high


def test_p_values_of_equal_systems_are_uniform():
    """Two systems of the same quality: p <= 0.05 in about 5% of trials."""
    generator = np.random.default_rng(3)
    one, two = ([mean_measure(str(i), generator.binomial(1, 0.7, 200).astype(float), "") for i in range(400)] for _ in range(2))
    p = np.array([difference.p for difference in compare(one, two, 499).values()])
    assert 0.02 <= (p <= 0.05).mean() <= 0.08
    assert 0.4 <= (p <= 0.5).mean() <= 0.6


def test_other_rows_are_refused():
    with pytest.raises(ValueError, match="the same rows"):
        compare([mean_measure("m", [1.0], "")], [mean_measure("m", [1.0, 2.0], "")])
