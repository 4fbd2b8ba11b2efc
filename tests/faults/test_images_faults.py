"""`restore` of images onto registries that answer oddly, refuse, alter what they take, or are away: through the command line."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.front import Front, Trouble
from tests.bed.registry import PASSWORD, USER, Registry
from tests.builders import imagery
from tests.conftest import Cli, Crd, installed

SPACE = "images-faults"
HTML = b"<html><body><h1>404 Not Found</h1></body></html>"


@pytest.fixture(scope="module")
def crd(plane: ControlPlane) -> Crd:
    return installed(plane)


@pytest.fixture(scope="module")
def pristine(
    plane: ControlPlane, crd: Crd, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, images.Image]]]:
    """A backup of four images and the LRS that name them."""
    with imagery.saved(plane, crd, registry, SPACE, tmp_path_factory.mktemp("pristine")) as made:
        yield made


@pytest.fixture
def made(
    pristine: tuple[Path, dict[str, images.Image]], registry: Registry, plane: ControlPlane, crd: Crd, cli: Cli
) -> Iterator[dict[str, images.Image]]:
    """The images of the backup `saved`, by tag; the registry is empty, and so is the namespace."""
    shutil.copytree(pristine[0], cli.directory / "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, SPACE))
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, SPACE), "the LRS to be gone")
    registry.destroy()
    yield {name.rpartition(":")[2]: image for name, image in pristine[1].items()}
    plane.api("DELETE", loader.objects_path(crd.api_version, SPACE))


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


def _live(plane: ControlPlane, crd: Crd) -> int:
    return len(loader.live(plane, crd.api_version, SPACE))


def _maps(registry: Registry, front: Front, *more: str) -> tuple[str, ...]:
    accepted = () if "images" in more else ("--accept-unmapped",)  # images alone need no word for what LRS still name
    return ("--map-registry", f"{registry.host}={front.host}", *accepted, *more)


def _images(text: str) -> dict[str, dict[str, Any]]:
    """By tag: the outcomes, or the steps of a plan."""
    document = json.loads(text)
    found = document.get("outcomes") or document.get("steps")
    return {each["name"].rpartition(":")[2]: each for each in found if each["tier"] == "images"}


def _results(text: str) -> dict[str, str]:
    return {tag: each["result"] for tag, each in _images(text).items()}


def _writes(front: Front) -> list[str]:
    """The requests that wrote something: uploads that were only begun do not."""
    return front.paths("PUT") + front.paths("PATCH")


# ---- what is not understood is not "not there"

TAKEN = "datarobot/custom-apps/managed-image"

HEADS = {
    "404": Trouble("HEAD .*/manifests/", 99, 404),
    "405": Trouble("HEAD .*/manifests/", 99, 405),
    "200 without a digest": Trouble("HEAD .*/manifests/", 99, 200),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_registry_that_knows_no_head_keeps_its_tags(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli, case: str
) -> None:
    other = images.push(registry, TAKEN, "one", images.image("other", case))
    head = HEADS[case]
    front.troubles.append(Trouble(head.pattern, 99, head.status))
    done = cli.run("restore", "saved", *_maps(registry, front, "--tier", "images", "-o", "json"))
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout) == {"one": "conflict", "two": "created", "three": "created", "four": "created"}
    assert registry.tags(TAKEN)["one"] == other
    for tag in ("two", "three", "four"):
        images.held(registry, next(name for name in registry.repositories() if tag in registry.tags(name)), made[tag])


UNCLEAR = {
    "a page": (404, HTML),
    "nothing": (404, b""),
    "a refusal in disguise": (404, b'{"errors": [{"code": "UNAUTHORIZED"}]}'),
    "not allowed": (405, b""),
    "a page that logs in": (200, b"<html>log in</html>"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_cannot_be_told_is_never_written(
    registry: Registry, made: dict[str, images.Image], front: Front, plane: ControlPlane, crd: Crd, cli: Cli, case: str
) -> None:
    other = images.push(registry, TAKEN, "one", images.image("other", case))
    status, body = UNCLEAR[case]
    front.troubles.append(Trouble("(GET|HEAD) .*/manifests/one", 99, status, body=body))
    maps = _maps(registry, front, "--images-existing", "replace", "--yes", "-o", "json")
    planned = cli.run("restore", "saved", *maps, "--dry-run=client")
    assert _images(planned.stdout)["one"]["reason"].startswith("cannot tell what is there: ")
    assert _writes(front) == []
    done = cli.run("restore", "saved", *maps)
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout)["one"] == "conflict"
    assert registry.tags(TAKEN)["one"] == other
    assert not any("/manifests/one" in path for path in _writes(front))
    assert {_results(done.stdout)[tag] for tag in ("two", "three", "four")} == {"created"}
    assert _live(plane, crd) == 4, "one image keeps nothing else from being restored"


def test_a_last_look_that_tells_nothing_writes_nothing(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli
) -> None:
    other = images.push(registry, TAKEN, "one", images.image("other"))
    front.troubles.append(Trouble("GET .*/manifests/one", 99, 404, body=HTML, skip=1))
    maps = _maps(registry, front, "--images-existing", "replace", "--yes", "--tier", "images", "-o", "json")
    done = cli.run("restore", "saved", *maps)
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout)["one"] == "failed"
    assert registry.tags(TAKEN)["one"] == other
    assert not any(path.endswith("/manifests/one") for path in _writes(front))


@pytest.mark.parametrize(("status", "body"), [(404, HTML), (200, b"<html>log in</html>")])
def test_a_trial_that_tells_nothing_writes_nothing(
    registry: Registry,
    made: dict[str, images.Image],
    front: Front,
    plane: ControlPlane,
    crd: Crd,
    cli: Cli,
    status: int,
    body: bytes,
) -> None:
    front.troubles.append(Trouble("POST .*base-image/blobs/uploads/", 99, status, body=body))
    done = cli.run("restore", "saved", *_maps(registry, front, "-o", "json"))
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout) == {"one": "created", "two": "created", "three": "created", "four": "conflict"}
    assert "cannot tell whether it may be pushed" in _images(done.stdout)["four"]["message"]
    assert not any("base-image" in path for path in _writes(front))
    assert _live(plane, crd) == 4
    front.troubles[:] = [Trouble("POST .*/blobs/uploads/", 99, status, body=body)]
    registry.destroy()
    refused = cli.run("restore", "saved", *_maps(registry, front))
    assert refused.returncode == 5, "where none of them can be tried nothing is restored"
    assert "cannot be tried" in refused.stderr
    assert registry.repositories() == []


# ---- what a registry makes of what it takes


def _restored(cli: Cli, registry: Registry, front: Front, *more: str) -> dict[str, dict[str, Any]]:
    done = cli.run("restore", "saved", *_maps(registry, front, "--tier", "images", "-o", "json", *more))
    assert done.returncode == 3, done.stderr
    return _images(done.stdout)


def _again(image: images.Image) -> bytes:
    """The same manifest, written in another way."""
    return json.dumps(json.loads(image.manifests[image.digest][1])).encode()


def test_a_manifest_that_is_written_anew_is_altered(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli
) -> None:
    body = _again(made["one"])
    kind = {"Content-Type": made["one"].manifests[made["one"].digest][0], "Docker-Content-Digest": images.digest(body)}
    front.troubles.append(Trouble("GET .*/manifests/one", 99, 200, kind, body=body, skip=2))
    found = _restored(cli, registry, front)
    assert found["one"]["result"] == "altered"
    assert f"has {images.digest(body)} under this tag, not {made['one'].digest}" in found["one"]["message"]
    assert {found[tag]["result"] for tag in ("two", "three", "four")} == {"created"}


def test_a_media_type_that_is_another_is_altered(
    registry: Registry, made: dict[str, images.Image], front: Front, pristine: tuple[Path, dict[str, images.Image]], cli: Cli
) -> None:
    """A manifest says its type itself; one that does not is what the registry's header says."""
    media_type, data = made["one"].manifests[made["one"].digest]
    document = json.loads(data)
    assert document["mediaType"] == media_type
    other = json.dumps({**document, "mediaType": images.TYPES["docker"]["manifest"]}).encode()
    front.troubles.append(Trouble("GET .*/manifests/one", 99, 200, {"Content-Type": "application/json"}, body=other, skip=2))
    assert _restored(cli, registry, front)["one"]["result"] == "altered"


