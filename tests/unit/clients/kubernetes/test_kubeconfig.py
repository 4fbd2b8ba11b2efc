"""Which server, and as whom: flags before files before the pod's own account. Other tests ask kubectl itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_lrs.clients.kubernetes.kubeconfig import Connection, KubeFlags, load, names
from kubectl_lrs.model.errors import UnreachableError, UsageError

CA = base64.b64encode(b"PEM of the file").decode()


@pytest.fixture
def config(folder: Path) -> Path:
    document = {
        "clusters": [
            {
                "name": "one",
                "cluster": {"server": "https://one:6443", "certificate-authority-data": CA, "tls-server-name": "name"},
            },
            {"name": "two", "cluster": {"server": "https://two"}},
            {"name": "plain", "cluster": {"server": "http://plain"}},
        ],
        "users": [{"name": "joe", "user": {"token": "t-joe"}}, {"name": "ann", "user": {"username": "ann", "password": "p"}}],
        "contexts": [
            {"name": "main", "context": {"cluster": "one", "user": "joe", "namespace": "apps"}},
            {"name": "other", "context": {"cluster": "two", "user": "ann"}},
            {"name": "broken", "context": {"cluster": "gone", "user": "gone"}},
            {"name": "plain", "context": {"cluster": "plain", "user": "joe"}},
        ],
        "current-context": "main",
    }
    (folder / "config").write_text(yaml.safe_dump(document))
    return folder / "config"


def _load(config: Path, **flags: Any) -> Connection:
    return load(KubeFlags(**flags), {"KUBECONFIG": str(config)}, service_account=config.parent / "no-pod")


def test_what_the_file_says(config: Path) -> None:
    found = _load(config)
    assert (found.server, found.namespace, found.context, found.token) == ("https://one:6443", "apps", "main", "t-joe")
    assert (found.ca_data, found.tls_server_name, found.insecure) == (b"PEM of the file", "name", False)
    other = _load(config, context="other")
    assert (other.server, other.namespace, other.username, other.password) == ("https://two", "default", "ann", "p")


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"namespace": "x"}, {"namespace": "x"}),
        ({"cluster": "two"}, {"server": "https://two", "token": "t-joe"}),
        ({"user": "ann"}, {"username": "ann", "token": ""}),
        ({"token": "t"}, {"token": "t"}),
        ({"server": "https://other"}, {"server": "https://other", "tls_server_name": ""}),
        ({"tls_server_name": "y"}, {"tls_server_name": "y"}),
        ({"insecure_skip_tls_verify": True}, {"insecure": True, "ca_data": b""}),
        ({"impersonate_user": "joe"}, {"impersonate": {"Impersonate-User": ("joe",)}}),
        ({"context": "broken", "server": "https://x", "token": "t"}, {"server": "https://x", "token": "t"}),
    ],
)
def test_flags_go_before_it(config: Path, flags: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = _load(config, **flags)
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_no_credentials_go_over_plain_http(config: Path) -> None:
    found = _load(config, context="plain")
    assert (found.server, found.token, found.username) == ("http://plain", "", "")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"context": "none"}, "context 'none' does not exist"),
        ({"cluster": "none"}, "cluster 'none' does not exist"),
        ({"user": "none"}, "user 'none' does not exist"),
        ({"context": "broken"}, "'gone' does not exist"),
        ({"insecure_skip_tls_verify": True, "certificate_authority": "x"}, "exclude each other"),
        ({"certificate_authority": "/nowhere"}, "--certificate-authority"),
        ({"client_certificate": "/nowhere"}, "client"),
        ({"impersonate_groups": ("g",)}, "--as"),
    ],
)
def test_what_cannot_be(config: Path, flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(config, **flags)
    assert said in f"{caught.value} {caught.value.hint}"


def test_no_current_context_and_no_file_at_all(config: Path, folder: Path) -> None:
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "current-context": ""}))
    with pytest.raises(UsageError, match="no current context"):
        _load(config)
    with pytest.raises(UnreachableError, match="no cluster is configured"):
        load(KubeFlags(), {"HOME": str(folder / "nobody")}, service_account=folder / "no-pod")


def test_a_pod_has_an_account_of_its_own(folder: Path) -> None:
    for name, text in {"token": "t-pod\n", "ca.crt": "PEM", "namespace": "ns-of-pod"}.items():
        (folder / name).write_text(text)
    environment = {"HOME": "/nowhere", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    found = load(KubeFlags(), environment, service_account=folder)
    assert found.server == "https://10.0.0.1:443"
    assert (found.namespace, found.ca_data, found.token_file) == ("ns-of-pod", b"PEM", str(folder / "token"))
    assert load(KubeFlags(namespace="x"), environment, service_account=folder).namespace == "x"


def test_names_of_entries(config: Path) -> None:
    environment = {"KUBECONFIG": str(config)}
    assert names(KubeFlags(), environment, "contexts") == ["broken", "main", "other", "plain"]
    assert names(KubeFlags(), environment, "users") == ["ann", "joe"]


def test_secrets_are_not_in_what_is_printed_of_it(config: Path) -> None:
    assert "t-joe" not in repr(_load(config))
    assert "secret" not in repr(KubeFlags(token="secret", password="secret"))
