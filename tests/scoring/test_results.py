import json

from scored_rows import examples_of

from toi.scoring.options import ScoringOptions
from toi.scoring.results import write_results
from toi.scoring.scored import score_rows, with_comparison, with_examples


def test_results(tmp_path, squad_files):
    _, examples, predictions = examples_of(tmp_path, squad_files)
    options = ScoringOptions(tokenizers=["mecab", "char"], n_resamples=50)
    found = with_examples(score_rows(predictions, options), examples, options, asks=True, where="x")
    found = with_comparison(found, predictions, "other.tsv", options)
    write_results(tmp_path, {"test": found}, options, {"predictions": "x"})
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text
    results = json.loads(text)
    split = results["splits"]["test"]
    assert split["rows"] == 10
    assert set(split["metrics"]) == set(split["signatures"]) == set(split["intervals"])
    assert split["metrics"]["answer_leak"] == 0
    assert set(split["tokenizers"]) == {"mecab", "char"}
    assert split["by_type"]["question_type"]["Logical reasoning"]["rows"] == 5
    assert split["comparison"]["differences"]["bleu"]["p"] == 1
    assert results["scoring"] == {"profile": "toi", "n_resamples": 50, "bootstrap_seed": 0}
    assert results["versions"]["fugashi"]
