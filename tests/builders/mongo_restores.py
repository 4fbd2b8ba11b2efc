"""Restores of plain dumps into a real MongoDB, without a command line: dumps made by hand, plans, outcomes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bson
from bson import json_util

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.flags import RestoreOptions
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from tests.builders.mongo_fixtures import App

APPLY = ApplyOptions(workers=4, timeout=60)
DRY = ApplyOptions(workers=4, timeout=60, dry_run=True)


def write_dump(
    directory: Path,
    database: str,
    name: str,
    documents: Sequence[Mapping[str, Any]] | None,
    *,
    options: Mapping[str, Any] | None = None,
    indexes: Sequence[Mapping[str, Any]] = (),
    kind: str = "collection",
    metadata: bool = True,
) -> Path:
    """A collection as mongodump would write it, into the folder of a dump; its `_id` index comes by itself."""
    folder = directory / database
    folder.mkdir(parents=True, exist_ok=True)
    stem = names.stem(name)
    if documents is not None:
        (folder / f"{stem}.bson").write_bytes(b"".join(bson.encode(each) for each in documents))
    if metadata:
        own = [{"v": 2, "key": {"_id": 1}, "name": "_id_"}] if kind == "collection" else []
        text = {"options": options or {}, "indexes": [*own, *indexes], "collectionName": name, "type": kind}
        (folder / f"{stem}.metadata.json").write_text(json_util.dumps(text, json_options=json_util.CANONICAL_JSON_OPTIONS))
    return directory


class Restoring:
    """A restore of a plain dump by one client; `stop` and `progress` are the test's."""

    def __init__(
        self, app: App, dump: Path, *, only: Sequence[str] = (), uri: str = "", kube: KubeClient | None = None, **options: Any
    ) -> None:
        self.stop = threading.Event()
        self.mongo = Mongo(UriAccess(uri or app.servers.uri()))
        self.restorer = MongoRestorer(
            self.mongo,
            dumped(dump, only=tuple(only)),
            RestoreOptions(**{"allow_running_app": True, "database": app.name, **options}),
            presence=Presence(self.mongo, kube, "nowhere"),
            keys=None,
            stop=self.stop,
        )

    def plan(self) -> StorePlan:
        """What would be done."""
        return self.restorer.plan(Silent())

    def apply(
        self, plan: StorePlan | None = None, progress: Progress | None = None, *, options: ApplyOptions = APPLY
    ) -> dict[str, Outcome]:
        """Plan where that was not done, and do it; the outcomes by name, those before an error too."""
        report = Report(source="", target="")
        try:
            self.restorer.apply(plan or self.plan(), options, report, progress or Silent())
        finally:
            self.mongo.close()
        return {each.name: each for each in report.outcomes}


class At(Silent):
    """Does something once, when a phase of the work begins whose words begin so."""

    def __init__(self, begins: str, act: Callable[[], object]) -> None:
        self.begins = begins
        self.act: Callable[[], object] | None = act
        self.notes: list[str] = []

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:  # noqa: ARG002
        act, self.act = (self.act, None) if what.startswith(self.begins) else (None, self.act)
        if act:
            act()

    def note(self, message: str, _known: object = None) -> None:
        self.notes.append(message)


def messages(plan: StorePlan) -> str:
    """All that was found before the first write."""
    return "\n".join(f"{each.severity.value}: {each.message}" for each in plan.findings)


def data(outcome: Outcome) -> str:
    """An outcome, for the message of an assertion."""
    return json.dumps([outcome.result.value, outcome.message, dict(outcome.counts)])
