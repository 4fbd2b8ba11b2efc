"""The HTTP client, against servers that are told what to answer: where it goes, what it sends there, when it gives up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_lrs.clients import addresses, wirelog
from kubectl_lrs.clients.http import client as http_client
from kubectl_lrs.clients.http.client import Http, HttpOptions, Request
from kubectl_lrs.clients.http.response import TooLargeError
from kubectl_lrs.clients.http.sessions import NoResponseError
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime.cancel import Cancel, CancelledError
from kubectl_lrs.runtime.retry import REFUSED_UNDONE, Policy
from tests.bed.front import Front, Trouble
from tests.bed.loader import PATIENCE

SECRET = "Bearer t0ken-of-the-user"


@pytest.fixture
def front() -> Iterator[Front]:
    """The server that is asked."""
    with Front() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Front]:
    """A server that nobody named."""
    with Front() as running:
        running.troubles.append(Trouble("", 99, 200, body=b"inside"))
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of no length."""
    monkeypatch.setattr(http_client, "POLICY", Policy(first=0.0))


def http(cancel: Cancel | None = None, **options: Any) -> Http:
    return Http(HttpOptions(**options), cancel or Cancel())


def get(front: Front, path: str = "/x", **more: Any) -> Request:
    return Request(method="GET", url=f"http://{front.host}{path}", authorization=SECRET, **more)


# ---- redirects and credentials


def test_a_credential_goes_to_its_origin_alone(front: Front, other: Front) -> None:
    front.troubles += [
        Trouble("/x", 1, 307, {"Location": f"http://{front.host}/y"}),
        Trouble("/y", 1, 302, {"Location": f"http://{other.host}/z"}),
    ]
    with http().send(get(front)) as answer:
        assert answer.read(100) == b"inside"
    assert [request.headers.get("Authorization") for request in front.log] == [SECRET, SECRET]
    assert [request.headers.get("Authorization") for request in other.log] == [None]


@pytest.mark.parametrize("location", ["http://user:pw-in-the-url@{host}/z", "//{host}/z"])
def test_nothing_else_puts_a_credential_in_its_place(front: Front, other: Front, location: str) -> None:
    front.troubles.append(Trouble("/x", 1, 302, {"Location": location.format(host=other.host)}))
    http().send(get(front)).finish()
    assert [request.headers.get("Authorization") for request in other.log] == [None]


def test_a_change_is_never_redirected(front: Front, other: Front) -> None:
    front.troubles.append(Trouble("/x", 1, 307, {"Location": f"http://{other.host}/z"}))
    request = Request(method="PUT", url=f"http://{front.host}/x", body=b"data")
    assert http().send(request).status == 307
    assert other.log == []


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_the_same_origin_alone(front: Front, other: Front, method: str) -> None:
    front.troubles.append(Trouble("/x", 1, 302, {"Location": f"http://{other.host}/z?token=s3cret-word"}))
    request = Request(method=method, url=f"http://{front.host}/x", same_origin=True)
    with pytest.raises(UnreachableError, match=rf"it redirects to http://{other.host}, where the token is not sent") as caught:
        http().send(request)
    assert "s3cret-word" not in str(caught.value)
    assert other.log == []


def test_a_redirect_that_is_an_answer(front: Front) -> None:
    """As a task of the application's API that is done; its body is there too."""
    front.troubles.append(Trouble("/x", 9, 303, {"Location": "/y"}, body=b"{}"))
    answer = http().send(get(front, final=frozenset((303,)), read=100))
    assert (answer.status, answer.read(100), len(front.log)) == (303, b"{}", 1)


def test_cookies_are_not_kept(front: Front) -> None:
    front.troubles.append(Trouble("/x", 9, 200, {"Set-Cookie": "session=abc; Path=/"}))
    client = http()
    for _ in range(2):
        client.send(get(front)).finish()
    assert [request.headers.get("Cookie") for request in front.log] == [None, None]


def test_connections_are_kept(front: Front) -> None:
    """One for all that come one after the other, whether their bodies are read or not."""
    front.troubles.append(Trouble("/x", 99, 200, body=b"x" * 1000))
    client = http()
    for read in (0, 2000, 0, 2000):
        client.send(get(front, read=read)).finish()
    assert len({request.port for request in front.log}) == 1


def test_for_ever(front: Front) -> None:
    front.troubles.append(Trouble("/x", 99, 302, {"Location": "/x"}))
    with pytest.raises(UnreachableError, match="it redirects for ever"):
        http().send(get(front))
    assert len(front.log) == http_client.HOPS


# ---- led inside: the server that is asked is a public one, through a proxy that stands for the world outside