def test_an_image_that_is_not_there_by_its_digest_is_altered(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli
) -> None:
    said = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
    front.troubles.append(Trouble(f"GET .*/manifests/{made['one'].digest}", 99, 404, body=said))
    found = _restored(cli, registry, front)
    assert found["one"]["result"] == "altered"
    assert "does not have it by its digest" in found["one"]["message"]


def test_a_tag_that_was_taken_and_is_not_there_is_failed(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli
) -> None:
    front.troubles.append(Trouble("PUT .*/manifests/one", 99, 201))
    found = _restored(cli, registry, front)
    assert found["one"]["result"] == "failed"
    assert "took it and does not have it" in found["one"]["message"]


@pytest.mark.parametrize("how", ["it is not kept", "it is given back as another"])
def test_a_part_of_an_index_that_the_registry_does_not_keep(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli, how: str
) -> None:
    """Such as attestations, which some registries take and drop: the tag is not written then."""
    child, (media_type, data) = next(iter(made["four"].manifests.items()))
    if how == "it is not kept":
        front.troubles.append(Trouble(f"PUT .*/manifests/{child}", 99, 201))
    else:
        other = json.dumps(json.loads(data)).encode()
        front.troubles.append(Trouble(f"GET .*/manifests/{child}", 99, 200, {"Content-Type": media_type}, body=other))
    found = _restored(cli, registry, front)
    assert found["four"]["result"] == "failed"
    assert "four" not in registry.tags("datarobot/base-image")


