"""Pull secrets: which ones LRS name, and which of their logins kubelet would try for an image, in its order."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.pull_secrets import AuthEntry, Keyring, Named, entries, named
from kubectl_lrs.stores.images.registry.credentials import Login


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _secret(auths: dict[str, Any], kind: str = "kubernetes.io/dockerconfigjson", **more: Any) -> dict[str, Any]:
    key = "." + kind.rpartition("/")[2]
    document = {"auths": auths, **more} if key == ".dockerconfigjson" else auths
    return {"type": kind, "data": {key: base64.b64encode(json.dumps(document).encode()).decode()}}


def _keyring(*secrets: dict[str, Any]) -> Keyring:
    return Keyring(entry for number, secret in enumerate(secrets) for entry in entries(secret, f"Secret n/{number}")[0])


def _users(keyring: Keyring, image: str) -> list[str]:
    registry, _, repository = image.partition("/")
    found = [keychain.login(registry, repository) for keychain in keyring.keychains(registry, repository)]
    return [login.username for login in found if login]


FITS = [
    ("registry.io", "registry.io/team/app", True),
    ("registry.io", "registry.io:5000/team/app", False),
    ("registry.io:5000", "registry.io:5000/team/app", True),
    ("registry.io:5000", "registry.io/team/app", False),
    ("registry.io/team", "registry.io/team/app", True),
    ("registry.io/te", "registry.io/team/app", True),
    ("registry.io/team/app", "registry.io/team/app", True),
    ("registry.io/other", "registry.io/team/app", False),
    ("registry.io/team/app/more", "registry.io/team/app", False),
    ("*.registry.io", "eu.registry.io/app", True),
    ("*.registry.io", "registry.io/app", False),
    ("*.registry.io", "a.b.registry.io/app", False),
    ("*.*.registry.io", "a.b.registry.io/app", True),
    ("prefix*.registry.io", "prefix-eu.registry.io/app", True),
    ("prefix*.registry.io", "eu.registry.io/app", False),
    ("*.registry.io:5000", "eu.registry.io:5000/app", True),
    ("*.registry.io:*", "eu.registry.io:5000/app", False),
    ("*.registry.io/team", "eu.registry.io/team/app", True),
    ("*.registry.io/*", "eu.registry.io/team/app", False),
    ("*", "registry.io/app", False),
    ("*.*", "registry.io/app", True),
    ("evil.registry.io", "registry.io/app", False),
]


@pytest.mark.parametrize(("pattern", "image", "expected"), FITS)
def test_what_an_entry_is_for(pattern: str, image: str, expected: bool) -> None:
    registry, _, repository = image.partition("/")
    assert AuthEntry(pattern, Login("me", "pw")).fits(registry, repository) is expected


def test_every_login_that_fits_is_tried_the_more_specific_first() -> None:
    keyring = _keyring(
        _secret({"r.io": {"auth": _auth("all:1")}, "https://r.io/team": {"auth": _auth("team:2")}}),
        _secret({"r.io/team/app": {"auth": _auth("app:3")}, "r.io": {"auth": _auth("second:4")}}),
        _secret({"other.io": {"auth": _auth("other:5")}}),
    )
    assert _users(keyring, "r.io/team/app") == ["app", "team", "all", "second"]
    assert _users(keyring, "r.io/x") == ["all", "second"]
    assert _users(keyring, "unknown.io/x") == []
    assert not _keyring()


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_docker_hub_has_several_names(key: str) -> None:
    assert _users(_keyring(_secret({key: {"auth": _auth("hub:1")}})), "docker.io/library/python") == ["hub"]


def test_a_login_is_always_the_same_keychain() -> None:
    keyring = _keyring(_secret({"r.io": {"auth": _auth("me:1")}}))
    assert list(keyring.keychains("r.io", "a")) == list(keyring.keychains("r.io", "b")), "so that its tokens are kept"


def test_forms_of_a_secret() -> None:
    old = _secret({"https://old.io": {"auth": _auth("old:x")}}, "kubernetes.io/dockercfg")
    new = _secret({"r.io/team": {"username": "me", "password": "pw"}}, credsStore="sh", credHelpers={"x.io": "sh"})
    keyring = _keyring(old, new)
    assert [_users(keyring, image) for image in ("old.io/a", "r.io/team/x", "x.io/a")] == [["old"], ["me"], []]


NONE = {
    "another type": {"type": "Opaque", "data": {".dockerconfigjson": "e30="}},
    "no data": {"type": "kubernetes.io/dockerconfigjson"},
    "no key": {"type": "kubernetes.io/dockerconfigjson", "data": {}},
    "not base64": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "%%"}},
    "a list": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "W10="}},
    "auths that are none": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": _auth('{"auths": 7}')}},
    "not JSON": {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": _auth("secret-word")}},
}


@pytest.mark.parametrize("case", NONE)
def test_a_secret_that_is_none_is_passed_over_and_said(case: str) -> None:
    found, problem = entries(NONE[case], "Secret n/s")
    assert found == []
    assert problem.startswith("Secret n/s: ")
    assert "secret-word" not in problem


def test_an_entry_that_is_none_takes_no_other_with_it() -> None:
    found, problem = entries(_secret({"bad.io": {"auth": "secret-word!"}, "r.io": {"auth": _auth("me:1")}}), "Secret n/s")
    assert [(entry.pattern, entry.login.username) for entry in found] == [("r.io", "me")]
    assert problem
    assert "secret-word" not in problem


# ---- which ones LRS name


@pytest.mark.parametrize(
    ("field", "text", "secrets", "accounts"),
    [
        ("spec.imagePullSecrets[0].name", "pull", {"pull"}, set()),
        ("spec.template.spec.imagePullSecrets[3]", "pull", {"pull"}, set()),
        ("imagePullSecret[0].name", "pull", {"pull"}, set()),
        ("spec.serviceAccountName", "robot", set(), {"robot"}),
        ("spec.serviceAccount", "robot", set(), {"robot"}),
        ("spec.imagePullSecrets[0].name", "../x", set(), set()),
        ("spec.imagePullSecrets[0].namespace", "other", set(), set()),
        ("spec.myserviceAccountName", "robot", set(), set()),
        ("spec.image", "pull", set(), set()),
    ],
)
def test_by_the_field(field: str, text: str, secrets: set[str], accounts: set[str]) -> None:
    assert named([Mention("lrs", "n/a", field, text)]) == {"n": Named(secrets, {"default", *accounts})}


def test_which_secrets_lrs_name() -> None:
    found = named(
        [
            Mention("lrs", "n/a", "spec.template.spec.imagePullSecrets[0].name", "one"),
            Mention("lrs", "n/a", "spec.imagePullSecrets[1]", "two"),
            Mention("lrs", "m/b", "spec.serviceAccountName", "runner"),
            Mention("lrs", "m/b", "spec.imagePullSecrets[0].name", "../kube-system/x"),
            Mention("lrs", "m/b", "spec.other", "three"),
            Mention("custom_applications", "1", "spec.imagePullSecrets[0].name", "four"),
        ]
    )
    assert found == {"n": Named({"one", "two"}, {"default"}), "m": Named(set(), {"default", "runner"})}
