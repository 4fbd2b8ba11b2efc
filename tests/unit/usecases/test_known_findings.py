"""New errors of a check wake somebody up, known ones do not; where that cannot be told, it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.consistency import RULES, Examination, Found, Gap
from kubectl_lrs.model.errors import DamageError, ExitCode, LrsError
from kubectl_lrs.model.nightly import NightlyReport, State
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.runtime.state import VARIABLE
from kubectl_lrs.usecases.known_findings import BesideBackups, InState, judge, key_of, memory_of, to_keep

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)


def _found(name: str, severity: Severity = Severity.ERROR, message: str = "m") -> Found:
    return Found(RULES[0], severity, name, message)


def _judged(
    *found: Found, before: frozenset[str] | None = frozenset(), every: bool = False, gap: bool = False
) -> tuple[str, int]:
    gaps = [Gap("images", "away", "--images", True, ())] if gap else []
    outcome = judge(Examination(findings=list(found), gaps=gaps), before, every=every, said="v")
    return outcome.state.value, outcome.status


def test_new_ones_count_and_known_ones_do_not() -> None:
    old, new = _found("n/old"), _found("n/new")
    known = frozenset((key_of(old),))
    assert _judged(old, new, before=known) == (State.FOUND, ExitCode.DIFFERENCE)
    assert _judged(old, before=known) == (State.FOUND, ExitCode.DONE)
    assert _judged(old, before=known, every=True) == (State.FOUND, ExitCode.DIFFERENCE)
    assert _judged(_found("n/old", message="in other words"), before=known) == (State.FOUND, ExitCode.DONE)
    assert _judged(before=known) == (State.DONE, ExitCode.DONE)
    assert _judged(_found("n/new", Severity.WARNING)) == (State.DONE, ExitCode.DONE)


def test_where_nothing_is_kept_that_is_said() -> None:
    """By the status too: with -q a good night prints nothing."""
    outcome = judge(Examination(findings=[_found("a")]), None, every=False, said="v")
    assert (outcome.state, outcome.status) == (State.FOUND, ExitCode.PARTIAL)
    assert _judged(before=None) == (State.DONE, ExitCode.DONE)
    assert "cannot be told" in outcome.hint
    assert _judged(_found("a"), before=None, every=True) == (State.FOUND, ExitCode.DIFFERENCE)


def test_what_could_not_be_looked_at_is_a_failure() -> None:
    assert _judged(gap=True) == (State.FAILED, ExitCode.UNREACHABLE)
    assert _judged(_found("a"), before=frozenset((key_of(_found("a")),)), gap=True) == (State.FOUND, ExitCode.UNREACHABLE)


def test_what_could_not_be_looked_at_is_not_forgotten() -> None:
    """Else a registry that was away for a night would make all that is known of it new."""
    rule = RULES[0]
    before = frozenset((key_of(_found("old")), "OTHER  gone"))
    examination = Examination(findings=[_found("now"), _found("b", Severity.WARNING)])
    assert to_keep(examination, before) == {key_of(_found("now"))}
    examination.gaps.append(Gap("a store", "away", "", failed=True, titles=(rule.title,)))
    assert to_keep(examination, before) == {key_of(_found("now")), key_of(_found("old"))}
    assert to_keep(examination, None) == {key_of(_found("now"))}


def test_what_another_failure_has_hidden_is_new_to_the_next_run() -> None:
    """That one begins at once where a storage was away: what nobody was told of by then would never wake anybody up."""
    before = frozenset((key_of(_found("old")), key_of(_found("gone"))))
    examination = Examination(findings=[_found("old"), _found("new")])
    kept = to_keep(examination, before, is_told=False)
    assert kept == {key_of(_found("old"))}
    assert _judged(_found("old"), _found("new"), before=kept) == (State.FOUND, ExitCode.DIFFERENCE)
    assert to_keep(examination, before) == {key_of(_found("old")), key_of(_found("new"))}
    assert to_keep(examination, None, is_told=False) == to_keep(examination, None), "nothing tells what is new"


def _report(**more: str) -> NightlyReport:
    return NightlyReport(cluster="u", profile="lrs", parts=(), began=NOW, **more)


def test_they_are_kept_from_run_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, other = InState(_report()), InState(_report(namespace="another"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "share" / "state"))
    assert memory.recalled() is None, "the place that was named is not there"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    assert memory.recalled() == frozenset(), "the first run: all are new"
    memory.keep(["a", "b"])
    assert memory.recalled() == {"a", "b"}
    assert other.recalled() == frozenset(), "two installations in one cluster know nothing of each other"
    (file,) = (tmp_path / "state" / "u").iterdir()
    file.write_text("{")
    assert memory.recalled() is None


class Beside:
    """Notes of backups by their names."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def read(self, backup: Any) -> Any:
        """What was left, or the error that there is."""
        found = self.kept.get(backup.catalog.name)
        if isinstance(found, LrsError):
            raise found
        return found

    def write(self, backup: Any, body: Any) -> None:
        """Leave it."""
        self.kept[backup.catalog.name] = body


def test_they_are_found_beside_the_newest_backup_that_has_any() -> None:
    notes, names = Beside(), ["made", "by-hand", "night", "before"]
    backups = [SimpleNamespace(catalog=SimpleNamespace(name=name)) for name in names]
    own = SimpleNamespace(has=lambda catalog: catalog.name != "by-hand")
    places = {each.catalog.name: each for each in backups}
    repository: Any = SimpleNamespace(newest_first=lambda: backups, find=places.get, notes=notes)
    memory = BesideBackups(repository, notes, own, "made")  # type: ignore[arg-type]
    assert memory.recalled() == frozenset(), "no run has left anything"
    notes.kept = {"by-hand": {"errors": ["x"]}, "night": {"errors": ["a"]}, "before": {"errors": ["b"]}}
    assert memory.recalled() == {"a"}
    memory.keep({"c"})
    assert (memory.recalled(), notes.kept["made"]) == ({"c"}, {"errors": ["c"]})
    replace(memory, made="").keep({"d"})
    assert memory.recalled() == {"c"}, "a night without a backup leaves what is known"
    notes.kept["made"] = DamageError("no note")
    assert memory.recalled() is None
    report = _report()
    assert isinstance(memory_of(report, repository, memory.own, "made"), BesideBackups)
    assert isinstance(memory_of(report, SimpleNamespace(notes=None), memory.own, "made"), InState)  # type: ignore[arg-type]
