"""The images' part of a backup, at the store itself: whose failure is whose. Real registries, no cluster."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.mentions import LRS_FILE
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.collect import ImagesCollector
from kubectl_lrs.stores.images.connect import http_options
from kubectl_lrs.stores.images.find import ImageFilter, allowed
from kubectl_lrs.stores.images.pull_secrets import AuthEntry, Keyring, Named, Secrets
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.credentials import Config, Keychain, Login
from kubectl_lrs.stores.images.saved import Level
from tests.bed import images
from tests.bed.front import Front, Trouble
from tests.bed.ports import reserved
from tests.bed.registry import PASSWORD, USER, Registry, keys

HTML = b"<html><body><h1>404 Not Found</h1></body></html>"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


class Notes(Silent):
    """Keeps what is said, each with how many requests a front had got by then."""

    def __init__(self, front: Front | None = None) -> None:
        self.said: list[tuple[str, int]] = []
        self._front = front

    def note(self, message: str, _known: object = None) -> None:
        """One line."""
        self.said.append((message, len(self._front.log) if self._front else 0))


class Collected:
    """What became of a backup of the images that these LRS (namespace/name → image) name."""

    def __init__(
        self,
        directory: Path,
        named: Mapping[str, str],
        *,
        secrets: Mapping[str, Login] | None = None,
        only: tuple[str, ...] = (),
        level: Level = Level.COPY,
        progress: Silent | None = None,
        docker: Config | None = None,
    ) -> None:
        writer = FolderWriter(directory, "saved")
        lines = [json.dumps(_lrs(key, image)) for key, image in named.items()]
        writer.write(LRS_FILE, gzip.compress("\n".join(lines).encode()))

        def read(names: Mapping[str, Named]) -> dict[str, Secrets]:
            hosts = {image.partition("/")[0] for image in named.values()}
            known = {space: login for space, login in (secrets or {}).items() if space in names}
            return {
                space: Secrets(Keyring(AuthEntry(host, login) for host in hosts if login.password))
                for space, login in known.items()
            }

        registries = Registries(Keychain([docker] if docker else [], environment={}), http_options())
        access = Access(registries, read_secrets=read if secrets else None)
        tier = ImagesCollector(access, level, wanted=ImageFilter(registries=allowed(only)), workers=4)
        self.facts = tier.collect(writer, progress or Silent())
        document = json.loads(self.read(writer, "images.json"))
        self.states = {each["reference"]: each["state"] for each in document["images"]}
        self.reasons = {each["reference"]: each["reason"] for each in document["images"]}
        self.left_out = document["leftOut"]
        index = json.loads(self.read(writer, "images/index.json")) if level is Level.COPY else {"manifests": []}
        self.kept = [each["digest"] for each in index["manifests"]]
        self.blobs = {path.rpartition("/")[2] for path in writer.paths("images/blobs/sha256/")}

    @staticmethod
    def read(writer: FolderWriter, path: str) -> bytes:
        """A file that is in the folder."""
        with writer.reading(path) as file:
            return file.read()


def _lrs(key: str, image: str) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    metadata = {"namespace": namespace, "name": name}
    return {"metadata": metadata, "spec": {"containers": [{"image": image}], "imagePullSecrets": [{"name": "pull"}]}}


def _pushed(registry: Registry, repository: str, made: images.Image, host: str = "", **more: Any) -> str:
    images.push(registry, repository, "x", made, **more)
    return f"{host or registry.host}/{repository}:x"


# ---- one host that an LRS names, and everybody else


def _refused() -> str:
    return f"127.0.0.1:{reserved(1)[0]}"


@pytest.mark.parametrize("case", ["nobody listens", "no such name", "a certificate that is not trusted", "a login is needed"])
def test_a_registry_that_cannot_be_had_is_the_failure_of_its_images(
    case: str, registry: Registry, certificates: Path, tmp_path: Path
) -> None:
    good = _pushed(registry, "datarobot/app", images.image("good", case))
    with Registry(tmp_path / "tls", auth="htpasswd", tls=True, keys=certificates) as tls:
        plain = Registry(tmp_path / "plain", auth="htpasswd")
        with plain:
            hosts = {
                "nobody listens": _refused(),
                "no such name": "registry.invalid",
                "a certificate that is not trusted": tls.host,
                "a login is needed": plain.host,
            }
            bad = f"{hosts[case]}/tenant/app:x"
            collected = Collected(tmp_path, {"team/good": good, "tenant/odd": bad})
    assert collected.states == {good: "copied", bad: "unresolved"}
    assert len(collected.kept) == 1
    (missing,) = collected.facts["missing"]
    assert hosts[case] in str(missing), "the host is named"
    assert "tenant/odd" in str(missing), "and the LRS that names it"


def test_where_no_registry_can_be_had_there_is_no_backup(tmp_path: Path) -> None:
    named = {"a/one": f"{_refused()}/x/app:x", "a/two": f"{_refused()}/y/app:x"}
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        Collected(tmp_path, named)
    assert "--images none leaves it out" in caught.value.hint


def test_a_registry_that_is_lost_in_mid_copy_is_the_failure_of_its_images(
    registry: Registry, front: Front, tmp_path: Path
) -> None:
    good = _pushed(registry, "datarobot/good", images.image("stays"))
    bad = [_pushed(registry, f"datarobot/bad-{n}", images.image(f"goes-{n}"), front.host) for n in range(3)]
    front.troubles.append(Trouble("GET .*/blobs/", 999, 503, {"Retry-After": "0"}))
    collected = Collected(tmp_path, {"a/good": good} | {f"a/bad-{n}": name for n, name in enumerate(bad)})
    assert collected.states == {good: "copied"} | dict.fromkeys(bad, "unresolved")
    assert len(collected.facts["missing"]) == 3


def test_where_the_only_registry_is_lost_in_mid_copy_there_is_no_backup(registry: Registry, front: Front, tmp_path: Path) -> None:
    names = [_pushed(registry, f"datarobot/only-{n}", images.image(f"only-{n}"), front.host) for n in range(4)]
    front.troubles += [Trouble("GET .*/blobs/", 3), Trouble("GET .*/blobs/", 999, 503, {"Retry-After": "0"})]
    with pytest.raises(LrsError):
        Collected(tmp_path, {f"a/{n}": name for n, name in enumerate(names)})


# ---- what is not understood


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, HTML),
        (404, b""),
        (404, b'{"errors": [{"code": "UNAUTHORIZED"}]}'),
        (405, b""),
        (200, b"<html>log in</html>"),
        (400, b'{"errors": [{"code": "NAME_INVALID"}]}'),
    ],
)
def test_what_does_not_tell_is_not_called_missing(
    registry: Registry, front: Front, tmp_path: Path, status: int, body: bytes
) -> None:
    good, odd = (_pushed(registry, f"datarobot/{name}", images.image(name), front.host) for name in ("clear", "odd"))
    front.troubles.append(Trouble("/v2/datarobot/odd/manifests/", 99, status, body=body))
    collected = Collected(tmp_path, {"a/good": good, "a/odd": odd})
    assert collected.states == {good: "copied", odd: "unresolved"}
    assert collected.reasons[odd]


def test_missing_is_what_the_registry_says(registry: Registry, front: Front, tmp_path: Path) -> None:
    good = _pushed(registry, "datarobot/there", images.image("there"), front.host)
    gone = f"{front.host}/datarobot/there:gone"
    front.troubles.append(Trouble("HEAD ", 99, 404))
    collected = Collected(tmp_path, {"a/good": good, "a/gone": gone})
    assert collected.states == {good: "copied", gone: "missing"}
    assert "MANIFEST_UNKNOWN" in collected.reasons[gone]


# ---- layers that several images have


def test_a_layer_that_one_repository_lacks_comes_from_another(registry: Registry, tmp_path: Path) -> None:
    lacking, having = images.image("shared", "alone"), images.image("shared", "other")
    (layer,) = [digest for digest in lacking.blobs if digest in having.blobs]
    names = [_pushed(registry, f"datarobot/{name}", made) for name, made in (("lacking", lacking), ("having", having))]
    link = (
        registry.storage / "docker/registry/v2/repositories/datarobot/lacking/_layers/sha256" / layer.partition(":")[2] / "link"
    )
    link.unlink()
    status, _, _ = registry.call("GET", f"/v2/datarobot/lacking/blobs/{layer}")
    assert status == 404
    collected = Collected(tmp_path, {"a/lacking": names[0], "a/having": names[1]})
    assert collected.states == dict.fromkeys(names, "copied")
    assert collected.facts["missing"] == []


def test_a_layer_that_nobody_has_is_missing_for_those_that_need_it(registry: Registry, tmp_path: Path) -> None:
    first, second, third = images.image("lost", "1"), images.image("lost", "2"), images.image("kept")
    (layer,) = [digest for digest in first.blobs if digest in second.blobs]
    names = [_pushed(registry, f"datarobot/lost-{n}", made) for n, made in enumerate((first, second, third))]
    registry.blob_file(layer).unlink()
    collected = Collected(tmp_path, {f"a/{n}": name for n, name in enumerate(names)})
    assert collected.states == {names[0]: "missing", names[1]: "missing", names[2]: "copied"}


def test_each_image_has_the_reason_of_its_own_registry(registry: Registry, front: Front, tmp_path: Path) -> None:
    first, second = images.image("reasons", "1"), images.image("reasons", "2")
    (layer,) = [digest for digest in first.blobs if digest in second.blobs]
    gone = _pushed(registry, "datarobot/reason-gone", first)
    odd = _pushed(registry, "datarobot/reason-odd", second, front.host)
    registry.blob_file(layer).unlink()
    front.troubles.append(Trouble(f"/blobs/{layer}", 99, 404, body=HTML))
    collected = Collected(tmp_path, {"a/gone": gone, "a/odd": odd})
    assert collected.states == {gone: "missing", odd: "unresolved"}
    assert "BLOB_UNKNOWN" in collected.reasons[gone]
    assert "does not tell" in collected.reasons[odd]


# ---- whose credentials


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that one user may use."""
    with Registry(tmp_path_factory.mktemp("guarded"), auth="htpasswd") as running:
        yield running


