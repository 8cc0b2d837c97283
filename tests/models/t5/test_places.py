import pytest
import torch

from toi.models.t5 import places
from toi.models.t5.places import Places, groups


@pytest.mark.parametrize(("packed", "tokens"), [(True, [0, 1, 3, 6, 7, 8]), (False, list(range(9)))])
def test_pack_leaves_the_padding_out(packed, tokens):
    rows = Places([2, 1, 3], 3, packed=packed)
    padded = torch.arange(9).view(3, 3)
    assert rows.pack(padded).tolist() == tokens
    assert rows.pack(padded[..., None].expand(3, 3, 2)).shape == (len(tokens), 2)
    assert rows.seen == [2, 1, 3]


@pytest.mark.parametrize(
    ("lengths", "first", "last", "expected"),
    [
        ([2, 1, 3], 0, 3, [[0, 1, -1], [2, -1, -1], [3, 4, 5]]),
        ([2, 1, 3], 0, 2, [[0, 1], [2, -1]]),
        ([2, 1, 3], 1, 2, [[2]]),
        ([2, 2, 3], 0, 2, [[0, 1], [2, 3]]),
    ],
)
def test_rows_are_padded_to_their_longest_and_put_back(lengths, first, last, expected):
    rows = Places(lengths, 5, packed=True)
    tokens = torch.arange(sum(lengths)).float()[:, None].expand(-1, 2)
    found = rows.rows(tokens, first, last)  # (rows, longest, 2)
    assert found[..., 0].tolist() == [[max(0.0, float(i)) for i in row] for row in expected]
    back = torch.full((sum(lengths), 1, 2), -1.0)
    rows.put(found[:, :, None, :], back, first, last)
    inside = slice(sum(lengths[:first]), sum(lengths[:last]))
    assert torch.equal(back[inside, 0], tokens[inside])
    assert bool((torch.cat([back[: inside.start], back[inside.stop :]]) == -1).all())


@pytest.mark.parametrize(
    ("cut", "at_once", "expected"),
    [
        (False, 1, [(0, 4)]),
        (True, 1, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (True, 2 * 8, [(0, 2), (2, 3), (3, 4)]),  # two heads: 2 x 2 x (2 x 2) scores, then the row of 3
        (True, 10_000, [(0, 4)]),
    ],
)
def test_groups_hold_so_many_scores(cut, at_once, expected, monkeypatch):
    monkeypatch.setattr(places, "_AT_ONCE", at_once)
    rows = Places([2, 2, 3, 3], 3, packed=True)
    assert list(groups(rows, rows, 2, cut=cut)) == expected