@pytest.fixture
def outside(front: Front) -> HttpOptions:
    """A world in which `public.example` is behind a proxy, which is `front`."""
    return HttpOptions(proxies=Proxies({"HTTP_PROXY": front.host}), plain=frozenset(("public.example",)))


INSIDE = ["http://127.0.0.1:{port}/admin", "http://localhost:{port}/admin", "http://[::ffff:127.0.0.1]:{port}/admin"]


@pytest.mark.parametrize("location", INSIDE)
def test_a_public_server_leads_nobody_inside(front: Front, other: Front, outside: HttpOptions, location: str) -> None:
    where = location.format(port=other.host.rpartition(":")[2])
    front.troubles.append(Trouble("/x", 9, 302, {"Location": where}))
    with pytest.raises(UnreachableError, match=r"inside of this machine or its network|which is not https"):
        Http(outside, Cancel()).send(Request(method="GET", url="http://public.example/x"))
    assert other.log == []


def test_a_token_server_inside_that_a_public_one_names(other: Front, outside: HttpOptions) -> None:
    url = f"http://{other.host}/token"
    client = Http(outside, Cancel())
    with pytest.raises(UnreachableError, match="inside of this machine or its network"):
        client.may_go_to(url, "http://public.example")
    assert client.may_go_to(url, f"http://{other.host}/v2/"), "of its own it may be here"
    assert other.log == []


def test_a_host_that_was_named_may_be_led_to(front: Front, other: Front) -> None:
    options = HttpOptions(proxies=Proxies({"HTTP_PROXY": front.host}), plain=frozenset(("public.example", other.host)))
    front.troubles.append(Trouble("/x", 9, 302, {"Location": f"http://{other.host}/blob"}))
    with Http(options, Cancel()).send(Request(method="GET", url="http://public.example/x")) as answer:
        assert answer.read(100) == b"inside"