def test_a_tag_is_only_moved_when_what_replaces_it_is_there(
    registry: Registry, made: dict[str, images.Image], front: Front, cli: Cli
) -> None:
    other = images.push(registry, TAKEN, "one", images.image("other"))
    front.troubles.append(
        Trouble(f"PUT .*/manifests/{made['one'].digest}", 99, 400, body=b'{"errors": [{"code": "MANIFEST_INVALID"}]}')
    )
    found = _restored(cli, registry, front, "--images-existing", "replace", "--yes")
    assert found["one"]["result"] == "failed"
    assert registry.tags(TAKEN)["one"] == other


# ---- what the trial cannot see

REFUSALS = {
    "an immutable tag": Trouble(
        "PUT .*/manifests/one", 99, 400, body=b'{"errors": [{"code": "TAG_INVALID", "message": "immutable"}]}'
    ),
    "a quota": Trouble("PUT .*/manifests/one", 99, 403, body=b'{"errors": [{"code": "DENIED", "message": "quota"}]}'),
    "a limit of a proxy": Trouble("PUT .*custom-apps.*/blobs/uploads/", 99, 413, body=b"<html>413</html>"),
    "out of order": Trouble("PUT .*/manifests/one", 99, 503, {"Retry-After": "0"}, body=HTML),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_that_images_and_lrs_are_restored(
    registry: Registry, made: dict[str, images.Image], front: Front, plane: ControlPlane, crd: Crd, cli: Cli, case: str
) -> None:
    trouble = REFUSALS[case]
    front.troubles.append(Trouble(trouble.pattern, 99, trouble.status, trouble.headers, body=trouble.body))
    done = cli.run("restore", "saved", *_maps(registry, front, "-o", "json"))
    assert done.returncode == 3, done.stderr
    found = _results(done.stdout)
    assert found["one"] == "failed"
    assert (found["three"], found["four"]) == ("created", "created")
    assert "one" not in (registry.tags(TAKEN) if TAKEN in registry.repositories() else {})
    assert _live(plane, crd) == 4


# ---- registries that are away


@pytest.fixture
def two(registry: Registry, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Iterator[Front]:
    """A backup `two` of two images, one of a registry behind a front; both registries are empty."""
    with Front(registry) as front:
        for number, host in enumerate((registry.host, front.host)):
            name = f"{host}/datarobot/managed-image:tag-{number}"
            images.push(registry, *imagery.repository_of(name), images.image("two", str(number)))
            loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, number, name)])
        cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "two")
        plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
        loader.wait_until(lambda: not loader.live(plane, crd.api_version, namespace), "the LRS to be gone")
        registry.destroy()
        front.log.clear()
        yield front


