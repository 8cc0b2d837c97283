import json

import numpy
import pytest

from toi.decoding.calibration import Calibration, contextual_biases, fitted, keep, kept, softmax
from toi.system.errors import InputError


def log_loss(log_probs, golds, temperature=1.0, biases=(0, 0, 0)):
    shares = softmax(log_probs / temperature + numpy.array(biases))
    return -numpy.log(shares[numpy.arange(len(golds)), golds]).mean()


@pytest.mark.parametrize(("temperature", "biases"), [(1.0, (0, 0, 0)), (3.0, (0.5, -0.5, 0)), (0.3, (0, 1, -1))])
def test_what_was_spoilt_is_mended(temperature, biases):
    rng = numpy.random.default_rng(0)
    true = rng.normal(size=(4000, 3)) * 2
    golds = [int(rng.choice(3, p=row)) for row in softmax(true)]
    spoilt = (true - numpy.array(biases)) * temperature + rng.normal(size=(4000, 1))  # what all choices share changes nothing
    found_temperature, found_biases = fitted(spoilt, golds)
    assert found_temperature == pytest.approx(temperature, rel=0.1)
    assert found_biases == pytest.approx(numpy.array(biases) - numpy.mean(biases), abs=0.15)
    best = log_loss(spoilt, golds, found_temperature, found_biases)
    assert best <= log_loss(true, golds)
    for worse in ((found_temperature * 1.1, found_biases), (found_temperature, found_biases + numpy.array([0.1, 0, -0.1]))):
        assert log_loss(spoilt, golds, *worse) > best


def test_a_split_without_an_error_gives_no_certainty():
    log_probs = numpy.log(numpy.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]] * 10))
    temperature, biases = fitted(log_probs, [0, 1, 2] * 10)
    sure = softmax(log_probs / temperature + numpy.array(biases)).max()
    assert 0.95 < sure < 0.99
    temperature, _ = fitted(log_probs, [1, 2, 0] * 10)  # worse than nothing: nothing is believed
    assert softmax(log_probs / temperature).max() < 0.34


def test_what_is_said_without_content_is_divided_by():
    biases = contextual_biases(numpy.log(numpy.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]])))
    assert sum(biases) == pytest.approx(0)
    calibration = Calibration(("a", "b", "c"), "contextual", 1.0, biases, "-")
    assert calibration.probabilities(numpy.log([[0.7, 0.2, 0.1]])) == pytest.approx(numpy.full((1, 3), 1 / 3))
    assert calibration.probabilities(numpy.log([[0.7, 0.1, 0.2]])).argmax() == 2


KEPT = Calibration(("A", "B"), "dev", 2.0, (0.5, -0.5), "abc")


def test_it_is_kept_with_its_model(tmp_path):
    assert kept(tmp_path, ("A", "B"), "abc") is None
    keep(tmp_path, KEPT, {"rows": 3})
    assert kept(tmp_path, ("A", "B"), "abc") == KEPT
    for choices, fingerprint, said in (
        (("A", "C"), "abc", "is for the choices A, B, not A, C"),
        (("A", "B"), "x", "to other weights"),
    ):
        with pytest.raises(InputError, match=said):
            kept(tmp_path, choices, fingerprint)
    value = json.loads((tmp_path / "calibration.json").read_text())
    for changed in ({"temperature": 0}, {"temperature": "hot"}, {"biases": [1]}, {"choices": None}):
        (tmp_path / "calibration.json").write_text(json.dumps({**value, **changed}))
        with pytest.raises(InputError, match=r"calibration\.json: not a calibration; remove it"):
            kept(tmp_path, ("A", "B"), "abc")
