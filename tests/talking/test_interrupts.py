"""Ctrl-C in a conversation: it stops an answer between two tokens, and a second one at once."""

import signal
import time
from contextlib import contextmanager

import pytest

from toi.talking.interrupts import Interrupts


@pytest.fixture
def interrupts():
    one = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    with one.listening():
        yield one
    assert signal.getsignal(signal.SIGINT) is before


def parts(happened):
    """An answer that notes how far it was written, and its end."""
    try:
        for number in range(4):
            happened.append(number)
            yield str(number)
    finally:
        happened.append("closed")


def test_an_answer_ends_behind_the_part_under_way(interrupts):
    happened, shown = [], []
    for part in interrupts.until_asked(parts(happened)):
        shown.append(part)
        if part == "1":
            signal.raise_signal(signal.SIGINT)
    assert shown == ["0", "1"]
    assert happened == [0, 1, "closed"]
    assert interrupts.asked
    assert list(interrupts.until_asked(parts(happened))) == ["0", "1", "2", "3"]  # the next one is another
    assert not interrupts.asked


def test_before_the_first_part_it_ends_at_once(interrupts):
    def slow():
        signal.raise_signal(signal.SIGINT)
        yield "never"

    assert list(interrupts.until_asked(slow())) == []
    assert interrupts.asked


def test_a_second_one_does_not_wait(interrupts):
    def stuck():
        yield "0"
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        yield "never"

    assert list(interrupts.until_asked(stuck())) == ["0"]
    assert interrupts.asked


def test_what_is_set_up_is_whole_and_put_back(interrupts):
    happened = []

    @contextmanager
    def packed():
        happened.append("begun")
        signal.raise_signal(signal.SIGINT)
        happened.append("packed")
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGINT)
            happened.append("unpacked")

    def reading():
        with packed():
            end = time.monotonic() + 5
            while time.monotonic() < end:
                pass
        yield "never"

    assert list(interrupts.until_asked(reading())) == []
    assert interrupts.asked
    assert happened == ["begun", "packed", "unpacked"]


def test_at_the_prompt_it_raises(interrupts):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_where_it_is_ignored_it_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts().listening():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
