"""Beside a restore: what activate will start is left alone, by what lies beside the backups, and without asking anybody."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.model.plan import Action
from kubectl_lrs.runtime.trust import OWN
from kubectl_lrs.stores.deployments.inventory import Deployment, inventory
from kubectl_lrs.stores.deployments.journal import FileJournalWriter, Journal, JournalledDeployment
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.usecases.known_deployments import known_deployments, left_to_activate
from tests.builders.scripted_api import ScriptedApi, account

A = "a" * 24
APP = {"metadata": {"namespace": "n", "name": "app"}, "spec": {}}
DEPLOYMENT = {
    "metadata": {"namespace": "n", "name": f"deployment-{A}", "labels": {"datarobot-lrs-type": "deployment"}},
    "spec": {},
}


def _actions(folder: Path, live: list[Deployment], *, force: bool = False) -> list[Action | None]:
    judge = left_to_activate(known_deployments(folder, (), None, live, trust=OWN), force=force)
    return [found[0] if (found := judge(each)) else None for each in (DEPLOYMENT, APP)]


def test_what_activate_will_start_is_left_alone(tmp_path: Path) -> None:
    entry = JournalledDeployment(id=A, label="", organisation="o", model="", before="active", state=State.DEACTIVATED)
    path = tmp_path / "lrs_deactivated_2026_11_24_10_00_00.json"
    journal = Journal(path=path, endpoint="https://app/api/v2", created="2026-11-24T10:00:00Z", entries={A: entry})
    FileJournalWriter(journal).write()
    live = [*inventory([account(ScriptedApi(**{A: "inactive"}))]).values()]
    assert _actions(tmp_path, live) == [Action.SKIP, None]
    assert _actions(tmp_path, live, force=True) == [Action.SKIP, None], "that is known"


def test_where_nothing_is_known_nothing_is_left_alone(tmp_path: Path) -> None:
    assert _actions(tmp_path, []) == [None, None]
