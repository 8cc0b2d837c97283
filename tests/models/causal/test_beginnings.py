import random

import numpy
import pytest

from toi.models.batches import Encoded
from toi.models.causal.beginnings import alike, rows_that_begin_alike

A, B = list(range(100, 140)), list(range(200, 230))  # 40 and 30 tokens
BATCHES = [
    # sources, groups with the tokens that are shared
    ([[1, 2]], [([0], 0)]),
    ([[*A, 1], [*A, 2]], [([0, 1], 40)]),
    ([A, A], [([0, 1], 39)]),  # the last token stays
    ([[*A[:15], 1], [*A[:15], 2]], [([0], 0), ([1], 0)]),  # too short
    ([[*A[:16], 1], [*A[:16], 2]], [([0, 1], 16)]),
    ([[*A, 1], [*B, 1], [*A, 2], [*B, 2]], [([0, 2], 40), ([1, 3], 30)]),
    ([[*A, 1], [*A[:39], 7], [*A, 3]], [([0, 1, 2], 39)]),  # 78 tokens fall away, of two alone 40
    ([[*A, 1], [*A[:18], 7], [*A, 3]], [([0, 2], 40), ([1], 0)]),  # 40, of all three 36
    ([[*A[:20], *B, 1], [*A[:20], *B, 2], [*A[:20], 3], [*A[:20], 4]], [([0, 1], 50), ([2, 3], 20)]),
    ([[1], [1], [2]], [([0], 0), ([1], 0), ([2], 0)]),
]


@pytest.mark.parametrize(("sources", "groups"), BATCHES)
def test_rows_of_a_batch(sources, groups):
    assert alike([Encoded(source, [1]) for source in sources]) == groups


def found(sources, part=1000):
    parts = [sources[i : i + part] for i in range(0, len(sources), part)]
    chunks = [
        (numpy.array([i for source in some for i in source], numpy.int32), numpy.array(list(map(len, some)), numpy.int32))
        for some in parts
    ]
    return rows_that_begin_alike(iter(chunks), numpy.ones(len(sources), numpy.int64))


FILES = [
    # sources, groups, tokens that are known to be shared by each row
    ([[1]], [0], [0]),
    ([[*A, 1], [*B, 1], [*A, 2, 3], [5], [*B, 9]], [0, 1, 0, 2, 1], [39, 25, 39, 0, 25]),
    ([[*A, *B], [*A[:16], *B, 7], [*A, *B, 1]], [0, 1, 0], [61, 0, 61]),  # 16 of 46 are less than half
    ([A, A, A], [0, 0, 0], [39, 39, 39]),
    ([[*A[:10], 1], [*A[:10], 2]], [0, 1], [0, 0]),  # too short
    ([[*A[:20], 1], [*A[:20], 2], [*A[:30], 3]], [0, 0, 0], [20, 20, 20]),
]


@pytest.mark.parametrize("part", [1, 2, 1000])
@pytest.mark.parametrize(("sources", "groups", "shared"), FILES)
def test_rows_of_a_file(sources, groups, shared, part):
    contexts = found(sources, part)
    numbers = {}
    assert [numbers.setdefault(int(group), len(numbers)) for group in contexts.groups] == groups
    assert contexts.shared.tolist() == shared
    assert contexts.widths.tolist() == [len(source) + 1 for source in sources]


def test_what_is_said_to_be_shared_is():
    generator = random.Random(0)
    begins = [[generator.randrange(50) for _ in range(generator.randrange(5, 300))] for _ in range(40)]
    begins += [[*begin, *generator.choice(begins)] for begin in begins[:20]]
    sources = [
        [*generator.choice(begins), *(generator.randrange(50) for _ in range(generator.randrange(1, 30)))] for _ in range(400)
    ]
    contexts = found(sources, 97)
    for number in set(contexts.groups.tolist()):
        rows = numpy.flatnonzero(contexts.groups == number)
        shared = set(contexts.shared[rows].tolist())
        assert len(shared) == 1
        (count,) = shared
        assert (count > 0) == (len(rows) > 1)
        assert len({tuple(sources[i][:count]) for i in rows}) == 1
    assert contexts.saved > 0.5 * sum(map(len, sources))
