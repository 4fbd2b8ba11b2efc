"""The drill over all five stores at once, and the failure of each in turn: no backup, or a restore that the same command ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.builders import world as worlds
from tests.builders.world import World
from tests.conftest import Cli, installed

NAMESPACE = "drilled"
AWAY = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300"


@pytest.fixture(scope="module")
def lasting(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The installation, with a backup `saved` of all of it in the folder `saved` beside it."""
    crd = installed(plane)
    directory = tmp_path_factory.mktemp("world")
    with worlds.standing(plane, crd, NAMESPACE, standalone, registry, directory) as made:
        yield made


@pytest.fixture
def world(lasting: World) -> World:
    """Whole again."""
    lasting.mend()
    return lasting


def run(cli: Cli, world: World, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command of an administrator who has exported where the stores are."""
    done = cli.run(*arguments, env=worlds.environment(world, **environment))
    assert "Traceback" not in done.stderr, done.stderr
    assert "this is a bug" not in done.stderr, done.stderr
    return done


def save(cli: Cli, world: World, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(cli, world, "backup", "-n", NAMESPACE, "--profile", "complete", **environment)


RESTORE = ("restore", "latest", "--install-crd", "--create-namespaces")


def test_all_is_lost_and_comes_back(world: World, cli: Cli) -> None:
    before = world.content()
    assert {name: len(found) for name, found in before.items()} == {"lrs": 4, "mongo": 6, "images": 1, "files": 6}
    done = save(cli, world)
    assert done.returncode == 0, done.stderr
    world.destroy()
    assert {name: len(found) for name, found in world.content().items()} == dict.fromkeys(before, 0)
    done = run(cli, world, *RESTORE, "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert not any(world.content().values())
    assert "core-credentials does not exist, and did at backup" in done.stderr
    loader.create_namespace(world.plane, NAMESPACE)
    world.set_keys("first")  # which the administrator has, as the backup has none
    done = run(cli, world, *RESTORE, "--yes", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {each["result"] for each in json.loads(done.stdout)["outcomes"]} == {"created"}
    assert world.content() == before
    again = run(cli, world, *RESTORE, "-o", "json")
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    assert {each["result"] for each in report["outcomes"]} == {"unchanged"}
    assert run(cli, world, "diff", "latest").returncode == 0
    said = json.loads(run(cli, world, "check", "-n", NAMESPACE, "--profile", "complete", "-o", "json").stdout)
    assert (said["findings"], [each["part"] for each in said["unchecked"]]) == ([], [])


# ---- the failure of each store in turn


@contextmanager
def _registry_down(world: World) -> Iterator[None]:
    world.registry.stop()
    yield
    world.registry.start()


@contextmanager
def _storage_down(world: World) -> Iterator[None]:
    away = world.root.with_suffix(".away")
    world.root.rename(away)
    yield
    away.rename(world.root)


@contextmanager
def _cluster_down(world: World) -> Iterator[None]:
    world.plane.kill_apiserver()
    yield
    world.plane.start_apiserver()


@contextmanager
def _nothing(_world: World) -> Iterator[None]:
    yield


Down = Callable[[World], AbstractContextManager[None]]
FAILURES: dict[str, tuple[Down, dict[str, str], str]] = {
    "mongo": (_nothing, {"LRS_MONGO_URI": AWAY}, "--mongo none"),
    "images": (_registry_down, {}, "--images none"),
    "files": (_storage_down, {}, "--files none"),
    "deployments": (_nothing, {"LRS_DATAROBOT_URL": "http://127.0.0.1:9"}, "--no-deployments"),
}
"""Store → (what takes it away, what is given instead, the flag of `backup` that leaves it out)."""


@pytest.mark.parametrize("store", FAILURES)
def test_no_backup_without_a_store_that_was_asked_for(world: World, cli: Cli, store: str) -> None:
    takes_away, environment, flag = FAILURES[store]
    asked = ["--deployments"] if store == "deployments" else []  # the profile asks for the others
    with takes_away(world):
        done = run(cli, world, "backup", "-n", NAMESPACE, "--profile", "complete", *asked, **environment)
        assert done.returncode in (1, 5), done.stdout + done.stderr
        assert flag in done.stderr
        assert not list(cli.directory.glob("lrs_backup_*")), "a backup that failed looks like none"
        without = run(cli, world, "backup", "-n", NAMESPACE, "--profile", "complete", *flag.split(), **environment)
        assert without.returncode == 0, without.stderr
    assert save(cli, world).returncode == 0, "and the same command makes it when the store is back"


def test_what_nobody_asked_for_is_missing_and_ends_nothing(world: World, cli: Cli) -> None:
    done = save(cli, world, LRS_DATAROBOT_URL="http://127.0.0.1:9")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "not in the backup: deployments: " in done.stderr
    (made,) = cli.directory.glob("lrs_backup_*")
    catalog = json.loads((made / "backup.json").read_text())
    assert [each["store"] for each in catalog["missing"]] == ["deployments"]
    assert catalog["tiers"].keys() == {"resources", "mongo", "images", "files"}


def test_no_backup_without_the_cluster(world: World, cli: Cli) -> None:
    with _cluster_down(world):
        done = save(cli, world)
    assert done.returncode == 5
    assert not list(cli.directory.iterdir())


@pytest.mark.parametrize("store", ["mongo", *(pytest.param(each, marks=pytest.mark.campaign) for each in ("images", "files"))])
def test_a_restore_is_planned_as_a_whole(world: World, cli: Cli, store: str) -> None:
    """A store that is out of reach when it begins: nothing is written, and the same command restores all of it later."""
    before = world.content()
    assert save(cli, world).returncode == 0
    world.empty()
    takes_away, environment, _ = FAILURES[store]
    with takes_away(world):
        done = run(cli, world, *RESTORE, "--yes", **environment)
        assert done.returncode in (1, 5), done.stdout + done.stderr
    assert not any(world.content().values())
    assert run(cli, world, *RESTORE, "--yes").returncode == 0
    assert world.content() == before


def test_a_restore_does_without_the_api_and_says_so(world: World, cli: Cli) -> None:
    """After a disaster it is down: the application is not there yet."""
    before = world.content()
    assert save(cli, world).returncode == 0
    world.empty()
    done = run(cli, world, *RESTORE, "--yes", LRS_DATAROBOT_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "does not tell which deployments are deactivated" in done.stderr
    assert world.content() == before


# ---- a store that is lost while the restore runs

STORES = ("mongo", "images", "files", "lrs")
LOST: dict[str, Down] = {"images": _registry_down, "files": _storage_down, "lrs": _cluster_down}


def _results(report: dict[str, Any]) -> dict[str, set[str]]:
    """The results of each store, the LRS as `lrs`."""
    found: dict[str, set[str]] = {"lrs": set()}
    for each in report["outcomes"]:
        found.setdefault("lrs" if each["tier"] == "resources" else each["tier"], set()).add(each["result"])
    return found


def _wait_until_mongo_is_written_to(world: World, running: subprocess.Popen[str]) -> None:
    """All plans are made then, and the first insert is held up."""
    loader.wait_until(
        lambda: running.poll() is not None or bool(world.db.list_collection_names()), "the restore of Mongo to begin"
    )


@pytest.mark.parametrize("store", LOST)
def test_what_comes_after_a_store_that_is_lost_is_not_tried(world: World, cli: Cli, store: str) -> None:
    before = world.content()
    assert save(cli, world).returncode == 0
    world.empty()
    held = {"failCommands": ["insert"], "blockConnection": True, "blockTimeMS": 2500}
    world.mongo.fail(held)
    running = cli.start(*RESTORE, "--yes", "-o", "json", env=worlds.environment(world))
    _wait_until_mongo_is_written_to(world, running)
    with LOST[store](world):
        world.mongo.fail(held, "off")
        out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 3, out + err
    results = _results(json.loads(out))
    place = STORES.index(store)
    assert all(results[name] == {"created"} for name in STORES[:place]), results
    assert results[store] <= {"failed", "not tried"}, results
    assert all(results[name] == {"not tried"} for name in STORES[place + 1 :]), results
    _ends_whole(world, cli, before)


def test_nothing_is_tried_when_mongo_is_lost_first(world: World, cli: Cli) -> None:
    before = world.content()
    assert save(cli, world).returncode == 0
    world.empty()
    world.mongo.fail({"failCommands": ["insert"], "closeConnection": True})
    done = run(cli, world, *RESTORE, "--yes", "-o", "json")
    world.mongo.fail({}, "off")
    assert done.returncode in (3, 5), done.stdout + done.stderr
    results = _results(json.loads(done.stdout))
    assert "failed" in results["mongo"]
    assert all(results[name] == {"not tried"} for name in STORES[1:]), results
    _ends_whole(world, cli, before)


def _ends_whole(world: World, cli: Cli, before: dict[str, Any]) -> None:
    """The same command continues."""
    done = run(cli, world, *RESTORE, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.content() == before
    world.mend()
    assert run(cli, world, "check", "-n", NAMESPACE, "--profile", "complete").returncode == 0
