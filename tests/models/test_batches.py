import pytest

from toi.models.batches import shuffled_batches, sorted_batches
from toi.models.padded import mask_of, pad

LENGTHS = [(i * 37) % 101 + 1 for i in range(1000)]


@pytest.mark.parametrize("batch_size", [1, 7, 32, 2000])
def test_every_row_is_in_one_batch(batch_size):
    for batches in (shuffled_batches(LENGTHS, batch_size, 1, 0), sorted_batches(LENGTHS, batch_size)):
        assert sorted(i for batch in batches for i in batch) == list(range(1000))
        assert max(map(len, batches)) <= batch_size


def test_order_depends_on_seed_and_epoch_alone():
    assert shuffled_batches(LENGTHS, 8, 1, 0) == shuffled_batches(LENGTHS, 8, 1, 0)
    assert shuffled_batches(LENGTHS, 8, 1, 0) != shuffled_batches(LENGTHS, 8, 1, 1)
    assert shuffled_batches(LENGTHS, 8, 1, 0) != shuffled_batches(LENGTHS, 8, 2, 0)


def test_batches_hold_rows_of_like_length():
    batches = shuffled_batches(LENGTHS, 20, 1, 0)
    padded = sum(max(LENGTHS[i] for i in batch) * len(batch) for batch in batches)
    assert padded < 1.1 * sum(LENGTHS)


def test_longest_first():
    batches = sorted_batches([3, 9, 5, 9], 2)
    assert batches == [[1, 3], [2, 0]]


def test_padding():
    assert pad([[5, 0, 1], [7]], -1).tolist() == [[5, 0, 1], [7, -1, -1]]
    assert mask_of([[5, 0, 1], [7]]).tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("max_tokens", [1, 60, 101, 500, 10**6])
def test_a_budget_of_tokens(max_tokens):
    """A batch with its padding stays within the budget, unless it is one long row, and the next row would not fit."""
    for batches in (shuffled_batches(LENGTHS, 8, 1, 0, max_tokens), sorted_batches(LENGTHS, 8, max_tokens)):
        assert sorted(i for batch in batches for i in batch) == list(range(1000))
        for batch in batches:
            assert len(batch) == 1 or max(LENGTHS[i] for i in batch) * len(batch) <= max_tokens
    sizes = [len(batch) for batch in sorted_batches([50, 30, 30, 20, 20, 20, 5], 8, 60)]
    assert sizes == [1, 2, 3, 1]
