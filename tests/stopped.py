"""A training run that ends as if the power went."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import train as loop


class Stopped(Exception):
    """As if the power went."""


@contextmanager
def stopped_behind(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[None]:
    """The training in the block ends before the step behind this one; fails where it does not come so far."""

    def stopping(state, batches, real=loop.train_step):  # type: ignore[no-untyped-def]
        if state.progress.step == step:
            raise Stopped
        real(state, batches)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(loop, "train_step", stopping)
        yield
