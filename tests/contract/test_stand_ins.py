"""What the tests stand on: a stand-in that breaks fails the test that uses it at once, and every later one until it is gone."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.bed.loader import PATIENCE
from tests.bed.standin import Server, StandInBroke, Threads, Watch, body


@pytest.fixture
def watch() -> Watch:
    """Over tests within the test."""
    return Watch()


def _break() -> None:
    raise KeyError("replicas")


def _waits_for_a_process() -> None:
    subprocess.run(["sleep", "120"], check=True)


def _waits_for_a_lock() -> None:
    threading.Event().wait(120)


@pytest.mark.parametrize("waits", [_waits_for_a_process, _waits_for_a_lock])
def test_whatever_the_test_waits_for_it_is_told(watch: Watch, waits: Callable[[], None]) -> None:
    threads, begun, ended = Threads("a stand-in", watch), threading.Event(), []

    def breaks() -> None:
        begun.wait()
        _break()

    def test() -> None:
        with watch.over_a_test():
            begun.set()
            waits()
            ended.append(True)

    threads.start(breaks)
    with pytest.raises(StandInBroke, match="a stand-in: KeyError: 'replicas'") as caught:
        test()
    assert isinstance(caught.value.__cause__, KeyError)
    assert not ended
    threads.end()  # and says nothing more: a test was told


def test_every_later_test_is_told_before_it_begins_until_the_stand_in_is_gone(watch: Watch) -> None:
    broken, begun = Threads("of a whole module", watch), []

    def test() -> None:
        with watch.over_a_test():
            begun.append(True)

    broken.start(_break)
    for _ in range(3):
        with pytest.raises(StandInBroke, match="of a whole module"):
            _until_broken(test)
    begun.clear()
    broken.end()
    test()
    assert begun


def _until_broken(test: Callable[[], None]) -> None:
    """The thread may not have come to its end when the first test is over."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        test()


def test_one_that_broke_while_no_test_ran_says_so_when_it_is_ended(watch: Watch) -> None:
    made = Threads("a stand-in", watch)
    made.start(_break)
    with pytest.raises(StandInBroke):
        made.end()


def test_one_that_works_says_nothing(watch: Watch) -> None:
    threads = Threads("a stand-in", watch)
    threads.start(lambda: None)
    with watch.over_a_test():
        threads.end()


READ = threading.Event()
"""What was sent with a request has been read."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/cut":
            raise ConnectionResetError
        if self.path == "/broken":
            _break()
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        try:
            json.loads(body(self))
        finally:
            READ.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def server(watch: Watch) -> Iterator[Server]:
    made = Server("a server", _Handler, watch=watch)
    made.start()
    yield made
    made.stop()
    made.stop()


def _asked(server: Server, path: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60):
        pass


def test_a_server_that_cannot_answer_is_broken(watch: Watch, server: Server) -> None:
    def test() -> None:
        with watch.over_a_test():
            with pytest.raises((urllib.error.URLError, ConnectionError)):
                _asked(server, "/broken")
            _waits_for_a_lock()

    with pytest.raises(StandInBroke, match="a server: KeyError"):
        test()


def test_a_server_whose_client_went_away_is_not(watch: Watch, server: Server) -> None:
    with watch.over_a_test():
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            _asked(server, "/cut")
        _asked(server, "/")


def test_what_came_of_a_body_of_a_client_that_went_away_is_no_request(watch: Watch, server: Server) -> None:
    """One that is killed while it sends: half a document is no fault of the stand-in that cannot read it."""
    others = set(threading.enumerate())
    with watch.over_a_test():
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b'POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"n"')
        assert READ.wait(PATIENCE)
        server.stop()
        _until_over(server, others)


def _until_over(server: Server, others: set[threading.Thread]) -> None:
    """Nothing that one of its threads came to is still on its way here. `others`: those of other stand-ins."""
    for each in set(threading.enumerate()) - others:
        if "process_request_thread" in each.name:
            each.join(PATIENCE)
    server.threads.check()
