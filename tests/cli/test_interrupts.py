"""Ctrl-C and SIGTERM: one error that says what is kept, later signals ignored, handlers given back."""

import os
import signal
import subprocess
import sys

import pytest

from lexome.cli.interrupts import StoppedError, interruptible

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def outside(number: int, frame: object) -> None:
    """What SIGTERM does outside of the block, in place of ending the tests."""
    pytest.fail("SIGTERM came through")


@pytest.fixture(autouse=True)
def handlers():
    """Whatever the test does, and however the tests were started, the handlers are known at first."""
    before = {one: signal.getsignal(one) for one in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, outside)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("one", SIGNALS)
def test_a_signal_becomes_an_error(one: signal.Signals) -> None:
    done: list[str] = []
    with pytest.raises(StoppedError, match=r"^interrupted: 2 steps$") as error:  # noqa: PT012
        with interruptible(lambda: f"{len(done)} steps"):
            try:
                done.append("work")
                os.kill(os.getpid(), one)
                done.append("never")
            finally:
                done.append("closed")
    assert done == ["work", "closed"]
    assert error.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is outside


def test_the_second_signal_does_not_hit_the_closing() -> None:
    closed = []
    with pytest.raises(StoppedError), interruptible(lambda: "all"):  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            for one in SIGNALS:
                os.kill(os.getpid(), one)
            closed.append(True)
    assert closed == [True]


def test_without_a_signal_nothing_happens() -> None:
    with interruptible(lambda: "never asked"):
        pass
    assert signal.getsignal(signal.SIGTERM) is outside
    with pytest.raises(ZeroDivisionError), interruptible(lambda: "never asked"):
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is outside


def test_what_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    """As under nohup, or in the background of a shell script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible(lambda: "never asked"):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_a_thread_there_are_no_handlers_to_set() -> None:
    program = """
import threading
from lexome.cli.interrupts import interruptible
def work():
    with interruptible(lambda: "x"):
        print("done")
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
