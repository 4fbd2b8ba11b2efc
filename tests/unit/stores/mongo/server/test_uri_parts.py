"""What stands in a MongoDB URI: database, secrets, and what a restore passes over."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.uri_parts import database, secret_in, without_effect


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("mongodb://h", ""),
        ("mongodb://h/", ""),
        ("mongodb://h/?x=/y", ""),
        ("mongodb://h/db", "db"),
        ("mongodb://u:p@h1,h2:1/d%62?replicaSet=r", "db"),
        ("mongodb+srv://h/db?tls=true", "db"),
    ],
)
def test_the_database(uri: str, name: str) -> None:
    assert database(uri) == name


def test_databases_of_the_server_say_who_knows_the_user() -> None:
    assert UriAccess("mongodb://h/admin").database == ""
    assert UriAccess("mongodb://h/MMApp").database == "MMApp"
    with pytest.raises(UsageError, match="names a collection"):
        UriAccess("mongodb://h/db.collection")


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("mongodb://h/", ""),
        ("mongodb://user@h/?authSource=admin", ""),
        ("mongodb://h/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_NAME:x,CANONICALIZE_HOST_NAME:true", ""),
        ("mongodb://h/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:k8s,TOKEN_RESOURCE:x", ""),
        ("mongodb://user:x@h/", "a password"),
        ("mongodb://user:x/y@h/", "a password"),
        ("mongodb+srv://user:x@h/", "a password"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:x", "AWS_SESSION_TOKEN in authMechanismProperties"),
        ("mongodb://h/?AuthMechanismProperties=invented:x", "invented in authMechanismProperties"),
        ("mongodb://h/?authMechanismProperties=:x", "a secret in authMechanismProperties"),
        ("mongodb://h/?tlsCertificateKeyFilePassword=x", "tlsCertificateKeyFilePassword"),
        ("mongodb://h/?a=b;ssl_pem_passphrase=x", "ssl_pem_passphrase"),
        ("mongodb://h/?proxy%50assword=x", "proxyPassword"),
        ("mongodb://h/?autoEncryptionSecret=x", "autoEncryptionSecret"),
    ],
)
def test_secrets(uri: str, what: str) -> None:
    assert secret_in(uri) == what


def test_messages_without_secrets() -> None:
    """Whatever becomes of the URI: from then on its secrets are masked wherever they turn up."""
    uri = "mongodb://u:p%40ssword@h/?authMechanismProperties=invented:secretive&tlsCertificateKeyFilePassword=key%20word"
    with pytest.raises(UsageError) as caught:
        UriAccess(uri)
    said = redact.text(f"{caught.value}: p%40ssword, p@ssword; key word, key%20word, secretive")
    assert not any(word in said for word in ("ssword", "key word", "key%20word", "secretive"))


def test_what_has_no_effect() -> None:
    uri = "mongodb://h/?readPreference=secondary&w=1&journal=true&retryWrites=true&readConcernLevel=local&wtimeoutMS=5"
    assert without_effect(uri) == ("readPreference=secondary", "w=1", "readConcernLevel=local", "wtimeoutMS=5")
    assert without_effect("mongodb://h/?readPreference=primary&w=majority") == ()
