"""Who asks a registry for whose image: a real registry with passwords, and Secrets of several namespaces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import CredentialsError, UnreachableError
from kubectl_lrs.stores.common.image_names.recognise import Why
from kubectl_lrs.stores.common.image_names.reference import Reference, parse
from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.connect import http_options
from kubectl_lrs.stores.images.find import Image, ImageMention
from kubectl_lrs.stores.images.pull_secrets import AuthEntry, Keyring, Named, Secrets
from kubectl_lrs.stores.images.registry.client import Registries, RegistryClient
from kubectl_lrs.stores.images.registry.content import BusyError, MissingError
from kubectl_lrs.stores.images.registry.credentials import Config, Keychain, Login
from tests.bed import images
from tests.bed.front import Front, Trouble
from tests.bed.registry import Registry, keys, signing_key
from tests.bed.tokens import TokenServer

ALICE, BOB, MALLORY = Login("alice", "alice-secret"), Login("bob", "bob-secret"), Login("mallory", "guessed")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def tokens(certificates: Path) -> Iterator[TokenServer]:
    with TokenServer(signing_key(certificates)) as running:
        running.users = {"alice": ("alice-secret", {"pull", "push"}), "bob": ("bob-secret", {"pull"})}
        yield running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, certificates: Path, tokens: TokenServer) -> Iterator[Registry]:
    """Alice may pull and push, Bob pull, Mallory nothing, and nobody nothing."""
    with Registry(tmp_path_factory.mktemp("registry"), auth="token", keys=certificates, tokens=tokens) as running:
        yield running


@pytest.fixture(autouse=True)
def log(tokens: TokenServer) -> None:
    tokens.log.clear()


def _named(reference: Reference, *namespaces: str) -> Image:
    image = Image(reference)
    for namespace in namespaces:
        image.add(ImageMention("lrs", f"{namespace}/app", "spec.image", Why.FIELD))
    return image


def _access(
    host: str, secrets: Mapping[str, list[Login]], images: Mapping[Reference, Image], docker: Login | None = None
) -> Access:
    configs = [Config({host: docker})] if docker else []

    def read(names: Mapping[str, Named]) -> dict[str, Secrets]:
        return {space: Secrets(Keyring(AuthEntry(host, login) for login in secrets.get(space, ()))) for space in names}

    access = Access(Registries(Keychain(configs, environment={}), http_options()), read_secrets=read)
    spaces = sorted({space for image in images.values() for space in image.namespaces} | secrets.keys())
    access.log_in([Mention("lrs", f"{space}/app", "", "") for space in spaces], images)
    return access


def _look(access: Access, reference: Reference) -> str:
    def work(client: RegistryClient) -> str:
        return client.manifest(reference.repository, reference.wanted).digest

    return access.ask(reference.registry, reference.repository, access.domain(reference), work)


def _users(tokens: TokenServer) -> set[str]:
    return {user for _, user, _ in tokens.log}


def test_an_image_is_never_asked_for_with_anothers_secret(registry: Registry, tokens: TokenServer) -> None:
    """Bob's image, that Bob's Secret does not open, is not fetched with Alice's."""
    hers, his = (parse(f"{registry.host}/{who}/app:x") for who in ("alice", "bob"))
    made = {hers: _named(hers, "alice"), his: _named(his, "bob")}
    access = _access(registry.host, {"alice": [ALICE], "bob": [MALLORY]}, made)
    with pytest.raises(MissingError):
        _look(access, hers)
    with pytest.raises(CredentialsError):
        _look(access, his)
    assert [user for _, user, scope in tokens.log if "bob/app" in scope and user == "alice"] == []


def test_a_wrong_secret_does_not_keep_others_from_their_image(registry: Registry, tokens: TokenServer) -> None:
    reference = parse(f"{registry.host}/alice/app:x")
    for secrets in ({"alice": [MALLORY, ALICE]}, {"alice": [ALICE], "mallory": [MALLORY]}):
        access = _access(registry.host, secrets, {reference: _named(reference, *secrets)})
        with pytest.raises((MissingError, CredentialsError)):
            _look(access, reference)
        assert "alice" in _users(tokens), "each is tried in turn, as kubelet does"


def test_the_login_that_was_good_goes_first(registry: Registry, tokens: TokenServer) -> None:
    reference = parse(f"{registry.host}/alice/good:x")
    writer = _access(registry.host, {"alice": [ALICE]}, {reference: _named(reference, "alice")})
    made = images.image("good")
    _push(writer, reference, made)
    access = _access(registry.host, {"alice": [MALLORY, ALICE]}, {reference: _named(reference, "alice")})
    assert _look(access, reference) == made.digest
    tokens.log.clear()
    assert _look(access, reference) == made.digest
    assert _users(tokens) <= {"alice"}, "nobody else's once one was good"


def _push(access: Access, reference: Reference, made: images.Image) -> None:
    import io

    from kubectl_lrs.stores.images.registry.content import Manifest

    def work(client: RegistryClient) -> None:
        for digest, data in made.blobs.items():
            client.push_blob(reference.repository, digest, len(data), lambda data=data: io.BytesIO(data))  # type: ignore[misc]
        for digest, (media_type, data) in made.manifests.items():
            client.push_manifest(reference.repository, reference.tag, Manifest(data, digest, media_type))

    access.ask(reference.registry, reference.repository, access.domain(reference), work)


