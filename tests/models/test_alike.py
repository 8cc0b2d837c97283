import random

import pytest

from toi.models.alike import shared_beginnings, side_by_side

A, B = [7, 3, 9, 9, 2, 4], [8, 3, 9, 9, 2, 4]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([A], []),
        ([A, B], []),  # nothing is the same
        ([[1], [1]], []),  # and of one token there is none before the last
        ([[*A, 1], [*A, 2]], [([0, 1], 6)]),
        ([A, A], [([0, 1], 5)]),  # the last token of each is read behind the beginning
        ([A, [*A, 5, 5]], [([0, 1], 5)]),  # also where one row is the beginning of another
        ([[*B, 1], [*A, 1], [*B, 2], [*A, 2, 3]], [([1, 3], 6), ([0, 2], 6)]),
        ([[*A, 1], B, [*A, 2]], [([0, 2], 6), ([1], 5)]),  # alone: all but the last token
        # A beginning that all have, and longer ones of some: what saves the most.
        ([[5, *A, 1], [5, *A, 2], [5, *B, 1], [5, *B, 2]], [([0, 1], 7), ([2, 3], 7)]),
        ([[5, 5, 1], [5, 5, 2], [5, 5, 3], [5, 5, 3, 4, 5]], [([0, 1, 2, 3], 2)]),
        # Not worth while: one token of twenty.
        ([[5, 1, *[6] * 8], [5, 2, *[6] * 8]], []),
    ],
)
def test_shared_beginnings(rows, expected):
    assert [tuple(group) for group in shared_beginnings(rows)] == expected


def test_any_rows_are_in_one_group_each_and_begin_alike():
    generator = random.Random(0)
    shared = 0
    for _ in range(300):
        beginnings = [generator.choices(range(3), k=generator.randint(0, 12)) for _ in range(3)]
        rows = [
            [*generator.choice(beginnings), *generator.choices(range(9), k=generator.randint(1, 4))]
            for _ in range(generator.randint(1, 9))
        ]
        groups = shared_beginnings(rows)
        shared += bool(groups)
        assert not groups or sorted(i for group in groups for i in group.rows) == list(range(len(rows)))
        for group in groups:
            assert len({tuple(rows[i][: group.shared]) for i in group.rows}) == 1
            assert all(group.shared < len(rows[i]) for i in group.rows)
    assert shared > 50


@pytest.mark.parametrize(
    ("rows", "order", "lengths"),
    [
        ([], [], []),
        ([A], [0], [6]),
        ([B, A, [*B, 1, 2], [*A, 1], [4]], [4, 1, 3, 0, 2], [1, 7, 7, 8, 8]),
        ([[5, 5, 1, 1, 1], [5, 5, 2, 2, 2]], [0, 1], [5, 5]),  # less than half
        ([[5, 5, 5, 1, 1], [5, 5, 5, 2, 2, 2, 2]], [0, 1], [5, 7]),  # of the longer one
    ],
)
def test_side_by_side(rows, order, lengths):
    assert side_by_side(rows) == (order, lengths)