def test_a_registry_that_is_away_is_its_images_failure(
    registry: Registry, two: Front, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    two.__exit__()
    done = cli.run("restore", "two", "-o", "json")
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout) == {"tag-0": "created", "tag-1": "conflict"}
    assert "cannot be reached" in _images(done.stdout)["tag-1"]["message"]
    assert len(loader.live(plane, crd.api_version, namespace)) == 2
    two.__enter__()


def test_one_that_goes_away_in_mid_push_is_its_images_failure(
    registry: Registry, two: Front, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    two.troubles.append(Trouble("PUT ", 999, 503, {"Retry-After": "0"}))
    done = cli.run("restore", "two", "-o", "json")
    assert done.returncode == 3, done.stderr
    assert _results(done.stdout) == {"tag-0": "created", "tag-1": "failed"}
    assert len(loader.live(plane, crd.api_version, namespace)) == 2


def test_where_all_are_away_nothing_is_restored(
    registry: Registry, two: Front, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    registry.stop()
    two.__exit__()
    done = cli.run("restore", "two", "-o", "json")
    two.__enter__()
    registry.start()
    assert done.returncode == 5, done.stderr
    assert "cannot be reached" in done.stderr
    assert loader.live(plane, crd.api_version, namespace) == []


def test_only_the_registries_that_are_named_are_contacted(
    registry: Registry, two: Front, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    done = cli.run("restore", "two", "--registry", registry.host, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert _results(done.stdout) == {"tag-0": "created", "tag-1": "skipped"}
    assert f"images: contacting {registry.host}\n" in done.stderr
    assert two.log == []
    refused = cli.run("restore", "two", "--registry", "no host")
    assert refused.returncode == 2
    assert "--registry 'no host': not the name of a registry" in refused.stderr


# ---- whose Secrets


def test_a_restore_into_another_namespace_uses_the_secrets_there(
    registry: Registry, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    with Registry(tmp_path / "guarded", auth="htpasswd") as guarded:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        made = images.image("mapped")
        images.push(guarded, "team/app", "x", made, {"Authorization": f"Basic {login}"})
        lrs = imagery.lrs(crd.api_version, crd.kind, namespace, 1, f"{guarded.host}/team/app:x")
        lrs["spec"]["template"]["imagePullSecrets"] = [{"name": "pull"}]
        loader.create_many(plane, [lrs])
        target = f"{namespace}-target"
        loader.create_namespace(plane, target)
        try:
            for space, password in ((namespace, PASSWORD), (target, "another one")):
                _create_secret(plane, space, guarded.host, password)
            flags = ("--registry-pull-secrets", "-o", "json")
            cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "mapped", "--registry-pull-secrets")
            guarded.destroy()
            mapped = ("restore", "mapped", "--map-namespace", f"{namespace}={target}", "--tier", "images", *flags)
            refused = cli.run(*mapped)
            assert refused.returncode == 5, refused.stderr
            assert f"Secret {target}/pull" in refused.stderr
            plane.api("DELETE", f"/api/v1/namespaces/{target}/secrets/pull")
            _create_secret(plane, target, guarded.host, PASSWORD)
            assert _results(cli.ok(*mapped)) == {"x": "created"}
            images.held(guarded, "team/app", made, {"Authorization": f"Basic {login}"})
        finally:
            loader.delete_namespace(plane, target, wait=False)


def _create_secret(plane: ControlPlane, namespace: str, host: str, password: str) -> None:
    config = json.dumps({"auths": {host: {"username": USER, "password": password}}})
    data = {".dockerconfigjson": base64.b64encode(config.encode()).decode()}
    secret = {"metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
    plane.api("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
