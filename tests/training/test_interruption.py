import signal
import threading

import pytest

from toi.training.interruption import Interruption, interruptible

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def caught():
    """Signals that nobody else noted; what caught them before is put back."""
    numbers = []
    before = {number: signal.signal(number, lambda number, frame: numbers.append(number)) for number in SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_first_signal_is_noted_and_a_second_one_is_as_ever(number, second, caught):
    interruption = Interruption()
    with interruptible(interruption):
        assert interruption == Interruption(None, None)
        signal.raise_signal(number)
        assert (interruption.signalled, interruption.agreed, caught) == (number, None, [])
        signal.raise_signal(second)
        assert (interruption.signalled, caught) == (number, [second])
    signal.raise_signal(second)
    assert caught == [second, second]


@pytest.mark.parametrize("error", [None, KeyError])
def test_behind_the_block_signals_are_as_before(error, caught):
    before = [signal.getsignal(number) for number in SIGNALS]
    interruption = Interruption()
    try:
        with interruptible(interruption):
            assert [signal.getsignal(number) for number in SIGNALS] != before
            if error:
                raise error
    except KeyError:
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before
    signal.raise_signal(signal.SIGTERM)
    assert (interruption.signalled, caught) == (None, [signal.SIGTERM])


def test_in_another_thread_signals_are_left_alone():
    before, seen = [signal.getsignal(number) for number in SIGNALS], []

    def run():
        with interruptible(Interruption()):
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == before
