"""The door to registries: reading, writing, logging in, and what becomes of trouble; real registries, real token server."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.stores.images.connect import http_options
from kubectl_lrs.stores.images.registry.client import Push, Registries, RegistryClient, Removal
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError, PushError, UnclearError, WrongContentError
from kubectl_lrs.stores.images.registry.credentials import Keychain, docker_config
from tests.bed import images
from tests.bed.front import Front, Trouble
from tests.bed.registry import PASSWORD, USER, Registry, keys, signing_key
from tests.bed.tokens import TokenServer

REPOSITORY = "datarobot/managed-image"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("basic"), auth="htpasswd", tls=True, keys=certificates) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(certificates: Path) -> Iterator[TokenServer]:
    with TokenServer(signing_key(certificates)) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, certificates: Path, tokens: TokenServer) -> Iterator[Registry]:
    """A registry with a token server; `admin` may all, `reader` and anybody may pull."""
    with Registry(tmp_path_factory.mktemp("guarded"), auth="token", keys=certificates, tokens=tokens) as running:
        yield running


@pytest.fixture(autouse=True)
def users(tokens: TokenServer) -> None:
    tokens.users = {"admin": ("root-secret", {"pull", "push", "delete"}), "reader": ("read-secret", {"pull"})}
    tokens.granted, tokens.identity_tokens, tokens.life = {}, {}, 300
    tokens.log.clear()
    tokens.given.clear()


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


def client(host: str, directory: Path, login: str = "", config: dict[str, Any] | None = None, **options: Any) -> RegistryClient:
    """The client of a registry; `login` is USER:PASSWORD in docker's configuration."""
    folder = directory / "docker"
    folder.mkdir(exist_ok=True)
    auths = {host: {"auth": base64.b64encode(login.encode()).decode()}} if login else {}
    (folder / "config.json").write_text(json.dumps(config or {"auths": auths}))
    keychain = Keychain([docker_config({"DOCKER_CONFIG": str(folder)}, directory)], environment=dict(os.environ))
    return Registries(keychain, http_options(**options)).of(host)


def store(registry: RegistryClient, repository: str, tag: str, made: images.Image) -> None:
    """Push an image through the client."""
    for digest, data in made.blobs.items():
        registry.push_blob(repository, digest, len(data), lambda data=data: io.BytesIO(data))  # type: ignore[misc]
    for digest, (media_type, data) in made.manifests.items():
        registry.push_manifest(repository, tag if digest == made.digest else digest, Manifest(data, digest, media_type))


def read(registry: RegistryClient, repository: str, tag: str, made: images.Image) -> None:
    """Read an image through the client, byte for byte."""
    top = registry.manifest(repository, tag)
    assert (top.data, top.digest, top.media_type) == (made.manifests[made.digest][1], made.digest, made.manifests[made.digest][0])
    for digest, (media_type, data) in made.manifests.items():
        assert registry.manifest(repository, digest) == Manifest(data, digest, media_type)
    for digest, data in made.blobs.items():
        assert b"".join(registry.blob(repository, digest, len(data))) == data


