"""`restore` of images: conflicts, mapping to another registry, rights that are missing, interruption."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.front import Front, Trouble
from tests.bed.loader import PATIENCE
from tests.bed.registry import Registry, keys, signing_key
from tests.bed.tokens import TokenServer
from tests.builders import imagery
from tests.conftest import Cli, Crd, installed

SPACE = "images-restore"


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Where images move to."""
    with Registry(tmp_path_factory.mktemp("new")) as running:
        yield running


@pytest.fixture(scope="module")
def crd(plane: ControlPlane) -> Crd:
    return installed(plane)


@pytest.fixture(scope="module")
def pristine(
    plane: ControlPlane, crd: Crd, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, images.Image]]]:
    """A backup of four images and the LRS that name them; the LRS are gone."""
    directory = tmp_path_factory.mktemp("pristine")
    with imagery.saved(plane, crd, registry, SPACE, directory, mirror=f"http://{registry.host}/v2/") as made:
        yield made


@pytest.fixture
def made(
    pristine: tuple[Path, dict[str, images.Image]], registry: Registry, plane: ControlPlane, crd: Crd, cli: Cli
) -> Iterator[dict[str, images.Image]]:
    """The images of the backup `saved`; the registry is empty, and so is the namespace."""
    shutil.copytree(pristine[0], cli.directory / "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, SPACE))
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, SPACE), "the LRS to be gone")
    registry.destroy()
    yield pristine[1]
    plane.api("DELETE", loader.objects_path(crd.api_version, SPACE))


def _live(plane: ControlPlane, crd: Crd) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in loader.live(plane, crd.api_version, SPACE)}


def _items(text: str) -> dict[str, str]:
    return {each["name"]: each["result"] for each in json.loads(text)["outcomes"] if each["tier"] == "images"}


# ---- conflicts