def test_one_that_may_read_does_not_keep_the_one_that_may_write(registry: Registry, tokens: TokenServer) -> None:
    reference = parse(f"{registry.host}/alice/written:x")
    access = _access(registry.host, {"alice": [BOB, ALICE]}, {reference: _named(reference, "alice")})
    with pytest.raises(MissingError):
        _look(access, reference)
    _push(access, reference, images.image("written"))
    assert _look(access, reference) == images.image("written").digest


def test_dockers_own_login_is_for_all_and_goes_first(registry: Registry, tokens: TokenServer) -> None:
    reference = parse(f"{registry.host}/anybody/app:x")
    access = _access(registry.host, {"bob": [BOB]}, {reference: _named(reference, "bob")}, docker=ALICE)
    with pytest.raises(MissingError):
        _look(access, reference)
    assert next(user for _, user, _ in tokens.log) == "alice"


def test_what_only_documents_name_is_the_only_namespaces(registry: Registry, tokens: TokenServer) -> None:
    reference = parse(f"{registry.host}/document/app:x")
    image = Image(reference)
    image.add(ImageMention("custom_application_images", "1", "image", Why.FIELD))
    with pytest.raises(MissingError):
        _look(_access(registry.host, {"alice": [ALICE]}, {reference: image}), reference)
    tokens.log.clear()
    with pytest.raises(CredentialsError):
        _look(_access(registry.host, {"alice": [ALICE], "bob": [BOB]}, {reference: image}), reference)
    assert _users(tokens) <= {""}, "with several namespaces it is nobody's"


def test_what_is_hidden_is_not_missing(registry: Registry) -> None:
    reference = parse(f"{registry.host}/alice/hidden:x")
    body = b'{"errors": [{"code": "NAME_UNKNOWN", "message": "hidden from who may not see it"}]}'
    with Front(registry, troubles=[Trouble("/manifests/", 1, 404, body=body), Trouble("/manifests/", 9, 403)]) as front:
        at_front = parse(str(reference).replace(registry.host, front.host))
        access = _access(front.host, {"alice": [MALLORY, ALICE]}, {at_front: _named(at_front, "alice")})
        with pytest.raises(Exception, match="not allowed") as caught:
            _look(access, at_front)
        assert not isinstance(caught.value, MissingError)


# ---- registries that are down


def test_one_that_never_answered_is_not_asked_again() -> None:
    with Front() as front:
        host = front.host
    access = _access(host, {}, {})
    for _ in range(3):
        with pytest.raises(UnreachableError, match="cannot be reached"):
            _look(access, parse(f"{host}/a/b:x"))
    assert list(access.lost) == [host]


BUSY = {"Retry-After": "0"}


@pytest.fixture
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("open")) as running:
        yield running


def test_one_image_that_fails_is_not_the_registry(open_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that answers 500 for one image, as one with a broken manifest does, still has the others."""
    images.push(open_registry, "a/b", "good", images.image("stays"))
    monkeypatch.setattr("kubectl_lrs.stores.common.circuit_breaker.TRUSTED", math.inf)
    for trouble in (Trouble("/manifests/bad", 999, 500, BUSY), Trouble("/manifests/bad", 999, 502, BUSY, body=b"<html>")):
        with Front(open_registry, troubles=[trouble]) as front:
            access = _access(front.host, {}, {})
            for _ in range(5):
                with pytest.raises(BusyError):
                    _look(access, parse(f"{front.host}/a/b:bad"))
            assert access.lost == {}
            assert _look(access, parse(f"{front.host}/a/b:good"))
            assert [each.path for each in front.log].count("/v2/") == 1, "it is asked once, not for each failure"


@pytest.mark.parametrize("status", [500, 503])
def test_a_registry_that_says_so_of_itself_is_lost(status: int) -> None:
    with Front(troubles=[Trouble("", 999, status, BUSY)]) as front:
        access = _access(front.host, {}, {})
        with pytest.raises(BusyError):
            _look(access, parse(f"{front.host}/a/b:one"))
        assert list(access.lost) == [front.host]
        asked = len(front.log)
        with pytest.raises(UnreachableError, match=f"^{front.host}: "):
            _look(access, parse(f"{front.host}/a/b:two"))
        assert len(front.log) == asked, "nobody asks it again"


@pytest.mark.parametrize(("status", "body"), [(401, b""), (404, b"<html>"), (429, b""), (200, b"")])
def test_whatever_else_it_says_of_itself_is_an_answer(status: int, body: bytes) -> None:
    with Front(troubles=[Trouble("GET /v2/$", 999, status, BUSY, body=body), Trouble("", 999, 500, BUSY)]) as front:
        access = _access(front.host, {}, {})
        with pytest.raises(BusyError):
            _look(access, parse(f"{front.host}/a/b:one"))
        assert access.lost == {}