ALICE, MALLORY, NONE = Login(USER, PASSWORD), Login("mallory", "guessed"), Login()
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def test_no_namespace_gets_what_anothers_secret_opens(guarded: Registry, tmp_path: Path) -> None:
    made = images.image("hers")
    hers = _pushed(guarded, "alice/app", made, headers=LOGIN)
    his = hers.replace("alice/app:x", "alice/app@" + made.digest)
    collected = Collected(tmp_path, {"alice/one": hers, "bob/one": his}, secrets={"alice": ALICE, "bob": NONE})
    assert collected.states == {hers: "copied", his: "unresolved"}
    assert "bob/one" in str(collected.facts["missing"])


def test_a_wrong_secret_of_another_namespace_takes_nothing_away(guarded: Registry, tmp_path: Path) -> None:
    made = images.image("still hers")
    hers = _pushed(guarded, "alice/still", made, headers=LOGIN)
    named = {"alice/one": hers, "mallory/one": hers}
    collected = Collected(tmp_path, named, secrets={"alice": ALICE, "mallory": MALLORY})
    assert collected.states == {hers: "copied"}


def test_a_layer_is_not_given_to_who_could_not_have_got_it(guarded: Registry, tmp_path: Path) -> None:
    """Mallory's manifest names a layer of Alice's; it would be pushed into Mallory's repository by a restore."""
    secret = images.image("private")
    hers = _pushed(guarded, "alice/private", secret, headers=LOGIN)
    with Registry(tmp_path / "mallorys") as own:
        stolen = _pushed(own, "mallory/app", secret)
        for digest in secret.blobs:
            own.blob_file(digest).unlink()
        named = {"alice/one": hers, "mallory/one": stolen}
        collected = Collected(tmp_path, named, secrets={"alice": ALICE, "mallory": MALLORY})
    assert collected.states == {hers: "copied", stolen: "missing"}
    assert len(collected.kept) == 1


