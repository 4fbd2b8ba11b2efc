"""Which backup a name means, whatever the form of the repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.choice import Asked
from kubectl_lrs.model.errors import LrsError, UnreachableError, UsageError
from kubectl_lrs.repository.base import Backup, Preparation, Repository, oldest_first
from kubectl_lrs.repository.holds import NO_HOLDS, Holds
from kubectl_lrs.repository.unsealed import Unsealed

NOW = datetime.now(timezone.utc)
HERE, ELSEWHERE = Cluster(server="https://127.0.0.1"), Cluster(server="https://127.0.0.2")


class _Kept:
    """A backup of which only the catalog is of interest."""

    def __init__(self, name: str, days: int, *, objects: int = 1, cluster: Cluster = HERE, **selection: Any) -> None:
        self.warning = ""
        self.name = name
        self.catalog = Catalog(
            name=name,
            instant=NOW + timedelta(days=days),
            finished=NOW,
            tool="test",
            cluster=cluster,
            selection=selection,
            profile="lrs",
            tiers={"resources": {"objects": objects}},
        )
        self.uses = 0

    def in_use(self) -> _Kept:
        self.uses += 1
        return self


class _Remembered(Repository):
    """Backups in memory."""

    location = resolved = "memory"
    journals = Path()

    def __init__(self, *backups: _Kept, unsealed: Sequence[Unsealed] = ()) -> None:
        self._backups: Any = backups
        self._unsealed = list(unsealed)

    def scan(self) -> tuple[list[Backup], list[Unsealed]]:
        return oldest_first(self._backups), self._unsealed

    def opened(self, name: str) -> Backup | None:
        return next((each for each in self._backups if each.name == name), None)

    def has(self, name: str) -> bool:
        return self.opened(name) is not None

    def holds(self) -> Holds:
        return NO_HOLDS

    def hold(self, backup: Backup, reason: str) -> None: ...
    def unhold(self, backup: Backup) -> None: ...
    def prepare(self, **_options: Any) -> Preparation:
        raise NotImplementedError

    def explained(self, error: OSError, so: str = "") -> LrsError:
        return LrsError(f"{error}{so}")


def test_latest_is_neither_empty_nor_of_the_future() -> None:
    kept = _Kept("kept", -1)
    backups = _Remembered(_Kept("old", -2), kept, _Kept("empty", 0, objects=0), _Kept("future", 3))
    latest = backups.find("latest")
    assert (latest.name, kept.uses) == ("kept", 1)
    assert latest.warning == "dated later than now, and not taken for the latest: future; is a clock wrong?"
    only = _Remembered(_Kept("future", 3)).latest()
    assert only.warning.startswith("future is dated later than now")


def test_one_that_cannot_be_read_and_may_be_newer_is_named() -> None:
    old = Unsealed("old", "", "damaged", until=NOW - timedelta(days=9))
    new = Unsealed("new", "", "damaged", until=NOW)
    unknown = Unsealed("unknown", "", "no right")
    kept = _Kept("kept", -1)
    latest = _Remembered(kept, unsealed=[old, new, unknown]).latest()
    assert latest.name == "kept"
    assert latest.warning == ("new cannot be read, and may be newer: damaged; unknown cannot be read, and may be newer: no right")
    assert _Remembered(kept, unsealed=[old]).latest().warning == ""


def test_what_the_storage_does_not_give_is_not_taken_for_none() -> None:
    away = Unsealed("new", "", "HTTP 500", until=NOW, is_untold=True)
    with pytest.raises(UnreachableError, match="nothing tells whether kept is the newest: HTTP 500"):
        _Remembered(_Kept("kept", -1), unsealed=[away]).latest()
    with pytest.raises(UnreachableError, match="new cannot be read"):
        _Remembered(unsealed=[away]).latest()
    gone_by = replace(away, until=NOW - timedelta(days=9))
    assert _Remembered(_Kept("kept", -1), unsealed=[gone_by]).latest().warning == ""


def test_what_others_saved_is_no_backup_that_cannot_be_read() -> None:
    class Others:
        def has(self, name: str) -> bool:
            return name == "script"

        def opened(self, _name: str) -> None: ...

    backups = _Remembered(_Kept("kept", -1), unsealed=[Unsealed("script", "", "not sealed")])
    backups.elsewhere = Others()
    assert backups.latest().warning == ""


def test_latest_of_a_cluster() -> None:
    backups = _Remembered(_Kept("here", -2), _Kept("elsewhere", -1, cluster=ELSEWHERE))
    assert backups.latest(Asked(cluster=HERE)).name == "here"
    with pytest.raises(UsageError, match=r"no sealed backup of the cluster https://127\.0\.0\.3") as raised:
        backups.latest(Asked(cluster=Cluster(server="https://127.0.0.3")))
    assert raised.value.hint == "there is here (of https://127.0.0.1), elsewhere (of https://127.0.0.2); name the one you mean"


def test_name_that_is_none_gets_near_ones() -> None:
    with pytest.raises(UsageError, match="backup 'sunday' not found in memory") as raised:
        _Remembered(_Kept("monday", -2), _Kept("x", -1)).find("sunday")
    assert raised.value.hint == "there is monday"
    with pytest.raises(UsageError) as raised:
        _Remembered().find("sunday")
    assert raised.value.hint == "memory holds no sealed backup"


def test_narrower_than_the_one_before_it() -> None:
    wide, narrow = _Kept("wide", -2), _Kept("narrow", -1, namespace="a")
    backups: Any = _Remembered(wide, narrow, _Kept("other", -3, cluster=ELSEWHERE))
    assert backups.less_than_before(narrow).startswith("it holds less than wide, the one before it: namespace a alone")
    assert backups.less_than_before(wide) == ""


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("latest", True), ("./x", True), ("/x", True), ("lrs_backup_1", True), ("kept", True), ("app-1", False)],
)
def test_whether_a_word_means_a_backup(name: str, is_one: bool) -> None:
    assert _Remembered(_Kept("kept", -1)).names_backup(name) is is_one
