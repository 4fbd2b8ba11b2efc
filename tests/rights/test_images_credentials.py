"""Logins for registries: docker's configuration, helpers, pull secrets. Helpers are real processes."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError, UsageError
from kubectl_lrs.stores.images.registry.auth import Challenge, challenges
from kubectl_lrs.stores.images.registry.credentials import (
    Config,
    Keychain,
    Login,
    docker_config,
    host_of,
    parse_config,
)


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _keychain(document: dict[str, Any], path: str = "") -> Keychain:
    config = parse_config(json.dumps(document).encode(), source="test")
    return Keychain([config], environment={**os.environ, "PATH": path})


HOSTS = {
    "registry.example.com": "registry.example.com",
    "https://Registry.Example.com/": "registry.example.com",
    "http://r.io:5000/v1/": "r.io:5000",
    "https://r.io/v2": "r.io",
    "r.io/folder/name": "r.io/folder/name",
    "https://index.docker.io/v1/": "docker.io",
    "docker.io": "docker.io",
    "registry-1.docker.io": "docker.io",
}


@pytest.mark.parametrize("key", HOSTS)
def test_keys_of_auths(key: str) -> None:
    assert host_of(key) == HOSTS[key]
    found = _keychain({"auths": {key: {"auth": _auth("me:pass:word")}}}).login(*_place(HOSTS[key]))
    assert found == Login("me", "pass:word", source="test")


def _place(name: str) -> tuple[str, str]:
    registry, _, path = name.partition("/")
    return registry, f"{path}/x" if path else "any/x"


def test_the_most_specific_of_a_registry() -> None:
    keychain = _keychain(
        {
            "auths": {
                "r.io": {"auth": _auth("all:1")},
                "r.io/team": {"auth": _auth("team:2")},
                "r.io/team/app": {"auth": _auth("app:3")},
            }
        }
    )
    users = {
        path: (keychain.login("r.io", path) or Login()).username for path in ("x", "team/x", "team/app", "team/app/x", "teams/x")
    }
    assert users == {"x": "all", "team/x": "team", "team/app": "app", "team/app/x": "app", "teams/x": "all"}
    assert keychain.login("other.io", "team/x") is None


def test_forms_of_an_entry() -> None:
    keychain = _keychain(
        {
            "auths": {
                "token.io": {"auth": _auth("x:y"), "identitytoken": "it"},
                "plain.io": {"username": "me", "password": "pw"},
                "empty.io": {},
            },
            "HttpHeaders": {"X": "y"},
            "psFormat": "table",
        }
    )
    assert keychain.login("token.io", "a") == Login(identity_token="it", source="test")
    assert keychain.login("plain.io", "a") == Login("me", "pw", source="test")
    assert keychain.login("empty.io", "a") is None


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{", '{"auths": [1]}', '{"auths": {"r.io": "me:secret-word"}}', '{"auths": {"r.io": {"auth": "secret-word!"}}}'),
        *('{"credsStore": "../../bin/sh"}', '{"credHelpers": {"r.io": "a b"}}', '{"credsStore": 7}', '{"credHelpers": ["x"]}'),
    ],
)
def test_what_is_no_configuration(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config(text.encode(), source="test")
    assert "secret-word" not in f"{caught.value} {caught.value.hint}"


def test_where_the_configuration_is(tmp_path: Path) -> None:
    assert docker_config({}, tmp_path) == Config()
    for folder in (tmp_path / ".docker", tmp_path / "other"):
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"auths": {"r.io": {"auth": _auth(f"{folder.name}:x")}}}))
    assert docker_config({}, tmp_path).auths["r.io"].username == ".docker"
    assert docker_config({"DOCKER_CONFIG": str(tmp_path / "other")}, tmp_path).auths["r.io"].username == "other"
    (tmp_path / "other/config.json").unlink()
    (tmp_path / "other/config.json").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        docker_config({"DOCKER_CONFIG": str(tmp_path / "other")}, tmp_path)


# ---- helpers

HELPER = """#!/bin/sh
read server
echo "$# $1 $server" >> {log}
case "$server" in
  r.io) echo '{{"ServerURL": "r.io", "Username": "AWS", "Secret": "from-helper"}}' ;;
  https://index.docker.io/v1/) echo '{{"Username": "<token>", "Secret": "identity"}}' ;;
  none.io) echo 'credentials not found in native keychain'; exit 1 ;;
  odd.io) echo 'no json, secret-word' ;;
  *) echo 'expired session secret-word' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """The folder of a helper called `invented`, and its log."""
    program = tmp_path / "docker-credential-invented"
    program.write_text(HELPER.format(log=tmp_path / "log"))
    program.chmod(0o755)
    return tmp_path


def test_a_helper_is_asked_once_over_its_standard_input(helper: Path) -> None:
    keychain = _keychain({"credsStore": "invented", "auths": {"r.io": {}}}, f"{helper}:/usr/bin:/bin")
    for _ in range(3):
        assert keychain.login("r.io", "a/b") == Login("AWS", "from-helper", source="docker-credential-invented")
    assert keychain.login("docker.io", "a/b") == Login(identity_token="identity", source="docker-credential-invented")
    assert keychain.login("none.io", "a/b") is None
    assert (helper / "log").read_text().splitlines() == ["1 get r.io", "1 get https://index.docker.io/v1/", "1 get none.io"]
    keychain.forget()
    keychain.login("r.io", "a/b")
    assert len((helper / "log").read_text().splitlines()) == 4


def test_a_helper_of_one_registry_goes_before_the_store(helper: Path) -> None:
    document = {"credHelpers": {"r.io": "invented"}, "credsStore": "not-there", "auths": {"x.io": {"auth": _auth("me:x")}}}
    keychain = _keychain(document, f"{helper}:/usr/bin:/bin")
    assert (keychain.login("r.io", "a") or Login()).username == "AWS"
    with pytest.raises(UsageError, match="docker-credential-not-there: not found on PATH"):
        keychain.login("x.io", "a")


@pytest.mark.parametrize("server", ["odd.io", "failing.io"])
def test_a_helper_that_fails_is_an_error_that_shows_no_secret(helper: Path, server: str) -> None:
    with pytest.raises(DeniedError) as caught:
        _keychain({"credsStore": "invented"}, f"{helper}:/usr/bin:/bin").login(server, "a")
    assert "secret-word" not in f"{caught.value} {caught.value.hint}"
    assert "docker-credential-invented" in str(caught.value)


def test_secrets_are_not_in_the_text_of_a_login() -> None:
    assert "pw" not in repr(Login("me", "pw", "identity"))
    assert "identity" not in repr(Login("me", "pw", "identity"))
    assert set(Login("me", "pw").secrets) == {"pw", _auth("me:pw")}


# ---- challenges


def test_challenges_are_read() -> None:
    header = 'Bearer realm="https://auth.example.com/token?x=1,2",service="r.io",scope="repository:a:pull,push"'
    bearer = Challenge(
        "bearer", {"realm": "https://auth.example.com/token?x=1,2", "service": "r.io", "scope": "repository:a:pull,push"}
    )
    assert challenges(header) == [bearer]
    assert challenges('Basic realm="a \\"b\\"", Bearer realm=x') == [
        Challenge("basic", {"realm": 'a "b"'}),
        Challenge("bearer", {"realm": "x"}),
    ]
    assert challenges("Negotiate, Basic") == [Challenge("negotiate", {}), Challenge("basic", {})]
    assert challenges("") == []
    assert challenges(', =;"') == []
