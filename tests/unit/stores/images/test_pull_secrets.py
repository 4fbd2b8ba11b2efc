"""Pull secrets and service accounts that LRS name, each in its own namespace."""

from __future__ import annotations

import pytest

from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.pull_secrets import named


def _named(*rows: tuple[str, str], store: str = "lrs", key: str = "n/a") -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    found = named(Mention(store, key, field, text) for field, text in rows)
    return found.secrets, found.accounts


@pytest.mark.parametrize(
    ("field", "text", "secrets", "accounts"),
    [
        ("spec.imagePullSecrets[0].name", "pull", {("n", "pull")}, {("n", "default")}),
        ("spec.template.spec.imagePullSecrets[3]", "pull", {("n", "pull")}, {("n", "default")}),
        ("imagePullSecret[0].name", "pull", {("n", "pull")}, {("n", "default")}),
        ("spec.serviceAccountName", "robot", set(), {("n", "default"), ("n", "robot")}),
        ("spec.serviceAccount", "robot", set(), {("n", "default"), ("n", "robot")}),
        ("spec.imagePullSecrets[0].name", "../x", set(), {("n", "default")}),
        ("spec.imagePullSecrets[0].namespace", "other", set(), {("n", "default")}),
        ("spec.myserviceAccountName", "robot", set(), {("n", "default")}),
        ("spec.image", "pull", set(), {("n", "default")}),
    ],
)
def test_by_the_field(field: str, text: str, secrets: set[tuple[str, str]], accounts: set[tuple[str, str]]) -> None:
    assert _named((field, text)) == (secrets, accounts)


def test_documents_of_mongo_name_none() -> None:
    assert _named(("spec.imagePullSecrets[0].name", "pull"), store="custom_applications") == (set(), set())
    assert _named() == (set(), set())