# ---- which registries


def test_registries_are_said_before_they_are_contacted(registry: Registry, front: Front, tmp_path: Path) -> None:
    name = _pushed(registry, "datarobot/said", images.image("said"), front.host)
    progress = Notes(front)
    collected = Collected(tmp_path, {"a/said": name}, progress=progress)
    assert progress.said == [(f"images: contacting {front.host}", 0)]
    assert collected.facts["registries"] == [front.host]


def test_only_these_are_contacted(registry: Registry, front: Front, tmp_path: Path) -> None:
    good = _pushed(registry, "datarobot/only", images.image("only"))
    other = f"{front.host}/datarobot/only:x"
    collected = Collected(tmp_path, {"a/good": good, "a/other": other}, only=(registry.host,))
    assert front.log == []
    assert collected.states == {good: "copied"}
    assert collected.left_out == [other]
    assert collected.facts["missing"] == []
    said = [note["message"] for note in collected.facts["notes"]]
    assert any("--registry does not name" in each and front.host in each for each in said)


@pytest.mark.parametrize("level", [Level.COPY, Level.INVENTORY])
def test_registries_that_leave_every_image_out_make_no_whole_backup(front: Front, tmp_path: Path, level: Level) -> None:
    other = f"{front.host}/datarobot/only:x"
    facts = Collected(tmp_path, {"a/other": other}, only=("registry.exmaple.com",), level=level).facts
    assert front.log == []
    missing = [(each.kind, each.name, each.reason) for each in facts["missing"]]
    why = f"--registry names none of the registries that the images are in: {front.host}"
    assert missing == ([("images", "1 of 1", why)] if level is Level.COPY else [])


def test_an_inventory_notes_what_cannot_be_told(registry: Registry, front: Front, tmp_path: Path) -> None:
    name = _pushed(registry, "datarobot/listed", images.image("listed"), front.host)
    front.troubles.append(Trouble("/manifests/", 99, 404, body=HTML))
    collected = Collected(tmp_path, {"a/listed": name}, level=Level.INVENTORY)
    assert collected.states == {name: "unresolved"}
    assert collected.facts["missing"] == []
    assert "could not be looked up" in str(collected.facts["notes"])


def test_a_login_of_docker_is_everybodys(guarded: Registry, tmp_path: Path) -> None:
    """It is the user's own: images of every namespace are fetched with it, whatever their Secrets are."""
    name = _pushed(guarded, "any/app", images.image("docker"), headers=LOGIN)
    docker = Config({guarded.host: ALICE})
    collected = Collected(tmp_path, {"bob/one": name}, secrets={"bob": MALLORY}, docker=docker)
    assert collected.states == {name: "copied"}