def test_a_tag_with_another_digest_is_left_alone_unless_it_is_to_be_replaced(
    registry: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    taken = next(iter(made))
    repository, tag = imagery.repository_of(taken)
    other = images.push(registry, repository, tag, images.image("other"))
    done = cli.run("restore", "saved", "-o", "json")
    assert done.returncode == 3, done.stderr
    assert _items(done.stdout) == {taken: "conflict"} | dict.fromkeys(list(made)[1:], "created")
    assert registry.tags(repository)[tag] == other
    assert len(_live(plane, crd)) == 4, "a conflict of one image keeps nothing else from being restored"
    asked = cli.run("restore", "saved", "--images-existing", "replace")
    assert asked.returncode == 2
    assert "replace 1 image tags" in asked.stderr
    assert registry.tags(repository)[tag] == other
    shown = cli.ok("restore", "saved", "--images-existing", "replace", "--dry-run=client")
    assert f"it is {other} there" in shown
    again = cli.ok("restore", "saved", "--images-existing", "replace", "--yes", "-o", "json")
    assert _items(again) == {taken: "replaced"} | dict.fromkeys(list(made)[1:], "unchanged")
    images.held(registry, repository, made[taken])
    assert registry.tags(repository)[tag] == made[taken].digest


@pytest.mark.parametrize("how", ["client", "server"])
def test_a_dry_run_writes_nothing(registry: Registry, made: dict[str, images.Image], cli: Cli, how: str) -> None:
    done = cli.run("restore", "saved", "--tier", "images", f"--dry-run={how}", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert registry.repositories() == []
    assert not list(registry.storage.rglob("data"))


def test_tiers_can_be_restored_apart(
    registry: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    cli.ok("restore", "saved", "--tier", "resources")
    assert (len(_live(plane, crd)), registry.repositories()) == (4, [])
    plane.api("DELETE", loader.objects_path(crd.api_version, SPACE))
    loader.wait_until(lambda: not _live(plane, crd), "the LRS to be gone")
    cli.ok("restore", "saved", "--tier", "images")
    assert (_live(plane, crd), len(registry.repositories())) == ({}, 3)


# ---- another registry


def test_images_go_to_another_registry_and_specs_name_them_there(
    registry: Registry, new: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    maps = (
        "--map-registry",
        f"{registry.host}={new.host}/moved",
        "--map-registry",
        f"{registry.host}/managed-image={new.host}/mi",
    )
    done = cli.run("restore", "saved", *maps, "-o", "json")
    assert done.returncode == 3, done.stderr
    assert "1 string still names a registry that is mapped" in done.stderr
    assert f"app-0: spec.env.MIRROR: http://{registry.host}/v2/" in done.stderr
    assert registry.repositories() == []
    live = _live(plane, crd)
    for number, (name, image) in enumerate(made.items()):
        repository, tag = imagery.repository_of(name)
        place = "mi" if repository == "managed-image" else f"moved/{repository}"
        assert new.tags(place)[tag] == image.digest
        images.held(new, place, image)
        original = imagery.lrs(crd.api_version, crd.kind, SPACE, number, f"{new.host}/{place}:{tag}")["spec"]
        if number == 0:
            original["env"]["MIRROR"] = f"http://{registry.host}/v2/"
        assert live[f"app-{number}"]["spec"] == {"replicas": 1, "paused": False, **original}, "images alone are rewritten"
    accepted = cli.ok("restore", "saved", *maps, "--accept-unmapped", "-o", "json")
    assert set(_items(accepted).values()) == {"unchanged"}
    assert {each["result"] for each in json.loads(accepted)["outcomes"]} == {"unchanged"}


@pytest.mark.parametrize("bad", ["a", "a=b", "reg.example.com=", "=reg.example.com", "reg.example.com=REG/x/Y", "r.io=r.io"])
def test_bad_mapping(made: dict[str, images.Image], cli: Cli, bad: str) -> None:
    done = cli.run("restore", "saved", "--map-registry", bad)
    assert done.returncode == 2
    assert f"--map-registry {bad!r}: write it as OLD=NEW" in done.stderr


@pytest.mark.parametrize("tiers", [(), ("--tier", "images"), ("--tier", "resources")])
def test_a_registry_that_no_image_is_in_is_said(
    made: dict[str, images.Image], registry: Registry, cli: Cli, tiers: tuple[str, ...]
) -> None:
    """A slip in OLD maps nothing, and all would go where it came from."""
    said = f"no image of the backup is in {registry.host}/datarobt"
    of_lrs = f"no LRS that is to be restored names an image in {registry.host}/datarobt"
    slip = ("--map-registry", f"{registry.host}/datarobt={registry.host}/x")
    done = cli.run("restore", "saved", *slip, *tiers, "--dry-run=client")
    assert (said in done.stderr) is ("resources" not in tiers), done.stderr
    assert (of_lrs in done.stderr) is ("images" not in tiers), done.stderr
    fits = ("--map-registry", f"{registry.host}/datarobot={registry.host}/x")
    done = cli.run("restore", "saved", *slip, *fits, *tiers, "--dry-run=client")
    assert of_lrs not in done.stderr, "of several in an installation file one may be of other LRS"


def test_paths_can_be_mapped_onto_one(registry: Registry, made: dict[str, images.Image], cli: Cli) -> None:
    host = registry.host
    maps = [f"{host}/datarobot/base-image={host}/x", f"{host}/datarobot/custom-apps/managed-image={host}/x"]
    cli.ok("restore", "saved", "--accept-unmapped", *(f"--map-registry={each}" for each in maps))
    assert set(registry.tags("x")) == {"one", "two", "four"}


def test_two_images_that_would_become_one(registry: Registry, plane: ControlPlane, crd: Crd, cli: Cli, namespace: str) -> None:
    names = [f"{registry.host}/{folder}/managed-image:x" for folder in ("a", "b")]
    for number, name in enumerate(names):
        images.push(registry, *imagery.repository_of(name), images.image(name))
        loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, number, name)])
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "both")
    maps = [f"--map-registry={registry.host}/{folder}={registry.host}/c" for folder in ("a", "b")]
    done = cli.run("restore", "both", *maps)
    assert done.returncode == 2, done.stderr
    assert f"{names[0]} and {names[1]} would both become {registry.host}/c/managed-image:x" in done.stderr
    assert "c/managed-image" not in registry.repositories()


# ---- rights


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    certificates = keys(tmp_path_factory.mktemp("keys"))
    with (
        TokenServer(signing_key(certificates), users={"": ("", {"pull", "push", "delete"})}) as tokens,
        Registry(tmp_path_factory.mktemp("guarded"), auth="token", keys=certificates, tokens=tokens) as running,
    ):
        yield running


