"""Values that a parameter can have; a look-up that fails or takes long gives none, and asks nothing."""

from __future__ import annotations

import threading

import click
import pytest

from kubectl_lrs.completion import values
from kubectl_lrs.completion.engine import Candidate, Directive, Line
from kubectl_lrs.model.errors import LrsError


def _param(name: str, metavar: str = "") -> click.Option:
    return click.Option([f"--{name}"], metavar=metavar or None)


def _words(name: str, partial: str = "") -> list[str]:
    return [each.word for each in values.complete(Line("list", partial), _param(name)).candidates]


def test_what_the_shell_itself_completes() -> None:
    assert values.complete(Line("x", ""), _param("any", "FILE")).directive is Directive.DEFAULT
    assert values.complete(Line("x", ""), _param("any", "DIR")).directive is Directive.FOLDERS
    assert values.complete(Line("x", "./b"), _param("backup")).directive is Directive.FOLDERS


def test_what_the_table_does_not_know() -> None:
    assert _words("retries") == []


def test_types_after_a_comma_are_those_that_are_not_there_yet() -> None:
    assert "deployment" in _words("types")
    assert _words("types", "dep") == ["deployment"]
    assert _words("types", "deployment,s") == ["deployment,spark_app"]
    assert "deployment,deployment" not in _words("types", "deployment,")


def test_a_look_up_that_fails_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_line: Line) -> list[Candidate]:
        raise LrsError("away")

    monkeypatch.setattr(values, "SOURCES", {"namespace": fails})
    assert _words("namespace") == []


def test_a_look_up_that_takes_long_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def hangs(_line: Line) -> list[Candidate]:
        ended.wait(600)
        return [Candidate("late")]

    monkeypatch.setattr(values, "SOURCES", {"namespace": hangs})
    monkeypatch.setattr(values, "LIMIT", 0.01)
    assert _words("namespace") == []
    ended.set()


@pytest.mark.parametrize("name", values.SOURCES)
def test_without_cluster_kubeconfig_and_backups_there_is_nothing_to_offer(name: str) -> None:
    assert [each for each in _words(name) if name not in ("types", "excluded", "after")] == []
    assert name != "after" or _words(name) in ([], ["live"])
