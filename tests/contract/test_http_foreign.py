"""A session of another library that was taken over: its requests go where ours may go, by our proxies, and are shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.http.foreign import take_over
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import UnreachableError, UsageError
from tests.bed.front import Front, Trouble
from tests.builders.chained import CHAIN, pem


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Front]:
    with Front() as running:
        running.troubles.append(Trouble("", 99, 200, body=b"inside"))
        yield running


def _session(first: str, proxies: Proxies | None = None) -> requests.Session:
    session = requests.Session()
    take_over(session, first=first, tls=Tls(), proxies=proxies or Proxies({}), timeout=(5.0, 5.0), retries=0)
    return session


def test_redirects_on_this_machine(front: Front, other: Front) -> None:
    """As a name node leads to a data node."""
    front.troubles.append(Trouble("/open", 9, 307, {"Location": f"http://{other.host}/block"}))
    assert _session(f"http://{front.host}/webhdfs").get(f"http://{front.host}/open").content == b"inside"


def test_a_public_server_leads_nobody_inside(front: Front, other: Front) -> None:
    front.troubles.append(Trouble("/open", 9, 307, {"Location": f"http://{other.host}/block"}))
    session = _session("http://public.example/webhdfs", Proxies({"HTTP_PROXY": front.host}))
    with pytest.raises(UnreachableError, match="inside of this machine or its network"):
        session.get("http://public.example/open")
    assert other.log == []


def test_variables_of_requests_do_not_count(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.troubles.append(Trouble("", 9, 200))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert _session(f"http://{front.host}/").get(f"http://{front.host}/x").status_code == 200


@pytest.mark.parametrize("name", ["leaf.pkcs8.key", "leaf.traditional.key"])
def test_an_encrypted_key_is_an_error(name: str) -> None:
    session = requests.Session()
    session.cert = (str(CHAIN / "leaf.crt"), str(CHAIN / name))
    assert pem(name)
    with pytest.raises(UsageError, match="its key is encrypted"):
        take_over(session, first="https://x.example/", tls=Tls(), proxies=Proxies({}), timeout=(5.0, 5.0), retries=0)


def test_they_are_shown(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.troubles.append(Trouble("", 9, 200))
    wirelog.configure(7)
    try:
        _session(f"http://{front.host}/").get(
            f"http://{front.host}/x?delegation=s3cr3t-word", headers={"Cookie": "a=s3cr3t-word"}
        )
    finally:
        wirelog.configure(0)
    shown = capsys.readouterr().err
    assert f"GET http://{front.host}/x?delegation=<masked> 200" in shown
    assert "s3cr3t-word" not in shown
