import pytest
import torch

from toi.batching import Encoded, collate, encode_rows, shuffled_batches, sorted_batches, truncate
from toi.examples import Row
from toi.tokenization import load_tokenizer


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


def test_truncation_is_counted(tiny):
    rows = [Row("1", "山梨県の県庁所在地は甲府市です。", "甲府市"), Row("2", "山", "県庁所在地はどこですか?")]
    encoded, cut = encode_rows(rows, load_tokenizer(tiny), 4, 5)
    assert (cut.sources, cut.targets) == (1, 1)
    assert all(len(e.source) <= 4 and len(e.target) <= 5 and e.source[-1] == e.target[-1] == 1 for e in encoded)