@pytest.fixture
def rebinding(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name that is a public address when it is looked at, and this machine when it is connected to."""
    real, asked = socket.getaddrinfo, []

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "rebound.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        return real("1.1.1.1" if len(asked) == 1 else "127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    addresses._looked_up.cache_clear()
    yield
    addresses._looked_up.cache_clear()


@pytest.mark.usefixtures("rebinding")
def test_a_name_that_changes_between_the_look_and_the_connection(front: Front, other: Front) -> None:
    port = other.host.rpartition(":")[2]
    options = HttpOptions(
        proxies=Proxies({"HTTP_PROXY": front.host, "NO_PROXY": "rebound.example"}), plain=frozenset(("public.example",))
    )
    front.troubles.append(Trouble("/x", 9, 302, {"Location": f"http://rebound.example:{port}/admin"}))
    object.__setattr__(options, "plain", frozenset(("public.example",)))
    client = Http(options, Cancel())
    client.is_plain = lambda _host: True  # type: ignore[method-assign]  # as if by TLS, with a certificate that is good
    with pytest.raises(UnreachableError, match="its name leads inside"):
        client.send(Request(method="GET", url="http://public.example/x"))
    assert other.log == [], "nothing was sent there"


# ---- trying again


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_sent_again(front: Front, status: int) -> None:
    front.troubles += [Trouble("/x", 2, status), Trouble("/x", 9, 200, body=b"done")]
    with http().send(get(front)) as answer:
        assert (answer.read(10), answer.repeated) == (b"done", True)
    assert len(front.log) == 3


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_what_will_not_pass_is_not(front: Front, status: int) -> None:
    front.troubles.append(Trouble("/x", 9, status))
    answer = http().send(get(front))
    assert (answer.status, answer.repeated, len(front.log)) == (status, False, 1)


@pytest.mark.usefixtures("quick")
def test_a_change_is_sent_again_only_where_nothing_was_done(front: Front) -> None:
    front.troubles += [Trouble("PATCH", 2, 503), Trouble("PATCH", 1, 500), Trouble("PATCH", 9, 200)]
    request = Request(method="PATCH", url=f"http://{front.host}/x", body=b"{}", again=REFUSED_UNDONE, resend=False)
    assert http().send(request).status == 500
    assert len(front.log) == 3


@pytest.mark.usefixtures("quick")
def test_no_answer_to_a_change_says_whether_it_may_have_arrived(front: Front) -> None:
    front.troubles.append(Trouble("PATCH", 9, 200, body=b"x" * 100, cut=10))
    request = Request(method="PATCH", url=f"http://{front.host}/x", body=b"{}", resend=False, read=1000)
    with pytest.raises(NoResponseError, match=r"90 bytes are missing|broke off") as caught:
        http().send(request)
    assert caught.value.sent
    assert len(front.log) == 1
    with Front() as gone:
        host = gone.host
    with pytest.raises(NoResponseError, match="refused") as caught:
        http().send(Request(method="PATCH", url=f"http://{host}/x", resend=False))
    assert not caught.value.sent


@pytest.mark.usefixtures("quick")
def test_a_body_that_breaks_off_is_asked_for_again(front: Front) -> None:
    front.troubles += [Trouble("/x", 1, 200, body=b"x" * 100, cut=10), Trouble("/x", 9, 200, body=b"whole")]
    assert http().send(get(front, read=1000)).read(1000) == b"whole"


@pytest.mark.usefixtures("quick")
def test_attempts_are_counted(front: Front) -> None:
    front.troubles.append(Trouble("/x", 99, 503))
    client = http(first_attempts=2)
    assert client.send(get(front)).status == 503
    assert len(front.log) == 6, "it answers, so it is there"
    with Front() as gone:
        host = gone.host
    waits: list[float] = []
    client.cancel.wait = lambda seconds: bool(waits.append(seconds))  # type: ignore[method-assign]
    with pytest.raises(NoResponseError):
        client.send(Request(method="GET", url=f"http://{host}/x"))
    assert len(waits) == 1, "one that never answered is not tried so often"


def test_a_server_asks_for_more_than_is_waited(front: Front) -> None:
    front.troubles.append(Trouble("/x", 9, 503, {"Retry-After": "3600"}))
    assert http().send(get(front)).status == 503
    assert len(front.log) == 1


def test_too_many_means_every_thread(front: Front) -> None:
    front.troubles += [Trouble("/x", 1, 429, {"Retry-After": "7"}), Trouble("/", 9, 200)]
    client, waits = http(), []
    client.cancel.wait = lambda seconds: bool(waits.append(seconds))  # type: ignore[method-assign]
    assert client.send(get(front)).status == 200
    assert client.send(get(front, "/another")).status == 200
    assert [round(wait) for wait in waits] == [7, 7, 7], "its own pause, and what is left of it, twice: no time went by"


def test_limits_in_sum(front: Front) -> None:
    front.troubles.append(Trouble("/x", 99, 503, {"Retry-After": "60"}))
    assert http().send(get(front), limit=30).status == 503
    assert len(front.log) == 1, "a pause that is longer than what is left is not begun"


def test_time_without_a_byte(front: Front) -> None:
    held = threading.Event()
    front.troubles.append(Trouble("/x", 9, 200, held=held))
    try:
        with pytest.raises(NoResponseError, match=r"nothing came for 0.2s") as caught:
            http(read_timeout=0.2).send(get(front, attempts=1))
        assert caught.value.sent
    finally:
        held.set()


# ---- the end of the run


def test_cancelled_while_it_waits(front: Front) -> None:
    cancel = Cancel()
    seen = Trouble("/x", 99, 503, {"Retry-After": "200"})
    front.troubles.append(seen)
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(http(cancel).send(get(front)).status))
    thread.start()
    assert seen.seen.wait(PATIENCE)
    cancel.set()
    thread.join(PATIENCE)
    assert answers == [503]


def test_cancelled_before_it_is_its_turn(front: Front) -> None:
    client = http()
    front.troubles.append(Trouble("/x", 1, 429, {"Retry-After": "200"}))
    client.send(get(front), limit=1).finish()
    client.cancel.set()
    with pytest.raises(CancelledError):
        client.send(get(front))
    assert len(front.log) == 1


# ---- bodies


def test_bounded(front: Front) -> None:
    front.troubles.append(Trouble("/x", 99, 200, body=b"x" * 5000))
    with pytest.raises(NoResponseError, match="larger than 4000 bytes"):
        http().send(get(front, read=4000))
    with pytest.raises(TooLargeError), http().send(get(front)) as answer:
        answer.read(4000)
    assert http().send(get(front, read=5000)).read(1) == b"x" * 5000, "it is read once"


# ---- `-v`


def test_the_log(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.troubles.append(Trouble("/x", 9, 200, {"Content-Type": "application/json"}, body=b'{"token": "t-1", "name": "n"}'))
    wirelog.configure(10)
    try:
        http().send(get(front, "/x?sig=s1gnature&a=b", read=100))
        http().send(get(front)).finish()
        with pytest.raises(NoResponseError):
            http().send(Request(method="GET", url="http://127.0.0.1:1/y", attempts=1))
    finally:
        wirelog.configure(0)
    shown = capsys.readouterr().err
    assert f"GET http://{front.host}/x?sig=<masked>&a=b 200" in shown
    assert "Authorization: Bearer <masked>" in shown
    assert 'Response body: {"token":"<masked>","name":"n"}' in shown
    assert "Response body: (passed on)" in shown
    assert "GET http://127.0.0.1:1/y failed: Connection refused in" in shown
    for secret in ("t0ken-of-the-user", "s1gnature", "t-1"):
        assert secret not in shown
