"""Several right questions of an answer."""

import pytest

from toi.data.examples import Answer, Example
from toi.data.paraphrases import paraphrased


def example(name, *questions):
    extra = {"questions": list(questions), "kind": "k"} if questions else {"kind": "k"}
    return Example(name, "霧沢一は医師です。", "職業は何ですか?", (Answer("医師", 4),), extra=extra)


COUNTS = [  # right questions, how many are wanted, how many there are
    (("職業は何ですか?", "a", "b", "c"), 1, 1),
    (("職業は何ですか?", "a", "b", "c"), 3, 3),
    (("職業は何ですか?", "a", "b", "c"), 9, 4),
    (("a", "b"), 9, 3),
    (("職業は何ですか?",), 9, 1),
    ((), 9, 1),
]


@pytest.mark.parametrize(("questions", "wanted", "found"), COUNTS)
def test_how_many(questions, wanted, found):
    first, *others = paraphrased([example("e", *questions)], wanted, 42)
    assert first == example("e", *questions)
    asked = [other.question for other in others]
    assert len(asked) == found - 1
    assert len({*asked, first.question}) == found
    assert set(asked) <= set(questions)
    assert [other.id for other in others] == [f"e#{number}" for number in range(2, found + 1)]
    assert all(other.extra == {"kind": "k"} and other.answers == first.answers for other in others)


def test_what_is_chosen_depends_on_seed_and_id_alone():
    ways = [f"q{i}" for i in range(30)]
    one, two = example("one", *ways), example("two", *ways)
    chosen = {e.id: e.question for e in paraphrased([one, two], 4, 42)}
    assert chosen == {e.id: e.question for e in paraphrased([two, one], 4, 42)}
    assert [chosen[f"one#{i}"] for i in (2, 3, 4)] != [chosen[f"two#{i}"] for i in (2, 3, 4)]
    assert chosen != {e.id: e.question for e in paraphrased([one, two], 4, 43)}


def test_usual_questions_are_likelier():
    ways = [f"q{i}" for i in range(30)]
    drawn = [e.question for i in range(300) for e in list(paraphrased([example(str(i), *ways)], 2, 0))[1:]]
    assert sum(int(q[1:]) < 10 for q in drawn) > 150
