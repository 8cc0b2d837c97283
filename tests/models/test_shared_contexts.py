from collections import Counter

import numpy
import pytest

from toi.models.contexts import Contexts, fill, rows_of, shared_out

SIZES = [1 + (i * 7) % 6 for i in range(300)]  # of groups
GROUPS = numpy.repeat(numpy.arange(300), SIZES)[(numpy.arange(sum(SIZES)) * 401) % sum(SIZES)]  # mixed up
COUNTS = numpy.array(SIZES)[GROUPS]
CONTEXTS = Contexts(GROUPS, numpy.where(COUNTS > 1, 40 + GROUPS % 50, 0), 60 + GROUPS % 50 + numpy.arange(len(GROUPS)) % 7)


def kept_together(steps):
    """How many groups stand in one step."""
    return sum(len(steps_of) == 1 for steps_of in steps_by_group(steps).values())


def steps_by_group(steps):
    found = {}
    for number, step in enumerate(steps):
        for row in rows_of(step):
            found.setdefault(int(GROUPS[row]), set()).add(number)
    return found


@pytest.mark.parametrize("rows", [1, 5, 8, 32, 5000])
def test_steps_have_all_rows_and_keep_contexts_together(rows):
    steps = CONTEXTS.steps(rows, 1, 0)
    assert sorted(i for step in steps for i in rows_of(step)) == list(range(len(GROUPS)))
    sizes = Counter(len(rows_of(step)) for step in steps)
    assert sizes[min(rows, len(GROUPS))] >= len(steps) - 1
    assert len(steps) == -(-len(GROUPS) // rows)
    if rows > 5:
        assert kept_together(steps) > 0.9 * len(SIZES)
    for step in steps:
        for piece in step:
            assert len({int(GROUPS[i]) for i in piece}) == 1


def test_steps_depend_on_seed_and_epoch_alone_and_mix():
    assert CONTEXTS.steps(8, 1, 0) == CONTEXTS.steps(8, 1, 0)
    assert CONTEXTS.steps(8, 1, 0) != CONTEXTS.steps(8, 1, 1) != CONTEXTS.steps(8, 2, 1)
    firsts, seconds = ([sorted(rows_of(step)) for step in CONTEXTS.steps(8, 1, epoch)] for epoch in (0, 1))
    assert sum(step in seconds for step in firsts) < 0.1 * len(firsts)


def test_a_context_of_all_rows_is_mixed():
    one = Contexts(numpy.zeros(100, int), numpy.full(100, 9), numpy.full(100, 12))
    (first, *_), (second, *_) = (one.steps(10, 1, epoch) for epoch in (0, 1))
    assert sorted(rows_of(first)) != list(range(10))
    assert sorted(rows_of(first)) != sorted(rows_of(second))


@pytest.mark.parametrize("tokens", [1, 150, 400, 10**6])
def test_a_budget_of_tokens_counts_what_is_shared_once(tokens):
    steps = CONTEXTS.steps_of_tokens(tokens, 1, 0)
    assert sorted(i for step in steps for i in rows_of(step)) == list(range(len(GROUPS)))
    for step in steps:
        cost = sum(
            sum(int(CONTEXTS.widths[i]) for i in piece) - (len(piece) - 1) * int(CONTEXTS.shared[piece[0]]) for piece in step
        )
        assert cost <= tokens or len(rows_of(step)) == 1


def test_saved():
    contexts = Contexts(numpy.array([0, 1, 0, 0]), numpy.array([10, 0, 10, 10]), numpy.array([15, 7, 16, 12]))
    assert contexts.saved == 20
    assert str(contexts) == (
        "3 of 4 rows share their beginning with others (3.0 rows each): computed once, 40% of the tokens fall away"
    )
    assert contexts.sorted_batches(3) == [[0, 2, 3], [1]]


FILLED = [
    # pieces, sizes, lists, what is left over
    ([[1, 2], [3, 4], [5]], [3, 2], [[[1, 2], [5]], [[3, 4]]], []),
    ([[1, 2, 3], [4, 5, 6]], [4], [[[1, 2, 3], [4]]], [[5, 6]]),
    ([[1, 2, 3]], [1, 1], [[[1]], [[2]]], [[3]]),
    ([[1]], [], [], [[1]]),
]


@pytest.mark.parametrize(("pieces", "sizes", "lists", "left"), FILLED)
def test_fill(pieces, sizes, lists, left):
    assert fill(pieces, sizes) == (lists, left)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_each_process_gets_whole_pieces(processes):
    pieces = [[1, 2], [3, 4], [5], [6, 7, 8]]
    rows = shared_out(pieces, processes)
    assert sorted(rows) == list(range(1, 9))
    if processes == 2:
        shares = [set(rows[rank::2]) for rank in range(2)]
        assert all(any(set(piece) <= share for share in shares) for piece in pieces)
