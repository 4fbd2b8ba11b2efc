"""The one object that ends a run: by a signal, by the code, for a part of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from kubectl_lrs.runtime.cancel import SIGNALS, Cancel, CancelledError, Deadline, interrupting


def _send(number: signal.Signals) -> None:
    """To this process; its handler has run when this returns, if it raises nothing."""
    os.kill(os.getpid(), number)
    threading.Event().wait(10)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_sets_it_and_the_second_ends_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cancel = Cancel()
    with cancel.on_signals():
        os.kill(os.getpid(), number)
        assert cancel.wait(10)
        with pytest.raises(KeyboardInterrupt):
            _send(number)
    assert signal.getsignal(number) is before, "the handlers are as they were"


def test_one_that_is_set_already_is_not_waited_for() -> None:
    cancel = Cancel()
    cancel.set()
    with cancel.on_signals(), pytest.raises(KeyboardInterrupt):
        _send(signal.SIGTERM)


def test_while_a_question_is_asked_each_signal_ends_the_run() -> None:
    cancel = Cancel()
    with cancel.on_signals():
        with interrupting(), pytest.raises(KeyboardInterrupt):
            _send(signal.SIGINT)
        assert not cancel.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(10)


def test_other_threads_install_nothing() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    seen: list[object] = []

    def run() -> None:
        with Cancel().on_signals():
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == before


def test_children() -> None:
    whole = Cancel()
    part, other = whole.child(), whole.child()
    part.set()
    assert (whole.is_set(), part.is_set(), other.is_set()) == (False, True, False)
    whole.set()
    assert other.is_set()
    assert whole.child().is_set()
    with pytest.raises(CancelledError):
        other.require()
    Cancel().require()


def test_every_wait_ends() -> None:
    whole = Cancel()
    child = whole.child()
    done: list[bool] = []
    threads = [threading.Thread(target=lambda each=each: done.append(each.wait(60))) for each in (whole, child, child.child())]
    for thread in threads:
        thread.start()
    whole.set()
    for thread in threads:
        thread.join(10)
    assert done == [True] * 3


def test_deadline() -> None:
    cancel = Cancel()
    assert Deadline(0, cancel).is_over
    deadline = Deadline(3600, cancel)
    assert not deadline.is_over
    assert deadline.pause(0.01)
    cancel.set()
    assert deadline.is_over
    assert not deadline.pause(60)


STORM = """
import os, signal, threading
from kubectl_lrs.runtime.cancel import Cancel
for _ in range(300):
    cancel = Cancel()
    before = signal.signal(signal.SIGUSR1, lambda *_: cancel.set())
    sender = threading.Timer(0, os.kill, (os.getpid(), signal.SIGUSR1))
    sender.start()
    while not cancel.wait(0.0001):
        cancel.child()
    sender.join()
print("alive")
"""


def test_a_signal_in_the_middle_of_a_wait_locks_nothing() -> None:
    """`threading.Event.set` in a handler can wait for a lock that the interrupted thread itself holds."""
    done = subprocess.run([sys.executable, "-c", STORM], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "alive\n", done.stderr


# ---- deadlines


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all(seconds: float) -> None:
    deadline = Deadline(seconds, Cancel())
    assert deadline.is_over
    assert not deadline.pause(60)


def test_a_pause_is_no_longer_than_the_time() -> None:
    deadline = Deadline(0.01, Cancel())
    assert not deadline.pause(600), "it returned, and there is no time left"
    assert deadline.is_over


def test_a_pause_within_the_time_leaves_some() -> None:
    deadline = Deadline(600, Cancel())
    assert deadline.pause(0.001)
    assert deadline.pause(-5)
    assert not deadline.is_over
    assert deadline.seconds == 600


def test_a_run_that_is_stopped_waits_no_more() -> None:
    stop = Cancel()
    deadline = Deadline(600, stop)
    threading.Timer(0.01, stop.set).start()
    assert not deadline.pause(600)
    assert deadline.is_over