def test_repositories_without_the_right_to_push_are_found_before_anything_is_written(
    registry: Registry, guarded: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    assert guarded.tokens
    guarded.tokens.granted = {"datarobot/base-image": {"pull"}, "managed-image": {"pull"}}
    maps = ("--map-registry", f"{registry.host}={guarded.host}")
    done = cli.run("restore", "saved", *maps)
    assert done.returncode == 5, done.stderr
    for repository in guarded.tokens.granted:
        assert f"error: {guarded.host}/{repository}: it may not be pushed to" in done.stderr
    assert "custom-apps" not in done.stderr
    assert guarded.repositories() == []
    assert not list(guarded.storage.rglob("data"))
    assert _live(plane, crd) == {}
    guarded.tokens.granted = {}
    cli.ok("restore", "saved", *maps, "--accept-unmapped")
    assert len(guarded.repositories()) == 3


def test_a_repository_that_does_not_exist(
    registry: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "The repository does not exist"}]}).encode()
    with Front(registry, troubles=[Trouble("POST /v2/x/datarobot/base-image", 9, 404, body=body)]) as front:
        done = cli.run("restore", "saved", "--map-registry", f"{registry.host}={front.host}/x")
    assert done.returncode == 5
    assert "x/datarobot/base-image: the repository does not exist: NAME_UNKNOWN" in done.stderr
    assert registry.repositories() == []
    assert _live(plane, crd) == {}


# ---- trouble on the way


def test_one_image_that_is_refused_does_not_stop_the_others(registry: Registry, made: dict[str, images.Image], cli: Cli) -> None:
    said = b'{"errors":[{"code":"DENIED","message":"quota"}]}'
    with Front(registry, troubles=[Trouble("PUT .*/manifests/four", 9, 403, body=said)]) as front:
        maps = ("--map-registry", f"{registry.host}={front.host}", "--tier", "images")
        done = cli.run("restore", "saved", *maps, "-o", "json")
        assert done.returncode == 3, done.stderr
        results = {name.rpartition(":")[2]: result for name, result in _items(done.stdout).items()}
        assert results == {"one": "created", "two": "created", "three": "created", "four": "failed"}
        assert "quota" in done.stdout
        assert "four" not in registry.tags("datarobot/base-image")
        again = cli.ok("restore", "saved", *maps, "-o", "json") if not front.troubles.clear() else ""
        assert sorted(_items(again).values()) == ["created", "unchanged", "unchanged", "unchanged"]


def test_interrupted_no_tag_names_what_is_not_whole_and_the_next_run_does_the_rest(
    registry: Registry, made: dict[str, images.Image], plane: ControlPlane, crd: Crd, cli: Cli
) -> None:
    trouble = Trouble("PUT .*datarobot/base-image/blobs/", held=threading.Event())
    with Front(registry, troubles=[trouble]) as front:
        maps = ("--map-registry", f"{registry.host}={front.host}", "--accept-unmapped")
        running = cli.start("restore", "saved", *maps, "-o", "json")
        assert trouble.seen.wait(PATIENCE)
        running.send_signal(signal.SIGINT)
        trouble.held.set()  # type: ignore[union-attr]
        text, said = running.communicate(timeout=PATIENCE)
        assert running.returncode == 130, said
        assert "not tried" in _items(text).values()
        assert _live(plane, crd) == {}
        for repository in registry.repositories():
            for digest in registry.tags(repository).values():
                images.held(registry, repository, next(each for each in made.values() if each.digest == digest))
        cli.ok("restore", "saved", *maps)
    assert {tag for name in registry.repositories() for tag in registry.tags(name)} == {"one", "two", "three", "four"}


def test_a_registry_that_changes_after_the_plan_is_not_overwritten(
    registry: Registry, made: dict[str, images.Image], cli: Cli
) -> None:
    trouble = Trouble("PUT .*datarobot/base-image/blobs/", held=threading.Event())
    with Front(registry, troubles=[trouble]) as front:
        running = cli.start(
            *("restore", "saved", "--map-registry", f"{registry.host}={front.host}", "--tier", "images", "-o", "json")
        )
        assert trouble.seen.wait(PATIENCE)
        other = images.push(registry, "datarobot/base-image", "four", images.image("faster"))
        trouble.held.set()  # type: ignore[union-attr]
        text, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 3, said
    assert [name.rpartition(":")[2] for name, result in _items(text).items() if result == "conflict"] == ["four"]
    assert registry.tags("datarobot/base-image")["four"] == other
