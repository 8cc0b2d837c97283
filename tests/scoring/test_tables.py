import pytest
from scored_rows import ROWS

from toi.scoring.measures import Score
from toi.scoring.options import ScoringOptions
from toi.scoring.scored import score_predictions, score_rows
from toi.scoring.tables import table, tokenizer_table
from toi.system.errors import InputError


def test_several_tokenizers():
    found = score_rows(ROWS, ScoringOptions(tokenizers=["char", "mecab"]))
    assert found.scores["bleu"] == found.by_tokenizer["char"]["bleu"]
    assert found.by_tokenizer["mecab"] == {
        name: score for name, score in score_rows(ROWS, ScoringOptions()).scores.items() if "hallucin" not in name
    }
    lines = tokenizer_table(found).splitlines()
    assert lines[0].split() == ["char", "mecab"]
    assert not any(line.startswith(("exact_match", "chrf", "f1")) for line in lines)  # do not depend on it
    assert lines[2].split()[:2] == ["bleu", "1-2"]
    assert any(line.startswith("  1-2 nrefs:1|case:mixed|eff:no|tok:{char, ja-mecab-0.996-IPA}|smooth:exp") for line in lines)
    with pytest.raises(InputError, match="unknown tokenizer 'x'"):
        score_rows(ROWS, ScoringOptions(tokenizers=["x"]))


def test_table():
    scores = {split: score_predictions(ROWS, options=ScoringOptions(n_resamples=100)) for split in ("dev", "test")}
    lines = table(scores, {"dev": 4, "test": 1234}).splitlines()
    assert lines[0].split() == ["dev", "test"]
    assert lines[1].split() == ["rows", "4", "1,234"]
    name, number, value, *_ = lines[2].split()
    assert (name, number, value) == ("exact_match", "1", "0.2500")
    assert "[" in lines[2]
    assert "    1 nrefs:1|match:string" in lines
    assert any("tok:ja-mecab" in line for line in lines)
    wide = {"dev": {"char_perplexity": Score(12345.6789, "s", 10000.0, 23456.0)}, "test": {"char_perplexity": Score(2.0, "s")}}
    assert table(wide, {"dev": 1, "test": 1}).splitlines()[2].split() == [
        "char_perplexity", "1", "12345.679", "[10000.000,", "23456.000]", "2.000",
    ]  # fmt: skip
    alone = table({"test": score_predictions(ROWS[:1])}, {"test": 1}).splitlines()
    assert alone[2].split() == ["exact_match", "1", "1.0000"]  # one row has no interval
