"""Values that a parameter can have; a look-up that fails or takes long gives none, and asks nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import click
import pytest

from kubectl_lrs.completion import values
from kubectl_lrs.completion.line import Candidate, Directive, Line
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.flags import Flag, Source


class _Option(click.Option):
    """As the commands make theirs."""

    def __init__(self, source: Source) -> None:
        super().__init__(["--any"])
        self.flag = Flag(names=("--any",), source=source)


def _words(source: Source, partial: str = "") -> list[str]:
    return [each.word for each in values.complete(Line("list", partial), _Option(source)).candidates]


def test_what_the_shell_itself_completes() -> None:
    assert values.complete(Line("x", ""), _Option(Source.FILE)).directive is Directive.DEFAULT
    assert values.complete(Line("x", ""), _Option(Source.DIRECTORY)).directive is Directive.FOLDERS
    assert values.complete(Line("x", "./b"), _Option(Source.BACKUPS)).directive is Directive.FOLDERS
    assert values.complete(Line("x", ""), click.Option(["--kubeconfig"], metavar="FILE")).directive is Directive.DEFAULT


def test_what_the_table_does_not_know() -> None:
    assert _words(Source.NONE) == []
    assert values.source_of(click.Option(["--retries"])) is Source.NONE
    assert values.source_of(click.Option(["--context"])) is Source.CONTEXTS


def test_types_after_a_comma_are_those_that_are_not_there_yet() -> None:
    assert "deployment" in _words(Source.TYPES)
    assert _words(Source.TYPES, "dep") == ["deployment"]
    assert _words(Source.TYPES, "deployment,s") == ["deployment,spark_app"]
    assert "deployment,deployment" not in _words(Source.TYPES, "deployment,")


def _offered(line: Line, *, commas: bool = False, is_argument: bool = False) -> list[str]:
    param: click.Parameter = click.Argument(["any"], nargs=-1) if is_argument else click.Option(["--any"])
    param.flag = Flag(names=("any" if is_argument else "--any",), offered=("one", "two", "three"), commas=commas)  # type: ignore[attr-defined]
    return [each.word for each in values.complete(line, param).candidates]


def test_words_that_are_offered() -> None:
    assert _offered(Line("restore", "")) == ["one", "two", "three"]
    assert _offered(Line("restore", "t")) == ["two", "three"]
    assert _offered(Line("restore", "two,t"), commas=True) == ["two,three"]
    assert _offered(Line("history", "", (), ("two",)), is_argument=True) == ["one", "three"]


def test_kinds_of_documents() -> None:
    assert {"notes", "RestoreReport", "Error"} <= set(_words(Source.KINDS))
    assert _words(Source.KINDS, "Restore") == ["RestorePlan", "RestoreReport"]


def test_a_look_up_that_fails_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_line: Line) -> list[Candidate]:
        raise LrsError("away")

    monkeypatch.setattr(values, "SOURCES", {Source.NAMESPACES: fails})
    assert _words(Source.NAMESPACES) == []


def test_a_look_up_that_takes_long_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def hangs(_line: Line) -> list[Candidate]:
        ended.wait(600)
        return [Candidate("late")]

    monkeypatch.setattr(values, "SOURCES", {Source.NAMESPACES: hangs})
    monkeypatch.setattr(values, "LIMIT", 0.01)
    assert _words(Source.NAMESPACES) == []
    ended.set()


@pytest.mark.parametrize("source", values.SOURCES)
def test_without_cluster_kubeconfig_and_backups_there_is_little_to_offer(
    source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    found = _words(source)
    assert found == [] or source in (Source.TYPES, Source.KINDS) or (source is Source.BACKUPS_OR_LIVE and found == ["live"])


def test_what_others_saved_is_offered_where_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name, file in (("lrs_backup_vendor", "a.yaml"), ("lrs_backup_$(touch x)", "a.yaml"), ("lrs_backup_none", "notes.txt")):
        (folder / name).mkdir()
        (folder / name / file).write_text("")
    assert _words(Source.READABLE) == ["lrs_backup_vendor"]
    assert _words(Source.BACKUPS_OR_LIVE) == ["live", "lrs_backup_vendor"]
    assert _words(Source.BACKUPS) == []


class _Directory:
    """A repository with two backups; `find` gives the name."""

    def has(self, name: str) -> bool:
        return name in ("monday", "tuesday")

    def find(self, name: str) -> str:
        return name


def test_applications_are_offered_by_names_that_are_plain_and_one_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"latest": {"a1": "sales", "b2": "twin", "c3": "twin", "d4": "$(touch x)", "e5": ""}, "monday": {"a1": "old-name"}}
    monkeypatch.setattr(values, "_directory", lambda _line: _Directory())
    monkeypatch.setattr("kubectl_lrs.usecases.belonging.applications_in", lambda backup: there[backup])
    option = _Option(Source.APPLICATIONS)
    found = [(each.word, each.meaning) for each in values.complete(Line("show", ""), option).candidates]
    assert found == [("b2", "twin"), ("c3", "twin"), ("d4", "$(touch x)"), ("sales", "a1")]
    of_monday = values.complete(Line("show", "", (), ("monday",)), option).candidates
    assert [each.word for each in of_monday] == ["old-name"]