KINDS = {
    "OCI": images.image("a", "b"),
    "schema 2": images.image("a", "b", kind="docker"),
    "OCI index": images.index("a", "c"),
    "manifest list": images.index("a", "c", kind="docker"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_again(registry: Registry, tmp_path: Path, kind: str) -> None:
    door, made = client(registry.host, tmp_path), KINDS[kind]
    store(door, REPOSITORY, "one", made)
    images.held(registry, REPOSITORY, made)
    read(door, REPOSITORY, "one", made)
    assert door.digest_of(REPOSITORY, "one") == door.digest_of(REPOSITORY, made.digest) == made.digest
    assert door.digest_of(REPOSITORY, "another") == door.digest_of("no/where", "one") == ""
    with pytest.raises(MissingError):
        door.manifest(REPOSITORY, "another")
    with pytest.raises(MissingError):
        list(door.blob(REPOSITORY, f"sha256:{'0' * 64}", 1))


def test_a_blob_is_sent_once_and_mounted_where_another_repository_has_it(front: Front, tmp_path: Path) -> None:
    door, (digest, data) = client(front.host, tmp_path), next(iter(images.image("mounted").blobs.items()))
    assert door.push_blob("first/one", digest, len(data), lambda: io.BytesIO(data))
    assert not door.push_blob("first/one", digest, len(data), lambda: io.BytesIO(data))
    assert not door.push_blob("second/one", digest, len(data), lambda: io.BytesIO(data), mount_from="first/one")
    assert len(front.paths("PUT")) == 1
    assert door.push_blob("third/one", digest, len(data), lambda: io.BytesIO(data), mount_from="not/there"), (
        "sent where it cannot be mounted"
    )
    assert b"".join(door.blob("second/one", digest, len(data))) == data


def test_probing_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    assert client(registry.host, tmp_path).probe("only/probed") == (Push.ALLOWED, "")
    assert "only/probed" not in registry.repositories()
    assert not list((registry.storage / "docker/registry/v2/repositories/only/probed").rglob("data"))


# ---- logging in


def test_tags_and_what_is_removed(front: Front, registry: Registry, tmp_path: Path) -> None:
    there = client(front.host, tmp_path)
    assert there.tags("lists/none").names == frozenset()
    one, two = images.image("one"), images.image("two")
    for tag, image in (("a", one), ("b", one), ("c", two)):
        images.push(registry, "lists/some", tag, image)
    page = {"Link": '</v2/lists/some/tags/list?n=2>; rel="next"'}
    front.troubles.append(Trouble("GET .*/tags/list$", status=200, headers=page, body=b'{"tags": ["x"]}'))
    found = there.tags("lists/some")
    assert (found.names, found.now > 0) == (frozenset("abcx"), True)
    assert there.delete_manifest("lists/some", "a") == (Removal.DONE, "")
    assert there.tags("lists/some").names == frozenset("bc")
    assert there.delete_manifest("lists/some", two.digest) == (Removal.DONE, "")
    assert there.delete_manifest("lists/some", two.digest) == (Removal.ABSENT, "")
    assert registry.tags("lists/some") == {"b": one.digest}
    front.troubles.append(Trouble("DELETE ", status=405))
    assert there.delete_manifest("lists/some", "b") == (Removal.REFUSED, "HTTP 405")
    front.troubles += [Trouble("DELETE ", status=404), Trouble("DELETE ", status=202), Trouble("GET .*/tags/list", status=200)]
    for _ in range(2):  # a proxy's 404; what was taken and is there all the same
        with pytest.raises(PushError):
            there.delete_manifest("lists/some", one.digest)
    with pytest.raises(UnclearError):
        there.tags("lists/some")


def test_basic_over_an_own_authority(basic: Registry, certificates: Path, tmp_path: Path) -> None:
    own = {"ca_file": str(certificates / "ca.crt")}
    door = client(basic.host, tmp_path, f"{USER}:{PASSWORD}", **own)
    store(door, REPOSITORY, "one", KINDS["OCI index"])
    read(door, REPOSITORY, "one", KINDS["OCI index"])
    for login in ("", f"{USER}:wrong-password", "nobody:invented-password"):
        refused = client(basic.host, tmp_path, login, **own)
        assert refused.probe(REPOSITORY)[0] is Push.DENIED
        with pytest.raises(CredentialsError) as caught:
            refused.manifest(REPOSITORY, "one")
        assert "wrong-password" not in f"{caught.value} {caught.value.hint}"


def test_a_certificate_that_is_not_trusted_is_an_error_and_no_reason_to_go_without(basic: Registry, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="certificate verify failed") as caught:
        client(basic.host, tmp_path, f"{USER}:{PASSWORD}").manifest(REPOSITORY, "one")
    assert "--registry-ca-file" in caught.value.hint


def test_token_server(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    door, made = client(guarded.host, tmp_path, "admin:root-secret"), KINDS["manifest list"]
    store(door, REPOSITORY, "one", made)
    scopes = [scope for _, user, scope in tokens.log if user == "admin"]
    assert sorted(scopes) == [f"repository:{REPOSITORY}:pull", f"repository:{REPOSITORY}:pull,push"], "each asked for once"
    read(client(guarded.host, tmp_path, "reader:read-secret"), REPOSITORY, "one", made)
    reader = client(guarded.host, tmp_path, "reader:read-secret")
    assert reader.probe(REPOSITORY)[0] is Push.DENIED
    with pytest.raises(CredentialsError, match="refused with the credentials"):
        reader.push_manifest(REPOSITORY, "two", Manifest(*made.manifests[made.digest][::-1], ""))
    with pytest.raises(CredentialsError, match="refused by its token server") as caught:
        client(guarded.host, tmp_path, "reader:guessed-secret").manifest(REPOSITORY, "one")
    assert "guessed-secret" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(CredentialsError, match="a request without credentials was refused"):
        client(guarded.host, tmp_path).manifest(REPOSITORY, "one")
    tokens.users[""] = ("", {"pull"})
    read(client(guarded.host, tmp_path), REPOSITORY, "one", made)


def test_mounting_asks_for_both_repositories(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    door, (digest, data) = client(guarded.host, tmp_path, "admin:root-secret"), next(iter(images.image("both").blobs.items()))
    door.push_blob("a/source", digest, len(data), lambda: io.BytesIO(data))
    assert not door.push_blob("a/target", digest, len(data), lambda: io.BytesIO(data), mount_from="a/source")
    assert "repository:a/target:pull,push repository:a/source:pull" in [scope for _, _, scope in tokens.log]


def test_an_expired_token_is_fetched_anew(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    door, made = client(guarded.host, tmp_path, "admin:root-secret"), KINDS["OCI"]
    store(door, REPOSITORY, "short", made)
    tokens.life = 2  # less than what is kept back: it does not count from the next second on
    fresh = client(guarded.host, tmp_path, "admin:root-secret")
    tokens.given.clear()
    for _ in range(3):
        fresh.manifest(REPOSITORY, "short")
        fresh._connection._authority._tokens = {
            key: type(each)(each.value, 0.0) for key, each in fresh._connection._authority._tokens.items()
        }
    assert len(tokens.given) == 3


def test_a_token_that_is_refused_is_fetched_anew(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    door, made = client(guarded.host, tmp_path, "admin:root-secret"), KINDS["OCI"]
    store(door, REPOSITORY, "refused", made)
    known = door._connection._authority._tokens
    door._connection._authority._tokens = {key: type(each)(f"{each.value[:-6]}AAAAAA", each.end) for key, each in known.items()}
    read(door, REPOSITORY, "refused", made)


def test_identity_token(guarded: Registry, tokens: TokenServer, tmp_path: Path) -> None:
    tokens.identity_tokens = {"identity-secret": "admin"}
    door = client(guarded.host, tmp_path, config={"auths": {guarded.host: {"identitytoken": "identity-secret"}}})
    assert door.probe(REPOSITORY) == (Push.ALLOWED, "")
    assert {method for method, _, _ in tokens.log} == {"POST"}


def test_no_password_goes_to_a_token_server_without_tls(tmp_path: Path) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="http://tokens.example.com/token",service="x"'}
    with Front(troubles=[Trouble("/v2/", 9, 401, challenge)]) as front, pytest.raises(UnreachableError, match="token server"):
        client(front.host, tmp_path, "admin:root-secret").manifest(REPOSITORY, "one")


# ---- trouble


def test_a_redirect_to_another_host_takes_no_credentials_along(guarded: Registry, tmp_path: Path) -> None:
    made = KINDS["OCI"]
    store(client(guarded.host, tmp_path, "admin:root-secret"), REPOSITORY, "away", made)
    digest, data = next(iter(made.blobs.items()))
    with Front(name="localhost", troubles=[Trouble("GET /storage", 9, 200, body=data)]) as storage, Front(guarded) as front:
        front.troubles.append(
            Trouble(f"GET .*/blobs/{digest}", 9, 307, {"Location": f"http://{storage.host}/storage?signature=s3cret"})
        )
        door = client(front.host, tmp_path, "admin:root-secret")
        door.manifest(REPOSITORY, "away")
        assert b"".join(door.blob(REPOSITORY, digest, len(data))) == data
        assert "Authorization" in front.log[-1].headers
        assert [request.path for request in storage.log] == ["/storage?signature=s3cret"]
        assert "Authorization" not in storage.log[0].headers
        storage.troubles[0] = Trouble("GET /storage", 9, 403, body=b"<Error>signature=s3cret</Error>")
        with pytest.raises(DeniedError) as caught:
            list(door.blob(REPOSITORY, digest, len(data)))
        assert "s3cret" not in str(caught.value)


def test_a_redirect_away_from_tls_is_not_followed(front: Front, tmp_path: Path) -> None:
    front.troubles.append(Trouble("/blobs/", 9, 307, {"Location": "http://storage.example.com/x?signature=s3cret"}))
    with pytest.raises(UnreachableError, match=r"redirects to http://storage.example.com, which is not https"):
        list(client(front.host, tmp_path).blob(REPOSITORY, f"sha256:{'0' * 64}", 1))


def test_too_many_requests_and_passing_failures_are_waited_for(front: Front, registry: Registry, tmp_path: Path) -> None:
    made = images.image("patient")
    front.troubles += [
        Trouble("PUT .*/manifests/", 1, 429, {"Retry-After": "1"}),
        Trouble("HEAD .*/blobs/", 2, 503, {"Retry-After": "0"}),
        Trouble("POST .*/uploads/", 1, 502, body=b"<html>"),
        Trouble("PUT .*/uploads/", 1, 500),
        Trouble("GET .*/manifests/", 2, 504),
    ]
    door = client(front.host, tmp_path)
    store(door, "patient/one", "x", made)
    read(door, "patient/one", "x", made)
    assert all(trouble.times == 0 for trouble in front.troubles)
    images.held(registry, "patient/one", made)


def test_who_asks_for_too_long_a_wait_is_out_of_reach(front: Front, tmp_path: Path) -> None:
    front.troubles.append(
        Trouble("/manifests/", 9, 429, {"Retry-After": "4000"}, body=b'{"errors":[{"code":"TOOMANYREQUESTS"}]}')
    )
    with pytest.raises(UnreachableError, match="TOOMANYREQUESTS"):
        client(front.host, tmp_path).manifest(REPOSITORY, "one")
    assert len(front.log) == 1 + len([path for path in front.paths("GET") if path == "/v2/"])


@pytest.fixture
def big(registry: Registry) -> tuple[str, bytes]:
    """A blob of 2 MiB in the registry: its digest and its bytes."""
    made = images.image("big", size=2 << 20)
    images.push(registry, REPOSITORY, "big", made)
    return max(made.blobs.items(), key=lambda pair: len(pair[1]))


@pytest.mark.parametrize("mute", [False, True], ids=["announced", "not announced"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    front: Front, big: tuple[str, bytes], tmp_path: Path, mute: bool
) -> None:
    digest, data = big
    front.troubles += [Trouble("GET .*/blobs/", cut=700_000, mute=mute), Trouble("GET .*/blobs/", cut=300_000, mute=mute)]
    assert b"".join(client(front.host, tmp_path).blob(REPOSITORY, digest, len(data))) == data
    ranges = [request.headers.get("Range") for request in front.log if "/blobs/" in request.path]
    assert ranges == [None, "bytes=700000-", "bytes=1000000-"]


def test_a_registry_that_knows_no_ranges_is_read_from_the_beginning(front: Front, big: tuple[str, bytes], tmp_path: Path) -> None:
    digest, data = big
    front.troubles += [Trouble("GET .*/blobs/", cut=700_000), Trouble("GET .*/blobs/", 1, 200, body=data)]
    assert b"".join(client(front.host, tmp_path).blob(REPOSITORY, digest, len(data))) == data


def test_a_download_that_never_gets_on_is_given_up(front: Front, big: tuple[str, bytes], tmp_path: Path) -> None:
    front.troubles.append(Trouble("GET .*/blobs/", 99, cut=0))
    door = client(front.host, tmp_path)
    door._connection.pause = lambda _attempt: None  # type: ignore[method-assign]
    with pytest.raises(UnreachableError, match="it breaks off after 0 of"):
        list(door.blob(REPOSITORY, big[0], len(big[1])))


@pytest.mark.parametrize("wrong", ["other bytes", "longer", "shorter", "a byte changed"])
def test_what_is_not_the_blob_is_noticed(front: Front, big: tuple[str, bytes], tmp_path: Path, wrong: str) -> None:
    digest, data = big
    bodies = {
        "other bytes": bytes(len(data)),
        "longer": data + b"x",
        "shorter": data[:-9],
        "a byte changed": data[:-1] + bytes([data[-1] ^ 1]),
    }
    front.troubles.append(Trouble("GET .*/blobs/", 9, body=bodies[wrong]))
    with pytest.raises(WrongContentError):
        list(client(front.host, tmp_path).blob(REPOSITORY, digest, len(data)))


BAD_MANIFESTS: dict[str, tuple[bytes, str]] = {
    "larger than any": (b'{"schemaVersion": 2}' + b" " * (5 << 20), "larger than 4 MiB"),
    "not JSON": (b"<html>", "not JSON"),
    "a list": (b"[]", "not JSON"),
    "of the first kind": (b'{"schemaVersion": 1}', "a kind that cannot be copied"),
    "of another kind": (b'{"schemaVersion": 2, "mediaType": "text/plain"}', "a kind that cannot be copied: text/plain"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_manifests_that_are_refused(tmp_path: Path, case: str) -> None:
    body, message = BAD_MANIFESTS[case]
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    with Front(troubles=[Trouble("/manifests/", 9, 200, kind, body=body)]) as front:
        with pytest.raises(WrongContentError, match=message):
            client(front.host, tmp_path).manifest(REPOSITORY, "one")
        with pytest.raises(WrongContentError, match=r"whose digest is|larger than"):
            client(front.host, tmp_path).manifest(REPOSITORY, f"sha256:{'0' * 64}")


def test_a_digest_that_is_not_the_announced_one(front: Front, registry: Registry, tmp_path: Path) -> None:
    made, other = images.image("right"), images.image("wrong")
    images.push(registry, REPOSITORY, "right", made)
    front.troubles.append(Trouble("GET .*/manifests/", 9, body=other.manifests[other.digest][1]))
    for reference in ("right", made.digest):
        with pytest.raises(WrongContentError, match=f"whose digest is {other.digest}, not {made.digest}"):
            client(front.host, tmp_path).manifest(REPOSITORY, reference)


def test_an_upload_that_breaks_off_is_begun_again(front: Front, registry: Registry, tmp_path: Path) -> None:
    digest, data = next(iter(images.image("again").blobs.items()))
    front.troubles += [Trouble("PUT .*/uploads/", 2, 404)]
    assert client(front.host, tmp_path).push_blob("again/one", digest, len(data), lambda: io.BytesIO(data))
    assert len(front.paths("POST")) == 3
    assert registry.blob_file(digest).read_bytes() == data


def test_what_the_registry_refuses_is_said_in_its_words(front: Front, tmp_path: Path) -> None:
    front.troubles.append(
        Trouble("PUT .*/manifests/", 9, 400, body=b'{"errors":[{"code":"TAG_INVALID","message":"immutable\\u001b[2J"}]}')
    )
    made = images.image("immutable")
    with pytest.raises(PushError, match=r"TAG_INVALID: immutable\\x1b\[2J \(HTTP 400\)"):
        store(client(front.host, tmp_path), REPOSITORY, "one", made)


def test_a_secret_that_is_said_back_is_not_shown(front: Front, tmp_path: Path) -> None:
    basic = base64.b64encode(b"admin:root-secret").decode()
    said = json.dumps({"errors": [{"code": "DENIED", "message": f"no: Basic {basic}, root-secret"}]}).encode()
    front.troubles += [
        Trouble("/manifests/", 1, 401, {"WWW-Authenticate": 'Basic realm="x"'}),
        Trouble("/manifests/", 9, 403, body=said),
    ]
    with pytest.raises(DeniedError) as caught:
        client(front.host, tmp_path, "admin:root-secret").manifest(REPOSITORY, "one")
    assert "DENIED: no: Basic <masked>, <masked>" in str(caught.value)


def test_nobody_there(tmp_path: Path) -> None:
    with Front() as front:
        host = front.host
    door = client(host, tmp_path)
    door._connection.pause = lambda _attempt: None  # type: ignore[method-assign]
    with pytest.raises(UnreachableError, match=r"cannot be reached: .*refused"):
        door.manifest(REPOSITORY, "one")


def test_stopping_ends_a_download(front: Front, big: tuple[str, bytes], tmp_path: Path) -> None:
    door = client(front.host, tmp_path)
    reading = door.blob(REPOSITORY, big[0], len(big[1]))
    next(reading)
    door._connection.cancel.set()
    with pytest.raises(LrsError, match="stopped"):
        list(reading)
