import pytest
import torch

from toi.models.batches import Encoded, collate, shuffled_batches, sorted_batches, truncate


@pytest.mark.parametrize(
    ("ids", "limit", "expected"),
    [([5, 6, 1], 3, [5, 6, 1]), ([5, 6, 7, 1], 3, [5, 6, 1]), ([5, 1], 9, [5, 1]), ([5, 6, 7, 1], 2, [5, 1])],
)
def test_truncate_keeps_the_end(ids, limit, expected):
    assert truncate(ids, limit) == expected


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


def test_collate():
    batch = collate([Encoded([5, 0, 1], [7, 8, 1]), Encoded([1], [1])], pad_id=0, start_id=9)
    assert torch.equal(batch.input_ids, torch.tensor([[5, 0, 1], [1, 0, 0]]))
    assert torch.equal(batch.attention_mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))
    assert torch.equal(batch.decoder_input_ids, torch.tensor([[9, 7, 8], [9, 0, 0]]))
    assert torch.equal(batch.labels, torch.tensor([[7, 8, 1], [1, -100, -100]]))
    assert set(batch.inputs(torch.device("cpu"))) == {"input_ids", "attention_mask", "decoder_input_ids"}


@pytest.mark.parametrize("max_tokens", [1, 60, 101, 500, 10**6])
def test_a_budget_of_tokens(max_tokens):
    """A batch with its padding stays within the budget, unless it is one long row, and the next row would not fit."""
    for batches in (shuffled_batches(LENGTHS, 8, 1, 0, max_tokens), sorted_batches(LENGTHS, 8, max_tokens)):
        assert sorted(i for batch in batches for i in batch) == list(range(1000))
        for batch in batches:
            assert len(batch) == 1 or max(LENGTHS[i] for i in batch) * len(batch) <= max_tokens
    sizes = [len(batch) for batch in sorted_batches([50, 30, 30, 20, 20, 20, 5], 8, 60)]
    assert sizes == [1, 2, 3, 1]
