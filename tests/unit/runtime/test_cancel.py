"""A deadline that ends waits, and that a stopped run ends at once."""

from __future__ import annotations

import threading

import pytest

from kubectl_lrs.runtime.cancel import Deadline


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all(seconds: float) -> None:
    deadline = Deadline(seconds, threading.Event())
    assert deadline.is_over
    assert not deadline.pause(60)


def test_a_pause_is_no_longer_than_the_time() -> None:
    deadline = Deadline(0.01, threading.Event())
    assert not deadline.pause(600), "it returned, and there is no time left"
    assert deadline.is_over


def test_a_pause_within_the_time_leaves_some() -> None:
    deadline = Deadline(600, threading.Event())
    assert deadline.pause(0.001)
    assert deadline.pause(-5)
    assert not deadline.is_over
    assert deadline.seconds == 600


def test_a_run_that_is_stopped_waits_no_more() -> None:
    stop = threading.Event()
    deadline = Deadline(600, stop)
    threading.Timer(0.01, stop.set).start()
    assert not deadline.pause(600)
    assert deadline.is_over
