import pytest
from scored_rows import ROWS, with_outputs

from toi.data.predictions import write_predictions
from toi.scoring.comparison import read_other
from toi.scoring.options import ScoringOptions
from toi.scoring.scored import score_rows, with_comparison
from toi.scoring.tables import comparison_table
from toi.system.errors import InputError


def test_comparison(tmp_path):
    path = tmp_path / "o.tsv"
    write_predictions(path, reversed(with_outputs(ROWS[0].output, "県庁所在地はどこですか?", "桃", "x")))
    others = read_other(str(path), [(row.id, row.target) for row in ROWS])
    assert [other.id for other in others] == ["a", "b", "c", "d"]
    found = with_comparison(score_rows(ROWS, ScoringOptions()), others, str(path), ScoringOptions())
    assert found.comparison.differences["exact_match"].value == -0.25
    assert 0 < found.comparison.differences["exact_match"].p <= 1
    assert [change.id for change in found.comparison.changes] == ["c", "b", "d"]
    assert found.comparison.changes[0].other == "桃"
    text = comparison_table(found.comparison)
    assert "exact_match              -0.2500 [" in text
    assert "    theirs  桃" in text
    same = with_comparison(score_rows(ROWS, ScoringOptions()), ROWS, "o", ScoringOptions())
    assert "all outputs are the same" in comparison_table(same.comparison)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:3], "1 of our rows are not in it (the first 'd')"),
        ([*ROWS, ROWS[0]._replace(id="e")], "1 of its rows are not ours (the first 'e')"),
        ([*ROWS[:3], ROWS[3]._replace(id="e")], "the first 'd'), 1 of its rows are not ours (the first 'e')"),
        ([*ROWS, ROWS[0]], "two rows with the id 'a'"),
        ([*ROWS[:3], ROWS[3]._replace(target="何")], "the target of 'd' is '何' there, but '人口は何人ですか?' here"),
    ],
)
def test_other_rows_are_not_compared(tmp_path, rows, message):
    write_predictions(tmp_path / "o.tsv", rows)
    with pytest.raises(InputError) as error:
        read_other(str(tmp_path / "o.tsv"), [(row.id, row.target) for row in ROWS])
    assert message in str(error.value)
