"""Which backup a call is about: what is asked for decides, and an error names the backup that has it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.commands import application_choice
from kubectl_lrs.commands.application_choice import known_elsewhere, of_application
from kubectl_lrs.commands.backup_choice import found, to_restore, until
from kubectl_lrs.commands.shared import At, OneApplication, Selecting
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.usecases import belonging, holding
from tests.unit.model.test_choice import AGENTS, COMPLETE, HERE, NIGHT, catalog
from tests.unit.repository.test_base import _Remembered


class _Given:
    """A call with these flags."""

    def __init__(self, *, at: str = "", types: tuple[str, ...] = (), namespace: str = "", app: str = "") -> None:
        self._of = {At: At(at=at), Selecting: Selecting(types=types), OneApplication: OneApplication(app=app)}
        self.kube = type("Kube", (), {"namespace": namespace})

    def of(self, kind: Any) -> Any:
        return self._of[kind]


class _Kept:
    """A backup that holds LRS of these names."""

    def __init__(self, made: Any, *names: str) -> None:
        self.catalog, self.name, self.names, self.warning = made, made.name, names, ""

    def in_use(self) -> _Kept:
        return self


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "holds", lambda backup, words: set(words) <= set(backup.names))
    monkeypatch.setattr(holding, "lacking", lambda backup, words: [word for word in words if word not in backup.names])
    monkeypatch.setattr(holding, "resolved", lambda _backup, words: [(word, word) for word in words])
    for place in (application_choice, belonging):
        monkeypatch.setattr(place, "has_application", lambda backup, word: word in backup.names)
    monkeypatch.setattr(application_choice, "application_in", _application_in)


def _application_in(backup: _Kept, word: str) -> tuple[str, str]:
    if word not in backup.names:
        raise UsageError(f"{backup.name} knows no {word!r}", hint="near ones")
    return word, word


NEW = _Kept(catalog("new", 20, levels=COMPLETE), "model", "app")
BACKUPS: Any = _Remembered(*(_Kept(NIGHT, "model", "gone"), _Kept(AGENTS, "agent"), NEW, _Kept(catalog("lrs", 24), "model")))  # type: ignore[arg-type]


def _chosen(backup: str = "", tiers: tuple[str, ...] = (), objects: tuple[str, ...] = (), **given: Any) -> str:
    return to_restore(_Given(**given), BACKUPS, HERE, backup, tiers, objects)[0].name  # type: ignore[arg-type]


def test_the_newest_that_holds_what_is_asked_for() -> None:
    assert _chosen() == "new", "what is narrower than usual hides nothing"
    assert _chosen(tiers=("mongo",)) == "new"
    assert _chosen(objects=("gone",)) == "night"
    assert _chosen(objects=("agent",)) == "agents"
    assert _chosen(types=("tracking_agent",)) == "agents"
    assert _chosen(objects=("nobody",)) == "new", "whoever looks into it says what there is"
    assert _chosen(namespace="nowhere") == "new"
    assert _chosen(at="2026-11-20 10:00Z") == "night"
    assert _chosen(backup="lrs", objects=("model",)) == "lrs"


def test_an_error_names_the_backup_that_has_it() -> None:
    with pytest.raises(UsageError, match="lrs holds no mongo") as raised:
        _chosen(backup="lrs", tiers=("mongo",))
    assert raised.value.hint == "the newest that does is new"
    with pytest.raises(UsageError, match="lrs holds no LRS 'gone'") as raised:
        _chosen(backup="lrs", objects=("gone",))
    assert raised.value.hint == "the newest that does is night"
    assert _chosen(backup="lrs", objects=("nobody",)) == "lrs", "nobody has it"


def test_a_time_beside_a_name() -> None:
    given: Any = _Given(at="2026-11-20 01:00Z")
    assert found(given, BACKUPS, "latest").name == "night"
    assert until(_Given(), "latest") is None  # type: ignore[arg-type]
    for call in (lambda: found(given, BACKUPS, "new"), lambda: _chosen(backup="new", at="2d")):
        with pytest.raises(UsageError, match="--at says nothing beside 'new'"):
            call()
    with pytest.raises(UsageError, match="no sealed backup until"):
        found(_Given(at="2020-01-01"), BACKUPS, "")  # type: ignore[arg-type]


def test_a_time_is_of_whichever_is_not_named() -> None:
    given: Any = _Given(at="2026-11-20 01:00Z")
    assert found(given, BACKUPS, "new", named=("new", "latest")).name == "new"
    assert found(given, BACKUPS, "latest", named=("new", "latest")).name == "night"
    with pytest.raises(UsageError, match="--at says nothing beside 'new' and 'lrs', which are backups"):
        found(given, BACKUPS, "new", named=("new", "lrs"))
    with pytest.raises(UsageError, match="--at says nothing without a backup"):
        until(given)


def test_latest_is_the_one_that_holds_what_is_meant() -> None:
    given: Any = _Given()
    assert found(given, BACKUPS, "latest", applications=("gone",)).name == "night"
    assert found(given, BACKUPS, "latest", applications=("nobody",)).name == found(given, BACKUPS, "latest").name


def test_the_application_that_is_meant_decides() -> None:
    assert _of_application("gone") == "night"
    assert _of_application("app") == "new"
    assert _of_application("model", at="2026-11-20 10:00Z") == "night"
    assert _of_application("model", backup="lrs") == "lrs"
    with pytest.raises(UsageError, match="new knows no 'nobody'") as raised:
        _of_application("nobody")
    assert raised.value.hint == "near ones"
    with pytest.raises(UsageError, match="lrs knows no 'gone'") as raised:
        _of_application("gone", backup="lrs")
    assert raised.value.hint == "the newest backup that knows it is night; near ones"


def test_what_is_wrong_otherwise_names_no_other_backup() -> None:
    error = UsageError("two are called so")
    assert known_elsewhere(error, BACKUPS, NEW, ("model",)) is error  # type: ignore[arg-type]


def _of_application(app: str, backup: str = "", **given: Any) -> str:
    return of_application(_Given(app=app, **given), BACKUPS, backup, HERE)[0].name  # type: ignore[arg-type]
