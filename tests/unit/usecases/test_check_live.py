"""What is gathered for `check`: all that can be had, and of the rest that it could not; one store that is away hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bson
import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.clients.kubernetes.lists import LISTS
from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ApiError, DeniedError, ExitCode, ExpiredError, LrsError, NotFoundError, UnreachableError
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.mongo import keys
from kubectl_lrs.stores.mongo.keys import SECRET, KeySource
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo
from kubectl_lrs.usecases.check import CheckReport
from kubectl_lrs.usecases.check_live import Sources, check_live
from tests.builders.fake_kube import LRS, FakeKube
from tests.builders.scripted_api import ScriptedApi, account
from tests.builders.sealing import sealed
from tests.unit.stores.mongo.test_keys import BOTH, _secret

APP, OTHER = "65f0" + "a" * 20, "65f0" + "b" * 20
NOT = Unchecked("not asked for", "--flag")


class Kube(FakeKube):
    """With an identity; of several kinds of objects only LRS are listed."""

    connection = SimpleNamespace(server="https://127.0.0.1", context="")

    def identity(self) -> Cluster:
        return Cluster(server="https://127.0.0.1")

    def pages(self, resource: Any, namespace: str | None = None, **more: Any) -> Iterator[Any]:
        for page in super().pages(resource, namespace, **more):
            yield replace_items(page, [(text, each) for text, each in page.items if each.get("kind") == "LRS"])


def replace_items(page: Any, items: list[Any]) -> Any:
    return type(page)(items, page.resource_version, "", 0)


class Documents(Mongo):
    """Collections in memory. `fails`: after the first batch."""

    def __init__(self, fails: LrsError | None = None, **collections: list[dict[str, Any]]) -> None:
        self.held, self.fails, self.is_closed = collections, fails, False
        self.access = SimpleNamespace(database="")  # type: ignore[assignment]

    def server(self) -> Any:
        return SimpleNamespace(has_snapshots=False)

    def collections(self, _database: str) -> dict[str, CollectionInfo]:
        return {name: CollectionInfo(name=name, kind="collection", options=bson.encode({}), uuid="") for name in self.held}

    def batches(self, _database: str, name: str, **_: Any) -> Iterator[list[bytes]]:
        yield list(map(bson.encode, self.held[name]))
        if self.fails:
            raise self.fails

    def close(self) -> None:
        self.is_closed = True


def _lrs(name: str, identifier: str = APP, namespace: str = "ns") -> dict[str, Any]:
    return {
        "apiVersion": LRS.api_version,
        "kind": "LRS",
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": "2026-11-01T00:00:00Z"},
        "spec": {"env": {"APP": identifier}},
    }


def _documents(*identifiers: str, **more: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        "custom_applications": [{"_id": bson.ObjectId(each), "name": each[-1], **more} for each in identifiers],
        "longrunningservices": [{"_id": bson.ObjectId(each)} for each in identifiers],
    }


def _sources(folder: Path, kube: FakeKube, **more: Any) -> Sources:
    made = Sources(
        kube=kube,  # type: ignore[arg-type]
        resource=LRS,
        namespace="ns",
        application_namespace="ns",
        mongo=NOT,
        database="app",
        images=NOT,
        storage=NOT,
        accounts=NOT,
        backups=PlainRepository(folder),
        stale_after=timedelta(hours=24),
    )
    return replace(made, **more)


def _report(folder: Path, kube: FakeKube | None = None, only: tuple[str, ...] = (), **more: Any) -> CheckReport:
    return check_live(_sources(folder, kube or Kube([_lrs("app")]), **more), only, Silent())


def _found(report: CheckReport) -> list[tuple[str, str]]:
    return [(each.rule.code, each.object) for each in report.examination.findings]


def _gaps(report: CheckReport) -> dict[str, tuple[str, bool]]:
    return {each.part: (each.why, each.failed) for each in report.examination.gaps}


def test_what_agrees(folder: Path) -> None:
    mongo = Documents(**_documents(APP))
    report = _report(folder, mongo=mongo)
    assert (_found(report), report.exit_code(), mongo.is_closed) == ([], ExitCode.DONE, True)
    assert (report.target, report.scope) == ("https://127.0.0.1", "namespace ns")


def test_what_was_not_asked_for_is_said(folder: Path) -> None:
    gaps = _gaps(_report(folder))
    assert {part for part, (why, failed) in gaps.items() if "not asked for" in why and not failed} == {
        *("applications", "LRS documents", "deployments", "images", "files")
    }


def test_documents_and_lrs_are_held_against_each_other(folder: Path) -> None:
    mongo = Documents(custom_applications=_documents(APP, OTHER)["custom_applications"], longrunningservices=[])
    report = _report(folder, mongo=mongo)
    assert {object_ for _, object_ in _found(report)} >= {f"applications/{APP}", f"applications/{OTHER}"}
    assert report.exit_code() is ExitCode.DIFFERENCE


def test_a_collection_that_is_not_there_is_not_one_that_is_empty(folder: Path) -> None:
    report = _report(folder, mongo=Documents(longrunningservices=[{"_id": bson.ObjectId(APP)}]))
    assert _gaps(report)["all applications"] == ("database app has no collection custom_applications", True)
    assert report.exit_code() is ExitCode.UNREACHABLE


@pytest.mark.parametrize("when", ["at once", "in the middle"])
def test_a_mongo_that_is_away_hides_neither_lrs_nor_files(folder: Path, when: str) -> None:
    error = UnreachableError("mongo is away")
    mongo: Any = Documents(fails=error, **_documents(APP))
    if when == "at once":
        mongo.server = lambda: (_ for _ in ()).throw(error)
    backend = Memory()
    put(backend, f"apps/{APP}/a.py", b"1", {})
    report = _report(folder, mongo=mongo, storage=Storage(backend))
    gaps = _gaps(report)
    assert gaps["LRS documents"] == ("mongo is away", True)
    assert gaps["applications"] == ("mongo is away; not asked for", True)
    assert "files" not in gaps
    assert any("only its documents name were not looked for" in note for note in map(str, report.notes))
    assert report.counts["objects" if "objects" in report.counts else "LRS"] == 1
    assert report.exit_code() is ExitCode.UNREACHABLE
    assert mongo.is_closed


def test_files(folder: Path) -> None:
    backend = Memory()
    for name in ("here.py", "too.py"):
        put(backend, f"apps/{name}", b"1", {})
    names = ("here.py", "too.py", "gone.py")
    items = [{"_id": bson.ObjectId(), "applicationId": APP, "path": f"apps/{name}"} for name in names]
    mongo = Documents(**_documents(APP), workspace_items=items)
    report = _report(folder, mongo=mongo, storage=Storage(backend))
    assert _found(report) == [("file-missing", "files/apps/gone.py")]


def test_a_storage_that_is_away(folder: Path) -> None:
    class Away(Memory):
        def list(self, *_: Any, **__: Any) -> Iterator[Any]:
            raise UnreachableError("no storage")

    report = _report(folder, mongo=Documents(**_documents(APP)), storage=Storage(Away()))
    assert _gaps(report)["files"] == ("no storage", True)
    assert report.exit_code() is ExitCode.UNREACHABLE


class Api(ScriptedApi):
    """Which applications it lists, or why it does not."""

    applications: Any = ()

    def custom_applications(self) -> Iterator[dict[str, Any]]:
        if isinstance(self.applications, Exception):
            raise self.applications
        return iter(self.applications)


def test_the_application_s_own_view(folder: Path) -> None:
    api = Api()
    api.applications = [{"id": APP, "name": "mine", "status": "running"}, {"id": OTHER, "name": 7}]
    api.notes["deployments"] = "a list of https://applications changed"
    report = _report(folder, accounts=[account(api)])
    assert [each.name for each in report.applications] == ["mine", ""]
    assert _gaps(report)["all deployments"] == ("a list of https://applications changed", True)
    assert "all applications" not in _gaps(report)
    assert report.exit_code() is ExitCode.UNREACHABLE
    api.notes.clear()
    api.applications = NotFoundError("too old", status=404)
    gaps = _gaps(_report(folder, accounts=[account(api)]))
    assert gaps["applications"][0].endswith("lists no custom applications: too old")
    assert "deployments" not in gaps


@pytest.mark.parametrize(
    ("error", "failed"),
    [(NotFoundError("too old", status=404), False), (ApiError("odd", status=400), True), (DeniedError("no"), True)],
    ids=str,
)
def test_what_the_api_does_not_list_is_said_beside_the_database(folder: Path, error: LrsError, failed: bool) -> None:
    api = Api()
    api.applications = error
    report = _report(folder, mongo=Documents(**_documents(APP)), accounts=[account(api)])
    why, asked = _gaps(report)["all applications"]
    assert (why.endswith(f"lists no custom applications: {error}"), asked) == (True, failed)
    assert report.exit_code() is (ExitCode.UNREACHABLE if failed else ExitCode.DONE)


def test_no_lrs_where_they_were_looked_for(folder: Path) -> None:
    kube = Kube([_lrs("app", namespace="elsewhere")])
    report = _report(folder, kube, mongo=Documents(**_documents(APP)))
    assert [code for code, _ in _found(report)] == ["no-lrs-at-all"]
    assert "elsewhere" in report.examination.findings[0].message
    some = _report(folder, kube, (APP,), mongo=Documents(**_documents(APP)))
    assert "no-lrs-at-all" not in dict(_found(some))
    assert "note: there is no LRS at all in namespace ns; there are LRS in elsewhere" in map(str, some.notes)


def test_a_snapshot_that_expires_begins_anew_and_not_for_ever(folder: Path) -> None:
    expired = ExpiredError("too old", status=410)
    report = _report(folder, Kube([_lrs("app")], [expired] * (LISTS.attempts - 1)), mongo=Documents(**_documents(APP)))
    assert _found(report) == []
    with pytest.raises(UnreachableError, match=f"gave up its snapshot {LISTS.attempts} times"):
        _report(folder, Kube([_lrs("app")], [expired] * LISTS.attempts))


def test_the_cluster_itself_must_be_had(folder: Path) -> None:
    mongo = Documents(**_documents(APP))
    with pytest.raises(DeniedError, match="forbidden") as caught:
        _report(folder, Kube([], [DeniedError("forbidden")]), mongo=mongo, namespace=None)
    assert "-n" in caught.value.hint
    assert mongo.is_closed


@pytest.mark.parametrize("now", ["a secret", "another", None])
def test_keys_are_held_against_the_newest_backup(folder: Path, now: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COST", 2)
    facts = KeySource(FakeKube([_secret(**BOTH)]), "n").facts()  # type: ignore[arg-type]
    sealed(folder, lambda writer: writer.write("x", b"1"), "saved", others={"mongo": {"keys": facts, "collections": [{}]}})
    objects = [_lrs("app")]
    if now is not None:
        secret = _secret(**dict.fromkeys(BOTH, now))
        objects.append({**secret, "metadata": {"namespace": "ns", "name": SECRET}})
    report = _report(folder, Kube(objects))
    assert ("keys-changed" in dict(_found(report))) is (now != "a secret"), "gone is another"
    assert "encryption keys" not in _gaps(report)
