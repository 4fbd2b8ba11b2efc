"""What a registry's challenge offers, and where credentials go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import CredentialsError, UnreachableError
from kubectl_lrs.stores.images.registry.auth import Authority, challenges
from kubectl_lrs.stores.images.registry.credentials import Login

REALM = "https://auth.example.com/token"
OFFER = f'Bearer realm="{REALM}",service="reg",scope="repository:a:pull"'


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        (OFFER, [("bearer", {"realm": REALM, "service": "reg", "scope": "repository:a:pull"})]),
        (
            'Negotiate, Bearer realm="r", Basic realm="b"',
            [("negotiate", {}), ("bearer", {"realm": "r"}), ("basic", {"realm": "b"})],
        ),
        ('Bearer realm="a \\"b\\" c",x=y', [("bearer", {"realm": 'a "b" c', "x": "y"})]),
        ("BEARER Realm=r", [("bearer", {"realm": "r"})]),
        ("???", []),
    ],
)
def test_challenges(header: str, wanted: list[tuple[str, dict[str, str]]]) -> None:
    assert [(each.scheme, dict(each.parameters)) for each in challenges(header)] == wanted


@given(st.text('Bearer realm="x,\\ =', max_size=60))
def test_any_header_ends(header: str) -> None:
    assert all(each.scheme for each in challenges(header))


class _Server:
    """A token server that answers in turn."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._answers = list(answers)

    def __call__(self, *request: Any) -> Any:
        self.asked.append(request)
        status, body = self._answers.pop(0)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


def _authority(server: _Server, *logins: Login, may_send: bool = True) -> Authority:
    return Authority("reg.example.com", lambda _repository: logins, server, lambda _realm: may_send)


def _answer(authority: Authority, offered: str = OFFER, refused: str = "") -> str:
    return authority.answer(offered, "a", "repository:a:pull", refused=refused)


def test_a_token_is_fetched_once_and_used_again() -> None:
    server = _Server((200, {"token": "t1", "expires_in": 300}))
    authority = _authority(server)
    assert authority.header("a", "repository:a:pull") == ""
    assert _answer(authority) == "Bearer t1"
    assert authority.header("a", "repository:a:pull") == "Bearer t1"
    assert authority.header("b", "repository:b:pull") == "", "a token is for what it was asked for"
    assert _answer(authority) == "Bearer t1"
    ((method, url, login, form),) = server.asked
    assert (method, login, form) == ("GET", None, None)
    assert url == f"{REALM}?service=reg&scope=repository%3Aa%3Apull"


def test_a_token_that_was_refused_is_fetched_anew() -> None:
    authority = _authority(_Server((200, {"access_token": "t1"}), (200, {"token": "t2"})))
    assert _answer(authority) == "Bearer t1"
    assert _answer(authority, refused="Bearer t1") == "Bearer t2"


@pytest.mark.parametrize(
    "body", [{}, {"token": ""}, {"token": "two words"}, {"token": "a\nb"}, b"<html>", b"[1]", b"", {"token": None}]
)
def test_what_is_no_token_is_none(body: Any) -> None:
    with pytest.raises(UnreachableError, match="gave no token"):
        _answer(_authority(_Server((200, body))))


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_say_where_they_came_from(status: int) -> None:
    login = Login(username="joe", password="s3cr3t", source="config.json")
    with pytest.raises(CredentialsError, match=r"config\.json") as caught:
        _answer(_authority(_Server((status, {})), login))
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("realm", ["", "ftp://x/", "javascript:x", "/token", "https://"])
def test_no_credentials_go_to_what_is_no_token_server(realm: str) -> None:
    server = _Server()
    with pytest.raises(UnreachableError):
        _answer(_authority(server), f'Bearer realm="{realm}"')
    assert server.asked == []


def test_no_credentials_go_where_they_may_not() -> None:
    server = _Server()
    with pytest.raises(UnreachableError, match="no credentials are sent to"):
        _answer(_authority(server, may_send=False))
    assert server.asked == []


def test_another_way_to_log_in_is_not_known() -> None:
    with pytest.raises(UnreachableError, match="negotiate"):
        _answer(_authority(_Server()), "Negotiate")
