"""Pull secrets as the cluster has them: what is not there is passed over, what may not be read is its namespace's loss alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_lrs.model.errors import ApiError, CredentialsError, DeniedError, NotFoundError
from kubectl_lrs.stores.images.connect import _reader
from kubectl_lrs.stores.images.pull_secrets import Named, Secrets


class Kube:
    """Objects by (namespace, plural, name); an error in place of one is raised."""

    def __init__(self, held: dict[tuple[str, str, str], Any]) -> None:
        self.held = held

    def get(self, resource: Any, name: str, namespace: str) -> Any:
        found = self.held.get((namespace, resource.plural, name), NotFoundError("not there", status=404))
        if isinstance(found, Exception):
            raise found
        return found


def _secret(user: str) -> dict[str, Any]:
    config = json.dumps({"auths": {"r.io": {"username": user, "password": "pw"}}}).encode()
    data = {".dockerconfigjson": base64.b64encode(config).decode()}
    return {"type": "kubernetes.io/dockerconfigjson", "data": data}


def _read(held: dict[tuple[str, str, str], Any], *namespaces: str, moved: dict[str, str] | None = None) -> dict[str, Secrets]:
    names = {namespace: Named(secrets={"pull", "not-there"}, accounts={"default"}) for namespace in namespaces}
    return dict(_reader(Kube(held), moved or {})(names))  # type: ignore[arg-type]


def _users(secrets: Secrets) -> list[str]:
    found = [keychain.login("r.io", "a/b") for keychain in secrets.keyring.keychains("r.io", "a/b")]
    return sorted(login.username for login in found if login)


def test_those_that_are_named_and_those_of_the_account() -> None:
    account = {"imagePullSecrets": [{"name": "of-account"}, {}]}
    held = {("a", "secrets", "pull"): _secret("one"), ("a", "secrets", "of-account"): _secret("two")}
    found = _read({**held, ("a", "serviceaccounts", "default"): account}, "a")["a"]
    assert (_users(found), found.problems, found.denied) == (["one", "two"], (), None)


def test_where_the_lrs_are_now() -> None:
    found = _read({("new", "secrets", "pull"): _secret("one")}, "old", moved={"old": "new"})
    assert _users(found["old"]) == ["one"]


@pytest.mark.parametrize("denied", ["secrets", "serviceaccounts"])
def test_a_right_that_is_missing_in_one_namespace_is_that_ones(denied: str) -> None:
    name = "pull" if denied == "secrets" else "default"
    held = {
        ("a", "secrets", "pull"): _secret("one"),
        ("b", "secrets", "pull"): _secret("two"),
        ("b", denied, name): DeniedError(f"{denied} is forbidden"),
    }
    found = _read(held, "a", "b")
    assert (_users(found["a"]), found["a"].denied) == (["one"], None)
    assert _users(found["b"]) == ([] if denied == "secrets" else ["two"]), "what may be read is used"
    assert "forbidden" in str(found["b"].denied)
    assert found["b"].denied is not None
    assert found["b"].denied.hint.startswith("--registry-pull-secrets needs get on secrets and serviceaccounts")


@pytest.mark.parametrize("error", [CredentialsError("expired"), ApiError("etcd", status=500)])
def test_what_keeps_us_from_all_of_them_ends_it(error: Exception) -> None:
    with pytest.raises(type(error)):
        _read({("a", "secrets", "pull"): _secret("one"), ("b", "secrets", "pull"): error}, "a", "b")
