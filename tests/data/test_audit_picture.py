from collections import Counter

import pytest

from toi.data.audit import Audit, Measured, Note, TokenCounts
from toi.data.audit_picture import draw


def audit(limit=None):
    lengths = {
        Measured(part, "characters"): {"train": [1, 5, 9], "dev": [4], "test": [7, 7]} for part in ("source", "target", "context")
    }
    if limit is None:
        return Audit(
            Counter(train=4, dev=1, test=2), Counter(train=3, dev=1, test=2), [Note("train", "no answer", "x")], [], {}, lengths
        )
    lengths |= {Measured(part, "tokens"): lengths[Measured(part, "characters")] for part in ("source", "target")}
    return Audit(lengths=lengths, tokenizer="a/model", tokens=TokenCounts({"source": limit, "target": limit}))


@pytest.mark.usefixtures("draws")
def test_the_picture_is_the_same_every_time_and_shows_the_limits_that_are_reached(tmp_path):
    pictures = []
    for number, one in enumerate((audit(), audit(), audit(9), audit(10))):
        draw(one, tmp_path / f"{number}.png")
        pictures.append((tmp_path / f"{number}.png").read_bytes())
    assert pictures[0].startswith(b"\x89PNG")
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 3  # the longest row is 9: a limit of 9 is shown, one of 10 is outside


@pytest.mark.usefixtures("draws")
def test_a_split_that_was_not_made_has_no_lengths(tmp_path):
    one = audit()
    for lengths in one.lengths.values():
        lengths["test"] = []
    draw(one, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
