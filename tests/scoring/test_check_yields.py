import math

from toi.scoring.check_yields import CheckYield, check_yields, yields_table


def test_yields():
    dropped = [(), ("vague",), ("vague", "made_up"), ("made_up",), ()]
    right = [True, False, False, True, False]
    assert check_yields(dropped, right) == [
        CheckYield("none", 0, 0, 0.4),
        CheckYield("made_up", 2, 1, 1 / 3),
        CheckYield("vague", 2, 2, 2 / 3),
        CheckYield("all", 3, 2, 0.5),
    ]


def test_a_check_that_drops_all():
    (none, one, together) = check_yields([("a",)], [True])
    assert (none.kept_precision, one.dropped, one.dropped_wrong) == (1.0, 1, 0)
    assert math.isnan(one.kept_precision)
    assert math.isnan(together.kept_precision)


def test_table():
    assert yields_table(check_yields([("vague",), ()], [False, True])).splitlines() == [
        "check                  dropped   of them wrong   right of the kept",
        "none                         0                               50.0%",
        "vague                        1          100.0%              100.0%",
        "all                          1          100.0%              100.0%",
    ]
