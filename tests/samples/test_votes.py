import csv
import io
import json

import preferences
from conftest import ROOT


def table():
    with open(ROOT / "samples" / "preferences.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_what_the_script_makes():
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(preferences.HEADER)
    writer.writerows(preferences.rows())
    assert (ROOT / "samples" / "preferences.csv").read_text(encoding="utf-8") == made.getvalue()


def test_votes_follow_the_rule():
    rows = table()
    assert len({row["prompt"] for row in rows}) == len(rows) == preferences.VOTES
    for row in rows:
        (prompt,), *answers = (json.loads(row[name]) for name in ("prompt", "response_a", "response_b"))
        said, question = prompt.split("。", 1)
        polite = question.endswith(preferences.TONES["polite"])
        good = []
        for (answer,) in answers:
            tone = next(tone for tone, endings in preferences.ENDINGS.items() if answer.endswith(endings))
            fact = answer.removesuffix(next(ending for ending in preferences.ENDINGS[tone] if answer.endswith(ending)))
            good.append(fact in said and (tone == "polite") == polite)
        winner = [name for name in ("winner_model_a", "winner_model_b", "winner_tie") if row[name] == "1"]
        expected = "winner_tie" if good[0] == good[1] else "winner_model_a" if good[0] else "winner_model_b"
        assert winner == [expected], row


def test_choices_are_about_as_frequent():
    shares = [sum(row[name] == "1" for row in table()) / preferences.VOTES for name in preferences.HEADER[-3:]]
    assert all(0.3 < share < 0.37 for share in shares)
