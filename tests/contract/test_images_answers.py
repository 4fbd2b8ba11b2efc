"""What a registry's answers are taken for: there, not there, or neither. A real registry behind a front that answers oddly."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError
from kubectl_lrs.stores.images.registry.client import Push
from kubectl_lrs.stores.images.registry.content import (
    BusyError,
    Manifest,
    MissingError,
    PushError,
    UnclearError,
    WrongContentError,
    said_in,
)
from tests.bed import images
from tests.bed.front import Front, Trouble
from tests.bed.registry import Registry
from tests.contract.test_images_registry import client, store

REPOSITORY = "datarobot/managed-image"
MADE = images.image("answers")
OTHER = images.image("another")
BLOB, DATA = next(iter(MADE.blobs.items()))
HTML = b"<html><body><h1>404 Not Found</h1><hr>nginx</body></html>"


def words(*codes: str) -> bytes:
    """A failure in the protocol's form."""
    return json.dumps({"errors": [{"code": code, "message": "invented"} for code in codes]}).encode()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """It has the image as `one`."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        images.push(running, REPOSITORY, "one", MADE)
        yield running


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


# ---- manifests

ABSENT = {
    "its own word for a manifest": words("MANIFEST_UNKNOWN"),
    "its own word for a repository": words("NAME_UNKNOWN"),
    "Harbor's word": words("NOT_FOUND"),
}

UNCLEAR: dict[str, tuple[int, dict[str, str], bytes, type[LrsError]]] = {
    "a page of a proxy": (404, {"Content-Type": "text/html"}, HTML, UnclearError),
    "nothing": (404, {}, b"", UnclearError),
    "JSON of something else": (404, {}, b'{"error": "no such route"}', UnclearError),
    "errors that are none": (404, {}, b'{"errors": []}', UnclearError),
    "a 401 in disguise": (404, {}, words("UNAUTHORIZED"), UnclearError),
    "a 403 in disguise": (404, {}, words("DENIED"), UnclearError),
    "two words": (404, {}, words("MANIFEST_UNKNOWN", "UNAUTHORIZED"), UnclearError),
    "not allowed": (405, {}, words("UNSUPPORTED"), UnclearError),
    "not acceptable": (406, {}, b"", UnclearError),
    "gone": (410, {}, HTML, UnclearError),
    "a bad request": (400, {}, words("MANIFEST_UNKNOWN"), UnclearError),
    "a redirect to nowhere": (302, {}, b"", UnclearError),
    "a page that logs in": (200, {"Content-Type": "text/html"}, b"<html>log in</html>", UnclearError),
    "an empty answer": (200, {}, b"", UnclearError),
    "refused": (401, {}, words("UNAUTHORIZED"), CredentialsError),
    "forbidden": (403, {}, words("DENIED"), DeniedError),
    "out of order": (500, {"Retry-After": "0"}, words("UNKNOWN"), BusyError),
    "away": (503, {"Retry-After": "0"}, HTML, BusyError),
    "busy": (429, {"Retry-After": "9999"}, words("TOOMANYREQUESTS"), BusyError),
}


@pytest.mark.parametrize("case", ABSENT)
def test_absent_is_what_the_registry_says_itself(front: Front, tmp_path: Path, case: str) -> None:
    front.troubles.append(Trouble("/manifests/", 99, 404, body=ABSENT[case]))
    found = client(front.host, tmp_path)
    assert found.digest_of(REPOSITORY, "one") == ""
    assert not found.has(REPOSITORY, "one")
    with pytest.raises(MissingError):
        found.manifest(REPOSITORY, MADE.digest)


@pytest.mark.parametrize("case", UNCLEAR)
@pytest.mark.parametrize("reference", ["one", MADE.digest], ids=["tag", "digest"])
def test_everything_else_is_neither_there_nor_missing(front: Front, tmp_path: Path, case: str, reference: str) -> None:
    status, headers, body, kind = UNCLEAR[case]
    front.troubles.append(Trouble("/manifests/", 99, status, headers, body=body))
    found = client(front.host, tmp_path)
    found._connection.pause = lambda _attempt: None  # type: ignore[method-assign]
    for ask in (found.digest_of, found.has, found.manifest):
        with pytest.raises(kind) as caught:
            ask(REPOSITORY, reference)
        assert not isinstance(caught.value, MissingError)


HEADS = {
    "404": Trouble("HEAD .*/manifests/", 99, 404),
    "404 with a page": Trouble("HEAD .*/manifests/", 99, 404, {"Content-Type": "text/html"}),
    "405": Trouble("HEAD .*/manifests/", 99, 405),
    "403": Trouble("HEAD .*/manifests/", 99, 403),
    "200 without a digest": Trouble("HEAD .*/manifests/", 99, 200),
    "200 with what is no digest of it": Trouble("HEAD .*/manifests/sha256", 99, 200, {"Docker-Content-Digest": OTHER.digest}),
}


@pytest.mark.parametrize("case", HEADS)
@pytest.mark.parametrize("reference", ["one", MADE.digest], ids=["tag", "digest"])
def test_a_head_that_knows_nothing_is_asked_again_by_get(front: Front, tmp_path: Path, case: str, reference: str) -> None:
    trouble = HEADS[case]
    front.troubles.append(Trouble(trouble.pattern, 99, trouble.status, trouble.headers))
    found = client(front.host, tmp_path)
    assert found.has(REPOSITORY, reference)
    assert found.digest_of(REPOSITORY, reference) == MADE.digest
    assert not found.has(REPOSITORY, "another"), "and what is not there is not, by the same way"


def test_a_head_out_of_a_cache_decides_no_digest(front: Front, tmp_path: Path) -> None:
    front.troubles.append(Trouble("HEAD .*/manifests/", 99, 200, {"Docker-Content-Digest": OTHER.digest}))
    assert client(front.host, tmp_path).digest_of(REPOSITORY, "one") == MADE.digest


def test_a_digest_that_is_not_that_of_the_body_is_neither(front: Front, tmp_path: Path) -> None:
    front.troubles.append(Trouble("/manifests/", 99, body=OTHER.manifests[OTHER.digest][1]))
    for reference in ("one", MADE.digest):
        with pytest.raises(WrongContentError):
            client(front.host, tmp_path).digest_of(REPOSITORY, reference)


def test_without_a_digest_the_body_counts(front: Front, tmp_path: Path) -> None:
    media_type, data = MADE.manifests[MADE.digest]
    front.troubles.append(Trouble("/manifests/", 99, 200, {"Content-Type": media_type}, body=data))
    assert client(front.host, tmp_path).digest_of(REPOSITORY, "one") == MADE.digest


# ---- blobs


def test_a_blob_is_missing_by_the_registrys_own_word_alone(front: Front, tmp_path: Path) -> None:
    found = client(front.host, tmp_path)
    assert found.has_blob(REPOSITORY, BLOB, len(DATA))
    assert not found.has_blob(REPOSITORY, f"sha256:{'0' * 64}", 1)
    front.troubles.append(Trouble("HEAD .*/blobs/", 99, 404))
    assert found.has_blob(REPOSITORY, BLOB, len(DATA)), "asked again by GET"
    assert b"".join(found.blob(REPOSITORY, BLOB, len(DATA))) == DATA
    for status, body in ((404, HTML), (404, b""), (404, words("DENIED")), (405, b"")):
        front.troubles[:] = [Trouble("/blobs/", 99, status, body=body)]
        with pytest.raises(UnclearError):
            found.has_blob(REPOSITORY, BLOB, len(DATA))
        with pytest.raises(UnclearError):
            list(found.blob(REPOSITORY, BLOB, len(DATA)))


def test_a_blob_of_another_size_is_neither(front: Front, tmp_path: Path) -> None:
    with pytest.raises(WrongContentError, match=f"has {len(DATA)} bytes there, not {len(DATA) + 1}"):
        client(front.host, tmp_path).has_blob(REPOSITORY, BLOB, len(DATA) + 1)


# ---- what is written is looked for


def _push(front: Front, tmp_path: Path) -> bool:
    found = client(front.host, tmp_path)
    found._connection.pause = lambda _attempt: None  # type: ignore[method-assign]
    digest, data = next(iter(images.image("pushed").blobs.items()))
    return found.push_blob("pushed/one", digest, len(data), lambda: io.BytesIO(data))


def test_a_blob_that_was_taken_and_is_not_there(front: Front, registry: Registry, tmp_path: Path) -> None:
    front.troubles.append(Trouble("PUT .*/uploads/", 99, 201))
    with pytest.raises(PushError, match="took it and does not have it"):
        _push(front, tmp_path)
    front.troubles[:] = [Trouble("POST .*/uploads/", 99, 201)]
    with pytest.raises(PushError, match="took it and does not have it"):
        _push(front, tmp_path)


def test_a_blob_that_is_there_a_moment_later(front: Front, tmp_path: Path) -> None:
    front.troubles += [Trouble("(HEAD|GET) .*/blobs/sha256", 5, 404, body=words("BLOB_UNKNOWN"))]
    assert _push(front, tmp_path)
    assert front.troubles[0].times == 0


def test_a_blob_of_which_nobody_can_tell_afterwards(front: Front, tmp_path: Path) -> None:
    front.troubles.append(Trouble("(HEAD|GET) .*/blobs/sha256", 99, 404, body=HTML))
    with pytest.raises(UnclearError):
        _push(front, tmp_path)


def test_a_manifest_that_was_taken_and_is_not_there(front: Front, tmp_path: Path) -> None:
    front.troubles.append(Trouble("PUT .*/manifests/", 99, 201))
    found = client(front.host, tmp_path)
    found._connection.pause = lambda _attempt: None  # type: ignore[method-assign]
    with pytest.raises(PushError, match="took it and does not have it"):
        store(found, "taken/one", "x", MADE)


def test_what_the_registry_makes_of_a_manifest_is_given_back(front: Front, registry: Registry, tmp_path: Path) -> None:
    media_type, data = MADE.manifests[MADE.digest]
    again = json.dumps(json.loads(data)).encode()
    found = client(front.host, tmp_path)
    store(found, "made/again", "x", MADE)
    front.troubles.append(
        Trouble(
            "GET .*/manifests/x", 1, 200, {"Content-Type": media_type, "Docker-Content-Digest": images.digest(again)}, body=again
        )
    )
    held = found.push_manifest("made/again", "x", Manifest(data, MADE.digest, media_type))
    assert (held.data, held.digest) == (again, images.digest(again))


# ---- the trial

TRIALS = {
    "the repository is not there": (404, words("NAME_UNKNOWN"), Push.MISSING),
    "denied": (403, words("DENIED"), Push.DENIED),
    "not allowed at all": (405, words("UNSUPPORTED"), Push.DENIED),
}


@pytest.mark.parametrize("case", TRIALS)
def test_a_trial(front: Front, tmp_path: Path, case: str) -> None:
    status, body, expected = TRIALS[case]
    front.troubles.append(Trouble("POST .*/uploads/", 9, status, body=body))
    assert client(front.host, tmp_path).probe(REPOSITORY)[0] is expected


@pytest.mark.parametrize(("status", "body"), [(404, HTML), (404, b""), (404, words("UNAUTHORIZED")), (200, b"<html>")])
def test_a_trial_that_tells_nothing(front: Front, tmp_path: Path, status: int, body: bytes) -> None:
    front.troubles.append(Trouble("POST .*/uploads/", 9, status, body=body))
    with pytest.raises(UnclearError):
        client(front.host, tmp_path).probe(REPOSITORY)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"errors": {"code": "NAME_UNKNOWN"}}', b'{"errors": ["NAME_UNKNOWN"]}', b"\xff"])
def test_words_that_are_none(body: bytes) -> None:
    assert not said_in(body).is_absence
