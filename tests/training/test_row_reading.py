from types import SimpleNamespace

import pytest

from toi.models.batches import Encoded
from toi.training.reading import SourceMask


def family(mask=None, unk=2, pad=0, ends=(1,), frame=(0, 1), added=()):
    tokenizer = SimpleNamespace(
        fast=SimpleNamespace(mask_token_id=mask), unk_id=unk, pad_id=pad, controls={pad, *ends}, added={f"<{i}>": i for i in added}
    )
    return SimpleNamespace(tokenizer=tokenizer, end_ids=ends, source_frame=frame)


MARKS = [
    # what the tokenizer has, the id that stands for a token that is masked; None: they are left out
    ({}, 2),
    ({"mask": 9}, 9),
    ({"unk": None}, None),
    ({"unk": 1}, None),  # GPT-2's <unk> is its end
    ({"unk": 0}, None),
    ({"mask": 9, "unk": 1}, 9),
]


@pytest.mark.parametrize(("has", "mark"), MARKS)
def test_what_stands_for_a_token(has, mark):
    masks = SourceMask(family(**has), 0.4, 42)
    assert masks.id == mark
    row = Encoded([*range(100, 1100), 1], [7, 7, 1])
    read = masks(row, 0)
    assert read.target == row.target
    assert read.source[-1] == 1  # what stands behind the text
    kept = [i for i in read.source if i >= 100]
    assert len(kept) == pytest.approx(600, abs=60)
    assert kept == sorted(kept)
    others = [i for i in read.source if i < 100]
    assert set(others) <= {mark, 1}
    assert len(read.source) == (1001 if mark is not None else len(kept) + 1)


def test_special_tokens_and_what_stands_around_a_text_are_read():
    masks = SourceMask(family(frame=(2, 3), added=(50, 51)), 0.999999, 42)
    assert masks(Encoded([300, 301, 302, 50, 303, 51, 304, 305, 306, 307], [1]), 3).source == [
        300,
        301,
        2,
        50,
        2,
        51,
        2,
        305,
        306,
        307,
    ]


def test_another_part_is_masked_in_every_step_and_with_every_seed():
    row = Encoded([*range(100, 300)], [1])
    found = [tuple(SourceMask(family(), 0.2, seed)(row, step).source) for seed, step in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    assert len(set(found)) == 4
    assert found[0] == tuple(SourceMask(family(), 0.2, 0)(row, 0).source)


def test_rows_that_begin_alike_are_masked_alike_up_to_there():
    masks = SourceMask(family(), 0.5, 42)
    one, other = (masks(Encoded([*range(100, 200), more, *range(200, 300), 1], [1]), 0).source for more in (5, 6))
    assert one[:100] == other[:100]
    assert one[101:] != other[101:]
