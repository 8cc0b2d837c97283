import pytest
import torch

from toi.models.seeded import counted, key_of, keys_of_beginnings, mixed, shares


def test_numbers_are_those_of_splitmix64():
    """The first ones of seed 0, as everybody's implementation has them."""
    known = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert [number % 2**64 for number in mixed(counted(4)).tolist()] == known


def test_what_begins_alike_has_the_same_keys_up_to_there():
    one, other = keys_of_beginnings([5, 6, 7, 8]).tolist(), keys_of_beginnings([5, 6, 9, 8]).tolist()
    assert one[:2] == other[:2]
    assert len({*one, *other}) == 6
    assert keys_of_beginnings([6, 5]).tolist()[1] != one[1]  # the order counts


def test_seed_step_and_part_all_count():
    keys = {int(key_of(*numbers)) for numbers in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0, 1), (2**32 - 1, 10**9)]}
    assert len(keys) == 6


@pytest.mark.parametrize("step", [0, 1])
def test_shares_are_uniform(step):
    found = shares(key_of(42, step) + counted(40000))
    assert 0 <= float(found.min()) < 1e-3 < 0.999 < float(found.max()) < 1
    assert torch.histc(found, 4, 0, 1).tolist() == pytest.approx([10000] * 4, rel=0.04)
