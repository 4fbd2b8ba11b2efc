"""After the writes: what cannot be looked at is said, and no outcome is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.model.manifest import fingerprint
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs.post_checks import check_statuses, wait_for
from kubectl_lrs.stores.lrs.saved import TIER, StoredLrs
from tests.builders.fake_kube import LRS, FakeKube

READY = {"conditions": [{"type": "Ready", "status": "True"}]}


class _Kube(FakeKube):
    def items(self, resource: Any, namespace: str) -> list[dict[str, Any]]:
        return [each for page in self.pages(resource, namespace) for _, each in page.items]


def _lrs(name: str, status: Any = None) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name}, "status": status}


def _stored(name: str, status: Any = None) -> StoredLrs:
    return StoredLrs({"metadata": {"namespace": "n", "name": name}}, (), status, sum=b"")


def _report(**results: Result) -> Report:
    outcomes = [Outcome(store=TIER, namespace="n", name=name, result=result) for name, result in results.items()]
    return Report(source="", target="", outcomes=outcomes)


def _waited(report: Report, kube: Any, *chosen: StoredLrs) -> dict[str, Result]:
    wait_for(kube, LRS, chosen, {}, report, Deadline(0, threading.Event()), Silent())  # type: ignore[arg-type]
    return {each.name: each.result for each in report.outcomes}


def test_what_is_not_ready_in_time_is_not_done() -> None:
    report = _report(a=Result.CREATED, b=Result.UNCHANGED, c=Result.CONFLICT)
    kube = _Kube([_lrs("a"), _lrs("b", READY), _lrs("c")])
    assert _waited(report, kube, *map(_stored, "abc")) == {"a": Result.NOT_READY, "b": Result.UNCHANGED, "c": Result.CONFLICT}
    assert report.outcomes[0].message == "created, not ready in time: it has no conditions"


def test_what_was_not_ready_before_is_not_waited_for() -> None:
    report = _report(a=Result.CREATED)
    assert _waited(report, _Kube([_lrs("a")]), _stored("a", {"phase": "Failed"})) == {"a": Result.CREATED}


def test_a_server_that_is_gone_costs_no_outcome() -> None:
    report = _report(a=Result.CREATED)
    away = _Kube(answers=[UnreachableError("away")])
    assert _waited(report, away, _stored("a")) == {"a": Result.CREATED}
    assert "not known: away" in report.incomplete[0]


@pytest.mark.parametrize(("status", "lost"), [(READY, False), ({"phase": "x"}, True), (None, True)])
def test_statuses_that_did_not_stick(status: Any, lost: bool) -> None:
    report = _report(a=Result.CREATED)
    wanted = {("n", "a"): fingerprint({"status": READY})}
    check_statuses(_Kube([_lrs("a", status), _lrs("other", status)]), LRS, wanted, report)  # type: ignore[arg-type]
    assert bool(report.incomplete) is lost


def test_statuses_that_cannot_be_read_back() -> None:
    report = _report()
    check_statuses(_Kube(answers=[UnreachableError("away")]), LRS, {("n", "a"): b""}, report)  # type: ignore[arg-type]
    assert "not known" in report.incomplete[0]
