"""What is sent again and what is not: a read on whatever may pass, a write only where the server surely did not act on it."""

from __future__ import annotations

from http.client import HTTPMessage
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.answers import UnansweredError
from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.sender import POLICY, Sender
from kubectl_lrs.clients.kubernetes.transport import Response, TransportError
from kubectl_lrs.model.errors import ApiError, ConflictError, CredentialsError, LrsError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel

LOST, NEVER_SENT = TransportError("reset", sent=True), TransportError("refused", sent=False)
UNTRUSTED = TransportError("who is this", sent=False, tls=True)


class Wire:
    """A transport that gives these answers, one after the other."""

    def __init__(self, *answers: int | Exception) -> None:
        self.left = list(answers)
        self.sent: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}

    def send(self, method: str, target: str, headers: Any, _body: bytes | None) -> Response:
        """The next of them."""
        self.sent.append((method, target))
        self.headers = dict(headers)
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        told = HTTPMessage()
        told["Date"] = "Tue, 24 Nov 2026 12:00:00 GMT"
        return Response(answer, "", told, b"done" if answer < 300 else b"")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which are not waited for."""
    found: list[float] = []

    def wait(_cancel: Cancel, seconds: float) -> bool:
        found.append(seconds)
        return False

    monkeypatch.setattr(Cancel, "wait", wait)
    return found


def _sender(monkeypatch: pytest.MonkeyPatch, *answers: int | Exception) -> tuple[Sender, Wire]:
    wire = Wire(*answers)
    sender = Sender(Connection(server="http://127.0.0.1:1/prefix"), timeout=None, cancel=Cancel())
    monkeypatch.setattr(sender, "_connected", lambda: wire)
    return sender, wire


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("passing", [429, 500, 502, 503, 504, LOST, NEVER_SENT])
def test_a_read_is_sent_again_on_whatever_may_pass(monkeypatch: pytest.MonkeyPatch, passing: int | Exception) -> None:
    sender, wire = _sender(monkeypatch, passing, passing, 200)
    assert sender.send("GET", "/x", query={"a": "b c"}) == b"done"
    assert wire.sent == [("GET", "/prefix/x?a=b+c")] * 3


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("passing", [429, 503, NEVER_SENT])
def test_a_write_is_sent_again_where_nothing_was_done(monkeypatch: pytest.MonkeyPatch, passing: int | Exception) -> None:
    sender, wire = _sender(monkeypatch, passing, 200)
    assert sender.send("POST", "/x", body=b"{}") == b"done"
    assert len(wire.sent) == 2


WRITES: dict[str, tuple[int | Exception, type[LrsError]]] = {
    "no answer": (LOST, UnansweredError),
    "a webhook that failed": (500, ApiError),
    "a gateway that failed": (502, ApiError),
    "somebody was faster": (409, ConflictError),
    "not trusted": (UNTRUSTED, UnreachableError),
}


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("what", WRITES)
def test_a_write_that_may_have_been_done_is_not_sent_again(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    answer, error = WRITES[what]
    sender, wire = _sender(monkeypatch, answer, 200)
    with pytest.raises(error):
        sender.send("PATCH", "/x", body=b"[]")
    assert len(wire.sent) == 1


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("passing", [429, 502, 503, 504, LOST, NEVER_SENT])
def test_what_changes_nothing_is_sent_again_whatever_its_method(
    monkeypatch: pytest.MonkeyPatch, passing: int | Exception
) -> None:
    sender, wire = _sender(monkeypatch, passing, 200)
    assert sender.send("POST", "/x", body=b"{}", trial=True) == b"done"
    assert len(wire.sent) == 2


def test_a_trial_that_a_webhook_fails_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, wire = _sender(monkeypatch, 500, 200)
    with pytest.raises(ApiError):
        sender.send("POST", "/x", body=b"{}", trial=True)
    assert len(wire.sent) == 1


def test_an_end_is_made_of_it(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    sender, wire = _sender(monkeypatch, *[503] * 99)
    with pytest.raises(ApiError):
        sender.send("GET", "/x")
    assert len(wire.sent) == POLICY.attempts == len(waits) + 1


def test_who_asks_is_told_and_a_kind_of_answer_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, wire = _sender(monkeypatch, 200, 200)
    sender.send("GET", "/x")
    assert wire.headers["User-Agent"].startswith("kubectl-lrs/")
    assert wire.headers["Accept"] == "application/json"
    assert "Content-Type" not in wire.headers
    sender.send("GET", "/x", accept="application/json;as=Table")
    assert wire.headers["Accept"] == "application/json;as=Table"


def test_credentials_that_cannot_be_renewed_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, wire = _sender(monkeypatch, 401, 200)
    with pytest.raises(CredentialsError):
        sender.send("GET", "/x")
    assert len(wire.sent) == 1


def test_credentials_that_are_renewed_are_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, wire = _sender(monkeypatch, 401, 200)
    monkeypatch.setattr(sender._credentials, "renew", lambda _generation: True)
    assert sender.send("GET", "/x") == b"done"
    assert len(wire.sent) == 2


def test_the_clock_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, _ = _sender(monkeypatch, 200)
    sender.send("GET", "/x")
    assert sender.now().isoformat() == "2026-11-24T12:00:00+00:00"
