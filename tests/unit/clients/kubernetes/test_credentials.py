"""The secret part of a connection: which one goes with a request, and when another is asked for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.credentials import Credentials
from kubectl_lrs.clients.kubernetes.kubeconfig import EXEC_V1, Connection
from kubectl_lrs.model.errors import LrsError, UsageError


def _credentials(**settings: Any) -> Credentials:
    return Credentials(Connection(server="https://x", **settings))


def _authorization(credentials: Credentials) -> str:
    return credentials.headers().get("Authorization", "")


def test_each_way_and_which_goes_first(folder: Path) -> None:
    (folder / "token").write_text("of the file\n".replace(" ", "-"))
    basic = f"Basic {base64.b64encode(b'joe:p').decode()}"
    assert _authorization(_credentials()) == ""
    assert _authorization(_credentials(token="t")) == "Bearer t"
    assert _authorization(_credentials(username="joe", password="p")) == basic
    assert _authorization(_credentials(token="t", username="joe", password="p")) == "Bearer t"
    assert _authorization(_credentials(token="t", token_file=str(folder / "token"))) == "Bearer of-the-file"
    assert _authorization(_credentials(token="t", token_file=str(folder / "none"))) == "Bearer t"


def test_a_token_file_is_read_each_time(folder: Path) -> None:
    path = folder / "token"
    path.write_text("one")
    credentials = _credentials(token_file=str(path))
    assert _authorization(credentials) == "Bearer one"
    path.write_text("two")
    assert _authorization(credentials) == "Bearer two"
    assert credentials.renew(credentials.generation), "the next one may be taken"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_token_file_that_holds_none(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "token").write_bytes(content)
    with pytest.raises(UsageError, match="token file"):
        _authorization(_credentials(token_file=str(folder / "token")))


def test_a_token_that_would_be_another_header() -> None:
    with pytest.raises(UsageError, match="control characters"):
        _authorization(_credentials(token="a\r\nX-Other: b"))


def test_what_cannot_be_renewed() -> None:
    for each in (_credentials(), _credentials(token="t"), _credentials(username="joe")):
        assert not each.renew(0)


def _plugin(folder: Path, status: dict[str, Any], code: int = 0) -> dict[str, Any]:
    answer = {"apiVersion": EXEC_V1, "kind": "ExecCredential", "status": status}
    (folder / "answer").write_text(json.dumps(answer))
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\necho x >> {folder}/calls\ncat {folder}/answer\nexit {code}\n")
    script.chmod(0o755)
    return {"exec": {"apiVersion": EXEC_V1, "command": str(script), "interactiveMode": "Never"}}


def _calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_a_plugin_is_asked_once_and_again_when_it_was_refused(folder: Path) -> None:
    credentials = _credentials(**_plugin(folder, {"token": "one"}))
    assert [_authorization(credentials) for _ in range(3)] == ["Bearer one"] * 3
    assert (_calls(folder), credentials.generation) == (1, 1)
    _plugin(folder, {"token": "two"})
    assert credentials.renew(1)
    assert credentials.renew(1), "another thread saw the same refusal"
    assert _authorization(credentials) == "Bearer two"
    assert (_calls(folder), credentials.generation) == (2, 2)
    assert credentials.renew(1), "of the first one: the second stays"
    assert _authorization(credentials) == "Bearer two"
    assert _calls(folder) == 2


def test_a_credential_that_is_about_to_end_is_not_used(folder: Path) -> None:
    credentials = _credentials(**_plugin(folder, {"token": "one", "expirationTimestamp": "2020-01-01T00:00:00.123456789Z"}))
    for _ in range(2):
        assert _authorization(credentials) == "Bearer one"
    assert _calls(folder) == 2


def test_a_plugin_may_give_a_certificate(folder: Path) -> None:
    credentials = _credentials(**_plugin(folder, {"clientCertificateData": "PEM", "clientKeyData": "KEY"}))
    assert credentials.certificate() == (b"PEM", b"KEY")
    assert credentials.headers() == {}
    assert _credentials(client_certificate_data=b"C", client_key_data=b"K").certificate() == (b"C", b"K")


@pytest.mark.parametrize(
    ("status", "code"), [({"token": "s3cr3t"}, 3), ({}, 0), ({"token": 1, "expirationTimestamp": "soon"}, 0)]
)
def test_a_plugin_that_gives_none(folder: Path, status: dict[str, Any], code: int) -> None:
    with pytest.raises(LrsError) as caught:
        _authorization(_credentials(**_plugin(folder, status, code)))
    assert "s3cr3t" not in str(caught.value)
