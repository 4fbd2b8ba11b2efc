"""What a storage allows, and what became of copies, in words."""

from __future__ import annotations

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.render.repository import copy_view, repository_check_view
from kubectl_lrs.repository.base import Damage
from kubectl_lrs.repository.pool.inspect import Rights
from kubectl_lrs.usecases.copy import CopyOutcome, CopyReport, CopyResult
from kubectl_lrs.usecases.repository import RepositoryCheck


def _said(rights: Rights, *damages: Damage) -> str:
    check = RepositoryCheck(location="s3://b", backups=2, damages=damages, rights=rights)
    return "\n".join(repository_check_view(check).after)


def test_a_reader() -> None:
    said = _said(Rights(may_write=False, why="403"))
    assert "cannot write: 403" in said
    assert "delete" not in said


def test_a_writer_that_destroys_nothing() -> None:
    said = _said(Rights(may_write=True, refuses_another=True, may_overwrite=False, may_delete=False, why="403", left="probe/x"))
    assert "cannot overwrite" in said
    assert "cannot delete objects: 403" in said
    assert "the probe stays there: probe/x" in said
    assert "can destroy backups" not in said


def test_one_that_may_do_all() -> None:
    said = _said(Rights(may_write=True, refuses_another=False, may_overwrite=True, may_delete=True), Damage("one", "gone"))
    assert "If-None-Match" in said
    assert "can destroy backups" in said
    assert "1 thing is wrong" in said


def test_copies() -> None:
    outcomes = [
        CopyOutcome(name="a", result=CopyResult.COPIED, stored={"newBytes": 2048, "linkedBytes": 0}),
        CopyOutcome(name="b", result=CopyResult.FAILED, error=LrsError("why")),
        CopyOutcome(name="c", result=CopyResult.NOT_TRIED),
    ]
    view = copy_view(CopyReport(source="x", target="y", outcomes=outcomes))
    assert view.names == ["a"]
    assert view.rows == [("a", "copied", "2.0 KiB", "0 B", ""), ("b", "failed", "", "", "why"), ("c", "not tried", "", "", "")]
    assert view.after == ("y: 1 copied, 1 failed, 1 not tried",)
