"""Dumps change hands with the real mongodump and mongorestore, both ways."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import bson
import pytest

from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Outcome
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.levels import COMPLETE
from kubectl_lrs.stores.mongo.plain_dump import dumped, is_mongodump
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.applied import applied
from tests.builders.mongo_fixtures import App, dump_files
from tests.conftest import Cli, Crd
from tests.drills.test_mongo_drill import ADDED, EXTRA, build, insert_raw, odd_documents

LONG = "ż" * 90
ODD_NAMES = ("with space", "a/b", "cafés", "Case", "dot.in.name", "plus+and%25", LONG)


def back_up(cli: Cli, namespace: str, app: App, *arguments: str) -> Path:
    cli.ok("backup", "-n", namespace, "--mongo", "complete", *arguments, "--name", "saved", env=app.environment)
    return cli.directory / "saved"


def restore_dump(app: App, path: Path, *, only: tuple[str, ...] = (), **wish: Any) -> list[Outcome]:
    """What the command line does with a plain dump."""
    mongo = Mongo(UriAccess(app.servers.uri()))
    try:
        presence = Presence(mongo, None, "")
        wanted = RestoreOptions(allow_running_app=True, **wish)
        tier = MongoRestorer(mongo, dumped(path, only=only), wanted, presence=presence, keys=None, stop=threading.Event())
        plan = tier.plan(Silent())
        return applied(tier, plan, ApplyOptions(workers=4, timeout=60), Silent())
    finally:
        mongo.close()


def test_what_we_write_mongorestore_restores(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    build(app)
    app.fill(3, ODD_NAMES)
    before = app.everything()
    odd = tuple(word for name in ODD_NAMES for word in ("--mongo-collection", name))
    saved = back_up(cli, namespace, app, *ADDED, *odd)
    app.drop()
    app.servers.run_tool("mongorestore", "--bypassDocumentValidation", saved / "mongo")
    assert app.everything() == before


@pytest.mark.parametrize("packed", [(), ("--gzip",)], ids=["plain", "gzip"])
def test_what_mongodump_wrote_we_restore(app: App, tmp_path: Path, packed: tuple[str, ...]) -> None:
    """A whole-database dump: the known collections go back, others only when named."""
    build(app)
    app.fill(3, ODD_NAMES)
    before = app.everything()
    app.servers.run_tool("mongodump", "--db", app.name, *packed, "--out", tmp_path / "dump")
    assert is_mongodump(tmp_path / "dump")
    assert is_mongodump(tmp_path / "dump" / app.name)
    app.drop()
    assert [each.result.value for each in restore_dump(app, tmp_path / "dump")] == ["created"] * len(COMPLETE)
    assert set(app.db.list_collection_names()) == set(COMPLETE)
    restore_dump(app, tmp_path / "dump" / app.name, only=(*EXTRA, *ODD_NAMES))
    assert app.everything() == before


@pytest.mark.parametrize("packed", [(), ("--gzip",)], ids=["plain", "gzip"])
def test_an_archive_of_mongodump(app: App, tmp_path: Path, packed: tuple[str, ...]) -> None:
    """Of views, time series and odd names too; one bit that is wrong is found before anything is written."""
    build(app)
    app.fill(2000, ODD_NAMES)
    before = app.everything()
    path = tmp_path / "some.archive"
    app.servers.run_tool("mongodump", "--db", app.name, *packed, f"--archive={path}")
    assert is_mongodump(path)
    app.drop()
    assert [each.result.value for each in restore_dump(app, path)] == ["created"] * len(COMPLETE)
    restore_dump(app, path, only=(*EXTRA, *ODD_NAMES))
    assert app.everything() == before
    app.drop()
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamageError):
        restore_dump(app, path)
    assert app.db.list_collection_names() == []


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_import_of_what_mongodump_wrote(cli: Cli, crd: Crd, namespace: str, app: App, form: str) -> None:
    app.fill(50)
    saved = back_up(cli, namespace, app)
    before = app.everything()
    out = ("--out", cli.directory / "dump") if form == "folder" else ("--gzip", f"--archive={cli.directory / 'dump.archive.gz'}")
    app.servers.run_tool("mongodump", "--db", app.name, *out)
    source = "./dump" if form == "folder" else "dump.archive.gz"
    assert "mongo" in json.loads(cli.ok("show", source, "-o", "json"))["tiers"]
    assert cli.run("verify", source).returncode == 2
    assert cli.run("verify", source, "--against-cluster").returncode == 2
    cli.ok("import", source, "--name", "imported")
    cli.ok("verify", "imported")
    (found,) = json.loads(cli.run("diff", "imported", saved.name, "-o", "json").stdout)["stores"]
    assert (found["tier"], found["counts"]["changed"], found["counts"]["equal"]) == ("mongo", 0, 51 * len(COMPLETE))
    app.drop()
    refused = cli.run("restore", "imported", "-y", env=app.environment)
    assert (refused.returncode, "does not say where it was taken of" in refused.stderr) == (2, True)
    (cli.directory / "uri").write_text(app.servers.uri())
    cli.ok("restore", "imported", "-y", "--mongo-uri-file", "uri")
    assert app.everything() == before


def test_same_files_as_mongodump(cli: Cli, crd: Crd, namespace: str, app: App, tmp_path: Path) -> None:
    """Byte for byte, but for what only newer versions of the tool write."""
    build(app)
    app.fill(3, ODD_NAMES)
    odd = tuple(word for name in ODD_NAMES for word in ("--mongo-collection", name))
    saved = back_up(cli, namespace, app, *ADDED, *odd)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    ours, theirs = saved / "mongo" / app.name, tmp_path / app.name
    assert dump_files(saved, app.name) == {path.name for path in theirs.iterdir() if "system.views" not in path.name}
    for path in ours.iterdir():
        if path.suffix == ".bson":
            assert path.read_bytes() == (theirs / path.name).read_bytes(), path.name
        else:
            written, expected = path.read_text(), (theirs / path.name).read_text().replace('"options":{},', "")
            assert len(written) == len(expected), path.name  # this version of mongodump shuffles what is in options
            assert list(json.loads(written).items()) == list(json.loads(expected).items()), path.name


def test_layout_and_facts(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(7)
    saved = back_up(cli, namespace, app)
    prelude = json.loads((saved / "mongo" / "prelude.json").read_text())
    assert prelude.keys() == {"ServerVersion", "ToolVersion"}
    assert prelude["ServerVersion"] == app.client.server_info()["version"]
    assert dump_files(saved, app.name) == {f"{name}{end}" for name in COMPLETE for end in (".bson", ".metadata.json")}
    sums = (saved / "SHA256SUMS").read_text().splitlines()
    assert sums[-1].endswith("  mongo/prelude.json")
    facts = json.loads((saved / "backup.json").read_text())["tiers"]["mongo"]
    assert facts["consistency"] == "snapshot"
    assert facts["atClusterTime"]["t"] > 0
    assert facts["documents"] == 7 * len(COMPLETE)
    assert facts["bytes"] == sum(path.stat().st_size for path in (saved / "mongo" / app.name).glob("*.bson"))
    assert all(re.fullmatch("[0-9a-f]{32}", each["uuid"]) for each in facts["collections"])
    assert app.servers.password not in (saved / "backup.json").read_text()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("café/s", "caf%C3%A9%2Fs"),
        ("a b", "a+b"),
        ("A-z_0.~", "A-z_0.~"),
        ("x" * 238, "x" * 238),
    ],
)
def test_names_of_files(name: str, stem: str) -> None:
    assert names.stem(name) == stem
    assert names.collection(stem) == name


def test_collections_that_differ_in_case_only(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1)
    app.fill(1, ["Workspace_Items"])
    done = cli.run("backup", "-n", namespace, "--mongo", "complete", "--mongo-collection", "Workspace_Items", env=app.environment)
    assert done.returncode == 1
    assert "upper and lower case" in done.stderr
    assert list(cli.directory.iterdir()) == []


def test_fixtures_of_old_tools(app: App, tmp_path: Path) -> None:
    """Metadata as older mongodump wrote it: `ns`, no name, plain numbers, empty files, and data alone."""
    folder = tmp_path / app.name
    folder.mkdir()
    one = bson.encode({"_id": 1, "at": bson.DatetimeMS(0)})
    index = '{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_","ns":"x.y"}'
    ttl = '{"v":2,"key":{"at":1},"name":"at_1","ns":"x.y","expireAfterSeconds":1000000000,"background":true}'
    (folder / "custom_applications.bson").write_bytes(one)
    (folder / "custom_applications.metadata.json").write_text(f'{{"options":{{}},"indexes":[{index},{ttl}]}}')
    (folder / "longrunningservices.bson").write_bytes(one * 0)
    (folder / "longrunningservices.metadata.json").write_text("")
    (folder / "workspace_items.bson").write_bytes(one)
    (folder / "execute_docker_images.metadata.json").write_text('{"indexes":[],"unknown":1}')
    (tmp_path / "stranger.txt").write_text("who knows")
    outcomes = restore_dump(app, tmp_path)
    results = {each.name: each.result.value for each in outcomes}
    assert results.pop("custom_applications") == "altered"  # its only document is past the time that the index gives it
    assert set(results.values()) == {"created"}
    assert set(app.db.list_collection_names()) == {
        "custom_applications",
        "longrunningservices",
        "workspace_items",
        "execute_docker_images",
    }
    assert app.db.custom_applications.index_information()["at_1"]["expireAfterSeconds"] == 10**9
    assert app.content("workspace_items") == [one]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-3],
        lambda data: data + b"\x04\x00\x00\x00",
        lambda data: b"\xff\xff\xff\x7f" + data[4:],
        lambda data: data[:-1] + b"\x01",
        lambda data: data + bytes(3),
    ],
    ids=["truncated", "short length", "huge length", "no end", "surplus"],
)
def test_damaged_data_stops_before_the_first_write(app: App, tmp_path: Path, damage: Any) -> None:
    app.fill(5)
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    app.drop()
    path = tmp_path / app.name / "workspace_items.bson"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamageError, match=r"workspace_items\.bson"):
        restore_dump(app, tmp_path)
    assert app.db.list_collection_names() == []


def test_damaged_gzip(app: App, tmp_path: Path) -> None:
    app.fill(5)
    app.servers.run_tool("mongodump", "--db", app.name, "--gzip", "--out", tmp_path)
    path = tmp_path / app.name / "workspace_items.bson.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DamageError, match=r"workspace_items\.bson"):
        restore_dump(app, tmp_path, existing=Existing.DROP)


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"indexes":{}}', '{"indexes":[{"name":"x"}]}', '{"options":3}', '{"collectionName":"other"}', "[" * 100_000],
)
def test_hostile_metadata(app: App, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "MMApp"
    folder.mkdir()
    (folder / "custom_applications.bson").write_bytes(b"")
    (folder / "custom_applications.metadata.json").write_text(content)
    with pytest.raises(DamageError, match="custom_applications"):
        dumped(tmp_path)


def test_servers_own_collections_and_links_are_left_alone(app: App, tmp_path: Path) -> None:
    folder = tmp_path / app.name
    folder.mkdir()
    one = bson.encode({"_id": 1})
    for name in ("custom_applications", "longrunningservices", "system.users", "%24cmd", "system.js"):
        (folder / f"{name}.bson").write_bytes(one)
    (tmp_path / "outside.bson").write_bytes(one)
    (folder / "workspace_items.bson").symlink_to(tmp_path / "outside.bson")
    dump = dumped(folder)
    assert {each.name for each in dump.collections} == {"custom_applications", "longrunningservices"}
    with pytest.raises(LrsError, match=r"system\.users"):
        dumped(folder, only=("system.users",))


def test_several_databases_in_a_dump(app: App, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "custom_applications.bson").write_bytes(b"")
    with pytest.raises(UsageError, match="one, two"):
        dumped(tmp_path)
    assert dumped(tmp_path / "two").database == "two"


def test_documents_of_every_type_pass_through(app: App, tmp_path: Path) -> None:
    """Nothing is decoded on the way: mongodump's bytes and ours are the same, and so is what the server has then."""
    insert_raw(app, "custom_applications", odd_documents())
    before = app.content("custom_applications")
    app.servers.run_tool("mongodump", "--db", app.name, "--out", tmp_path)
    app.drop()
    restore_dump(app, tmp_path)
    assert app.content("custom_applications") == before
