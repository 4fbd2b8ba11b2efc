"""`rehearse` over all stores at once, on real servers: what it proves, what it finds, and that nothing of it stays."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.builders import world as worlds
from tests.builders.world import World
from tests.conftest import Cli, installed

NAMESPACE = "rehearsed"
TIERS = ["mongo", "images", "files", "resources"]


class Bed:
    """The installation, backups of it in three forms, and a folder for what files come into."""

    def __init__(self, world: World, cli: Cli, directory: Path) -> None:
        self.world, self.cli = world, cli
        self.scratch = directory / "scratch"
        self.scratch.mkdir()
        self.plain = directory / "work" / "saved"
        self.pool = directory / "pool"
        self.ok("backup", "-n", NAMESPACE, "--profile", "complete", "--no-deployments", "--name", "saved")
        self.ok("repository", "init", self.pool)
        self.ok("copy", ".", self.pool, "saved")
        self.ok("export", "saved", directory / "first", "--format", "1")
        self.first = directory / "first"

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        done = self.cli.run(*arguments, env=self.environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert "this is a bug" not in done.stderr, done.stderr
        return done

    def ok(self, *arguments: object) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return dict(worlds.environment(self.world))

    def rehearse(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """The report; whatever it was, nothing of it is left, and nothing that runs has changed."""
        before = self.everything()
        scratch = () if "--tier" in arguments else ("--files-scratch", self.scratch)
        done = self.run("rehearse", *arguments, *scratch, "-o", "json")
        assert done.returncode == code, done.stdout + done.stderr
        assert self.everything() == before
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def everything(self) -> dict[str, Any]:
        """All that there is, left-overs too."""
        databases = sorted(self.client.list_database_names())
        return {**self.world.content(), "databases": databases, "scratch": sorted(each.name for each in self.scratch.iterdir())}

    @property
    def client(self) -> MongoClient[dict[str, Any]]:
        client: MongoClient[dict[str, Any]] = self.world.db.client
        return client

    def rehearsals(self) -> list[str]:
        return [name for name in self.client.list_database_names() if name.startswith("lrs_rehearsal_")]


@pytest.fixture(scope="module")
def world(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    crd = installed(plane)
    with worlds.standing(plane, crd, NAMESPACE, standalone, registry, tmp_path_factory.mktemp("world")) as made:
        made.db.custom_applications.create_index("name", unique=True)
        yield made


@pytest.fixture
def bed(world: World, cli: Cli, tmp_path: Path) -> Bed:
    world.mend()
    return Bed(world, cli, tmp_path)


def results(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {part["tier"]: {verdict: count for verdict, count in part["counts"].items() if count} for part in report["tiers"]}


ALL = {"mongo": {"proved": 6}, "images": {"proved": 2}, "files": {"proved": 6}, "resources": {"proved": 4}}


def test_all_is_proved_whatever_form_the_backup_has_and_whether_or_not_it_is_there(bed: Bed) -> None:
    for where in ([], ["saved", "--backup-dir", bed.pool], [bed.first]):
        report = bed.rehearse(*where)
        assert report["proved"] is True
        assert results(report).keys() == ALL.keys()
        assert {verdict for each in results(report).values() for verdict in each} == {"proved"}
        assert (report["notProved"], report["notAsked"], report["notTimed"]) == ([], [], ["images"])
        assert report["recoverySeconds"] > 0
    shown = bed.ok("rehearse", "--files-scratch", bed.scratch)
    assert "restores: everything was proved" in shown
    assert "a full recovery would take about half a minute, beside images" in shown or "about a minute" in shown
    bed.world.empty()
    assert bed.rehearse()["proved"] is True, "after the disaster too"


def test_a_part_is_not_told_as_the_whole(bed: Bed) -> None:
    report = bed.rehearse("--tier", "mongo,resources")
    assert [part["tier"] for part in report["tiers"]] == ["mongo", "resources"]
    assert report["notAsked"] == ["images", "files"]
    assert report["verdict"] == "restores, as far as was asked: mongo, resources"
    done = bed.run("rehearse", "--tier", "mongo", "--files-scratch", bed.scratch)
    assert done.returncode == 2
    assert "--files-scratch says nothing here: files is not rehearsed" in done.stderr


def test_the_plan(bed: Bed) -> None:
    before = bed.everything()
    plan = json.loads(bed.ok("rehearse", "--dry-run", "--files-scratch", bed.scratch, "-o", "json"))
    assert [part["tier"] for part in plan["tiers"]] == TIERS
    assert "lrs_rehearsal_" in plan["tiers"][0]["target"]
    assert bed.everything() == before


# ---- what is found


def flip(path: Path, place: int = 2) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // place] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def largest(folder: Path, pattern: str) -> Path:
    return max((path for path in folder.glob(pattern) if path.is_file()), key=lambda path: path.stat().st_size)


TIER_FILES = {
    "mongo": "mongo/*/custom_applications.bson",
    "images": "images/blobs/sha256/*",
    "files": "files/**/*",
    "resources": "lrs.raw.jsonl.gz",
}


@pytest.mark.parametrize("tier", TIER_FILES)
def test_a_flipped_byte_in_each_tier_of_a_folder(bed: Bed, tier: str) -> None:
    flip(largest(bed.plain, TIER_FILES[tier]))
    report = bed.rehearse("saved", code=4)
    assert report["damages"]
    assert (report["proved"], report["tiers"]) == (False, [])


def test_a_flipped_byte_in_any_content_of_a_pool(bed: Bed, tmp_path: Path) -> None:
    packs = list(bed.pool.glob("packs/*/*"))
    assert packs
    for path, place in itertools.product(packs, (3, 2)):
        copy = tmp_path / "copy"
        shutil.copytree(bed.pool, copy)
        flip(copy / path.relative_to(bed.pool), place)
        report = bed.rehearse("saved", "--backup-dir", copy, code=4)
        assert report["damages"], path.relative_to(bed.pool)
        shutil.rmtree(copy)


def test_keys_that_are_others_now_keep_it_from_being_proved(bed: Bed) -> None:
    bed.world.set_keys("second")
    report = bed.rehearse(code=3)
    assert "cannot be read with it" in " ".join(report["notProved"])
    assert results(report)["mongo"] == {"proved": 6}
    assert "NOT proved" in report["verdict"]


def test_a_store_that_is_away_leaves_the_others(bed: Bed) -> None:
    away = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300"
    done = bed.cli.run("rehearse", "-o", "json", "--files-scratch", bed.scratch, env={**bed.environment, "LRS_MONGO_URI": away})
    report = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert results(report)["resources"] == {"proved": 4}
    assert report["notProved"][0].startswith("mongo: ")


# ---- whatever ends it


def started(bed: Bed, until: Callable[[], bool]) -> subprocess.Popen[str]:
    """A rehearsal that is in the middle of its work, each of its inserts held for a moment."""
    bed.world.mongo.fail({"failCommands": ["insert"], "blockConnection": True, "blockTimeMS": 400})
    process = bed.cli.start("rehearse", "saved", "--files-scratch", bed.scratch, "-o", "json", env=bed.environment)
    loader.wait_until(lambda: until() or process.poll() is not None, "the rehearsal to be at work")
    assert process.poll() is None, process.communicate()
    return process


@pytest.fixture
def slow(bed: Bed) -> Iterator[Bed]:
    yield bed
    bed.world.mongo.fail({}, "off")


def has_collections(bed: Bed) -> bool:
    return any(
        name
        for each in bed.rehearsals()
        for name in bed.client[each].list_collection_names()
        if not name.startswith("lrs_restore")
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_it_removes_what_it_made_when_it_is_interrupted(slow: Bed, number: signal.Signals) -> None:
    before = slow.everything()
    process = started(slow, lambda: has_collections(slow))
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert (report["interrupted"], report["proved"]) == (True, False)
    assert slow.everything() == before


def test_the_next_one_removes_what_a_killed_one_has_left_and_nothing_else(slow: Bed) -> None:
    before = slow.everything()
    process = started(slow, lambda: has_collections(slow))
    process.kill()
    process.communicate(timeout=PATIENCE)
    slow.world.mongo.fail({}, "off")
    (left,) = slow.rehearsals()
    theirs, marked = f"lrs_rehearsal_{'0' * 16}", f"lrs_rehearsal_{'1' * 16}"
    slow.client[theirs].things.insert_one({"whose": "theirs"})
    signs = slow.client[marked][f"lrs_restore.{'1' * 16}"]
    signs.insert_one({"at": Timestamp(0, 0), "who": "process 1 on elsewhere", "rehearses": ["things"]})
    slow.client[marked].things.insert_one({"whose": "a rehearsal's on another machine, which is at work"})
    slow.client[left].added.insert_one({"whose": "theirs, in a database of ours"})
    try:
        done = slow.run("rehearse", "saved", "--files-scratch", slow.scratch, "--tier", "mongo,files")
        assert done.returncode == 0, done.stderr
        assert f"of database {left} what a killed rehearsal made is removed; it also holds added" in done.stdout
        assert f"database {theirs} has the name of a rehearsal's and no mark of one: left alone" in done.stdout
        assert f"database {marked} is at work or may be (process 1 on elsewhere): left alone" in done.stdout
        assert slow.client[left].list_collection_names() == ["added"]
        signs.update_one({}, {"$set": {"at": Timestamp(1, 1)}})
        done = slow.run("rehearse", "saved", "--files-scratch", slow.scratch, "--tier", "mongo,files")
        assert f"removed database {marked}, which a killed rehearsal has left" in done.stdout
        assert slow.client[theirs].things.count_documents({}) == 1
    finally:
        for name in slow.rehearsals():
            slow.client.drop_database(name)
    assert slow.everything() == before
