"""The layout and the list of a backup, read without trust; and which images a registry has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.clients.http.client import HttpOptions
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.inspect import presences
from kubectl_lrs.stores.images.layout import Layout
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.credentials import Keychain
from kubectl_lrs.stores.images.saved import saved
from tests.bed import images
from tests.bed.controlplane import ControlPlane
from tests.bed.front import Front, Trouble
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.builders.reseal import rewrite
from tests.conftest import Cli, Crd, installed

SPACE = "images-layout"


def reseal(folder: Path) -> None:
    """As if it had been sealed so."""
    rewrite(folder, lambda objects: objects)


@pytest.fixture(scope="module")
def pristine(
    plane: ControlPlane, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, images.Image]]]:
    """A backup of four images."""
    crd = installed(plane)
    with imagery.saved(plane, crd, registry, SPACE, tmp_path_factory.mktemp("pristine")) as made:
        yield made


@pytest.fixture
def folder(pristine: tuple[Path, dict[str, images.Image]], cli: Cli) -> Path:
    shutil.copytree(pristine[0], cli.directory / "saved")
    return cli.directory / "saved"


def test_every_image_is_whole(folder: Path, pristine: tuple[Path, dict[str, images.Image]]) -> None:
    layout = Layout(SealedFolder.open(folder))
    assert set(layout.named) == set(pristine[1])
    for name, image in pristine[1].items():
        tree = layout.tree(name)
        assert {digest: (each.media_type, each.data) for digest, each in tree.manifests.items()} == image.manifests
        assert set(tree.blobs) == set(image.blobs)


def _index(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "images/index.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def _list(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "images.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def _first(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["manifests"][0].__setitem__(key, value)


def _image(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["images"][0].__setitem__(key, value)


def _remove_blob(folder: Path) -> None:
    max((folder / "images/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size).unlink()


def _alter_manifest(folder: Path) -> None:
    digest = json.loads((folder / "images/index.json").read_text())["manifests"][0]["digest"]
    path = folder / "images/blobs/sha256" / digest.partition(":")[2]
    path.write_bytes(path.read_bytes() + b" ")


def _grow_blob(folder: Path) -> None:
    path = max((folder / "images/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes() + b"x")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a digest that is a path": (_index(_first("digest", "sha256:../../../../etc/passwd")), "not the index of an OCI layout"),
    "a digest that cannot be checked": (_index(_first("digest", f"md5:{'a' * 32}")), "not the index of an OCI layout"),
    "no name": (_index(_first("annotations", {})), "not the index of an OCI layout"),
    "a size that is none": (_index(_first("size", -1)), "not the index of an OCI layout"),
    "manifests that are no list": (
        _index(lambda document: document.update(manifests={"a": 1})),
        "not the index of an OCI layout",
    ),
    "an image that the index does not name": (_index(lambda document: document["manifests"].pop()), "it does not name"),
    "another manifest than its digest": (_alter_manifest, "it is not what its name says"),
    "a blob that is not there": (_remove_blob, "cannot be read"),
    "a blob of another size": (_grow_blob, "as its manifest says"),
    "an index within an index without end": (_index(_first("digest", f"sha256:{'0' * 64}")), "cannot be read"),
    "a layout of another version": (
        lambda folder: (folder / "images/oci-layout").write_text('{"imageLayoutVersion": "9.0.0"}') and None,
        "is not known",
    ),
    "a reference that is none": (_list(_image("reference", "../../x")), "not a list of images"),
    "a state that is none": (_list(_image("state", "perfect")), "not a list of images"),
    "no digest": (_list(_image("digest", "")), "not a list of images"),
    "a list that is none": (lambda folder: (folder / "images.json").write_text("[]") and None, "not a list of images"),
    "a list of another kind": (_list(lambda document: document.update(kind="x")), "not a list of images"),
    "an image twice": (_list(lambda document: document["images"].append(document["images"][0])), "not a list of images"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_layout_that_was_tampered_with_is_refused_before_anything_is_pushed(
    folder: Path, registry: Registry, cli: Cli, case: str
) -> None:
    edit, message = HOSTILE[case]
    edit(folder)
    reseal(folder)
    registry.destroy()
    done = cli.run("restore", "saved", "--tier", "images")
    assert done.returncode == 4, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert registry.repositories() == []


def test_a_list_of_a_newer_format_says_so(folder: Path, cli: Cli) -> None:
    _list(lambda document: document.update(formatVersion=2))(folder)
    reseal(folder)
    done = cli.run("restore", "saved", "--tier", "images")
    assert done.returncode == 2
    assert "format 2 is newer than this program reads" in done.stderr


def test_a_manifest_that_names_a_blob_by_a_path(folder: Path, registry: Registry, cli: Cli) -> None:
    """The digest of such a manifest is right: what it says is not."""
    made = images.image("evil")
    media_type, data = made.manifests[made.digest]
    document = json.loads(data)
    document["layers"][0]["digest"] = "sha256:../../../../../../etc/hostname"
    evil = json.dumps(document).encode()
    digest = images.digest(evil)
    (folder / "images/blobs/sha256" / digest.partition(":")[2]).write_bytes(evil)
    entry = {"mediaType": media_type, "digest": digest, "size": len(evil)}
    _index(lambda document: document["manifests"][0].update(entry))(folder)
    name = json.loads((folder / "images/index.json").read_text())["manifests"][0]["annotations"][
        "org.opencontainers.image.ref.name"
    ]
    _list(lambda document: next(each for each in document["images"] if each["reference"] == name).update(digest=digest))(folder)
    reseal(folder)
    registry.destroy()
    done = cli.run("restore", "saved", "--tier", "images")
    assert done.returncode == 4, done.stderr
    assert "not a manifest of an image" in done.stderr
    assert registry.repositories() == []


# ---- what is there


def test_which_images_a_registry_has(registry: Registry, tmp_path: Path) -> None:
    made = images.image("present")
    images.push(registry, "a/b", "x", made)
    with Front() as front:
        away = front.host
    names = [f"{registry.host}/a/b:x", f"{registry.host}/a/b@{made.digest}", f"{registry.host}/a/b:y", f"{registry.host}/c:x"]
    references = [parse(name) for name in (*names, f"{away}/a:x", f"{away}/b:x")]
    access = Access(Registries(Keychain([], environment={}), HttpOptions()))
    found = {each.reference: each for each in presences(references, access, workers=2)}
    assert [found[each].is_missing for each in references] == [False, False, True, True, False, False]
    assert all(isinstance(found[each].error, UnreachableError) for each in references[4:])
    assert not any(isinstance(found[each].error, LrsError) for each in references[:4])


def test_a_registry_that_knows_no_head_has_its_images(registry: Registry, tmp_path: Path) -> None:
    """What it does not tell at all is not missing either: nobody could say."""
    images.push(registry, "a/b", "x", images.image("present"))
    page = Trouble("GET .*/manifests/odd", 9, 404, body=b"<html>404 Not Found</html>")
    with Front(registry, troubles=[Trouble("HEAD ", 99, 404), page]) as front:
        references = [parse(f"{front.host}/a/b:{tag}") for tag in ("x", "gone", "odd")]
        access = Access(Registries(Keychain([], environment={}), HttpOptions()))
        there, gone, odd = sorted(presences(references, access, workers=1), key=lambda each: references.index(each.reference))
    assert (there.is_missing, there.error) == (False, None)
    assert (gone.is_missing, gone.error) == (True, None)
    assert not odd.is_missing
    assert isinstance(odd.error, LrsError)


def test_a_backup_without_images_has_no_list(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", namespace, "--name", "plain", "--allow-empty")
    assert saved(SealedFolder.open(cli.directory / "plain")) is None
    done = cli.run("restore", "plain", "--tier", "images")
    assert done.returncode == 2
    assert "the backup holds no images" in done.stderr
